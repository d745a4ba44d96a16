"""The config blocks in the documentation."""

from __future__ import annotations

import re
import warnings
from typing import Any

from spacy.schemas import ConfigSchemaInit, ConfigSchemaTraining
from spacy.util import load_config, load_model_from_config, registry
from thinc.api import Config

from .commands import ROOT

PATHS = {"paths.train": "train.spacy", "paths.dev": "dev.spacy"}


def check_config(text: str) -> None:
    """Put a block into a complete config, and make everything that is in it."""
    block = Config().from_str(_with_parents(text), interpolate=False)
    base = load_config(ROOT / "configs" / "cnn.cfg", PATHS)
    given = block.get("components", {}).get("multitask", {})
    if "tasks" in given:
        del base["components"]["multitask"]["tasks"]
    if "train" in block.get("corpora", {}):
        del base["corpora"]["train"]
    config = base.merge(block)
    nlp = load_model_from_config(config, auto_fill=True)
    filled: Any = nlp.config.interpolate()
    registry.resolve({"corpora": filled["corpora"]})
    registry.resolve(filled["training"], schema=ConfigSchemaTraining)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.resolve(filled["initialize"], schema=ConfigSchemaInit)
    labels = filled["initialize"]["components"].get("multitask", {}).get("labels", {})
    assert set(labels) <= set(filled["components"]["multitask"]["tasks"])


def _with_parents(text: str) -> str:
    """The block with the sections around its own, which it may leave out, in their order."""
    bodies = {
        part[1 : part.index("]")]: part for part in re.split(r"^(?=\[)", text, flags=re.M)[1:]
    }
    for section in list(bodies):
        for dot in re.finditer(r"\.", section):
            parent = section[: dot.start()]
            bodies.setdefault(parent, f"[{parent}]\n\n")
    return "".join(bodies[section] for section in sorted(bodies))
