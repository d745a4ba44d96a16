"""Pipelines, configs and the device that a command names."""

from __future__ import annotations

from collections.abc import Mapping
from configparser import Error as ParserError
from pathlib import Path
from typing import Any

import spacy
import typer
from spacy import util
from spacy.cli._util import setup_gpu
from spacy.language import Language
from thinc.api import Config

from ..code_file import code_hint, import_code
from ..errors import MTLError, one_line


def code_option(ctx: typer.Context, code: Path | None) -> Path | None:
    """Import the file of --code as soon as it is read, before any command looks up a name.

    RAISES (MTLError): If it cannot be imported.
    """
    if code is not None and not ctx.resilient_parsing:  # which completes what is being typed
        import_code(code)
    return code


def load_pipeline(model: str) -> Language:
    """Load the pipeline of a folder or package.

    RAISES (MTLError): If that cannot be done.
    """
    try:
        return spacy.load(model)
    except MTLError:
        raise
    except Exception as error:  # spaCy's readers raise many, and a package runs code of its own
        raise MTLError(
            f"Expected the folder or package of a pipeline that can be loaded, got '{model}': "
            f"{one_line(error)}{code_hint(error)}"
        ) from error


def load_config(path: Path, overrides: Mapping[str, Any]) -> Config:
    """Read the config of a training ("-": from stdin), with its variables not yet filled in.

    overrides: values by their places, as "training.dropout".
    RAISES (MTLError): If it cannot be read, or is not the config of a training.
    """
    try:
        config = util.load_config(path, overrides=dict(overrides), interpolate=False)
        config.interpolate()
    except (OSError, ValueError, ParserError) as error:
        reason = getattr(error, "strerror", None) or error
        given = "".join(f" and --{k} {v}" for k, v in overrides.items() if "${" in str(v))
        hint = ""
        if given or "${" in str(error):
            hint = " (where ${ is in a path: rename it, or make a link to it and name that)"
        raise MTLError(
            f"Expected a config that can be read in {path}{given}, got: {one_line(reason)}{hint}"
        ) from error
    missing = [f"[{section}]" for section in ("nlp", "training") if section not in config]
    if missing:
        raise MTLError(
            f"Expected the config of a training in {path}, got one without {' and '.join(missing)}."
            " `spacy mtl init-config` writes whole ones, `spacy init fill-config` completes one."
        )
    return config


def use_device(gpu_id: int, silent: bool = False) -> None:
    """Use the GPU of this number, the CPU for -1.

    silent: do not say which.
    RAISES (MTLError): If there is no such GPU.
    """
    try:
        setup_gpu(gpu_id, silent=silent)
    except Exception as error:  # cupy's errors have no common base
        raise MTLError(
            f"Expected --gpu-id to be the number of a GPU that can be used, got {gpu_id}: "
            f"{one_line(error)}"
        ) from error
