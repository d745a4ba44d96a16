"""The config blocks in the documentation."""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Any

from spacy.schemas import ConfigSchemaInit, ConfigSchemaTraining
from spacy.util import load_config, load_config_from_str, load_model_from_config, registry

from .commands import ROOT

PATHS = {"paths.train": "train.spacy", "paths.dev": "dev.spacy"}
TASKS = "components.multitask.tasks."

Sections = dict[str, dict[str, str]]  # the lines of each, by their keys


def check_config(text: str, page: str = "") -> None:
    """Put a block into a config as `init-config` writes it, and make everything that is in it.

    page: the text around it, which must name each line of the config that gives way to a section.
    """
    config = load_config_from_str(_pasted(text, page), overrides=PATHS)
    nlp = load_model_from_config(config, auto_fill=True)
    filled: Any = nlp.config.interpolate()
    registry.resolve({"corpora": filled["corpora"]})
    registry.resolve(filled["training"], schema=ConfigSchemaTraining)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.resolve(filled["initialize"], schema=ConfigSchemaInit)
    labels = filled["initialize"]["components"].get("multitask", {}).get("labels", {})
    assert set(labels) <= set(filled["components"]["multitask"]["tasks"])


def _pasted(text: str, page: str) -> str:
    """The config with the block's sections.

    A section that names a registered function takes the place of the one that is there, with all
    below it. Other sections set their lines. Sections around them must be in one of the two.
    """
    block, config = _sections(text), _sections(_written())
    replaced = [name for name, lines in block.items() if any(key[0] == "@" for key in lines)]
    gone = tuple(f"{name}." for name in replaced)
    config = {name: lines for name, lines in config.items() if not f"{name}.".startswith(gone)}
    if any(name.startswith(TASKS) for name in block):
        config = {name: lines for name, lines in config.items() if not name.startswith(TASKS)}
    for name, lines in block.items():
        config.setdefault(name, {}).update(lines)
        parent, _, key = name.rpartition(".")
        if f"`{key} = null`" in page and config.get(parent, {}).get(key) == "null":
            del config[parent][key]
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())
        for name, lines in config.items()
    )


@cache
def _written() -> str:
    """`configs/cnn.cfg` with every setting, which is what `init-config` proposes."""
    config = load_config(ROOT / "configs" / "cnn.cfg")
    return load_model_from_config(config, auto_fill=True).config.to_str()


def _sections(text: str) -> Sections:
    found: Sections = {}
    for part in re.split(r"^(?=\[)", text, flags=re.M)[1:]:
        header, *lines = part.splitlines()
        pairs = [line.split(" = ", 1) for line in lines if line.strip() and line[0] != "#"]
        found[header.strip("[]")] = {key: value for key, value in pairs}
    return found
