"""Configs that differ from another one in a setting, or in some sections."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from configparser import Error as ParserError
from pathlib import Path
from typing import Any

from thinc.api import Config

from ..errors import MTLError, one_line

_OF_ALL = {"system.seed"} | {
    f"training.{name}" for name in ("seed", "max_steps", "max_epochs", "patience", "eval_frequency")
}


def varied(config: Config, change: str) -> Config:
    """The config with a setting changed, "components.multitask.loss_unit=mean", or with the
    sections of a file, "cross-stitch.cfg".

    config: not interpolated, so that what is said to be the same as the setting changes too.
    change: a dotted path, "=" and JSON, where what is not JSON is a string; or the path of a file
        that ends in .cfg. Its settings replace those of the config one by one, and a section that
        names a registered function replaces the whole of what was there.
    RAISES (MTLError): If there is no such section or file, or it is a setting that decides how
        long or with which seed all systems train.
    """
    config = config.copy()
    path, equals, text = change.partition("=")
    if not equals and path.endswith(".cfg"):
        return _with_sections(config, path)
    _check_change(path, change)
    *sections, key = path.split(".")
    section: Any = config
    for name in sections:
        section = section.get(name) if isinstance(section, dict) else None
    if not equals or not sections or not isinstance(section, dict):
        raise MTLError(
            "Expected a change of a setting in a section of the config, such as "
            f"components.multitask.loss_unit=mean, got '{change}'."
        )
    try:
        section[key] = json.loads(text)
    except ValueError:
        section[key] = text
    return config


def _check_change(path: str, change: str) -> None:
    if path in _OF_ALL:
        raise MTLError(
            f"Expected a change of something else than {', '.join(sorted(_OF_ALL))}, which are the "
            f"same for all systems, got '{change}'."
        )


def _with_sections(config: Config, path: str) -> Config:
    try:
        text = Path(path).read_text(encoding="utf8")
        given = Config().from_str(_parents(text) + text, interpolate=False)
    except (OSError, ValueError, ParserError) as error:
        raise MTLError(
            f"Expected a file with sections of a config as --vary, got {path}: {one_line(error)}"
        ) from error
    _replace(config, given, path)
    return config


def _parents(text: str) -> str:
    """Headers of the sections that others are in, which a config must have."""
    names = re.findall(r"^\[([^\[\]]+)\]\s*$", text, re.M)
    parts = [name.split(".") for name in names]
    above = {".".join(each[:end]) for each in parts for end in range(1, len(each))}
    return "".join(f"[{name}]\n" for name in sorted(above - set(names)))


def _replace(section: Any, given: Mapping[str, Any], change: str, at: str = "") -> None:
    for key, value in given.items():
        _check_change(f"{at}{key}", change)
        before = section.get(key)
        named = isinstance(value, dict) and any(name.startswith("@") for name in value)
        if isinstance(value, dict) and isinstance(before, dict) and not named:
            _replace(before, value, change, f"{at}{key}.")
        else:
            section[key] = value
