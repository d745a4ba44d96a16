"""The corpora that a pipeline's config mixes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spacy.language import Language

from ..errors import MTLError
from ..models.topologies.base import Sharing, named_corpora
from .augmenters import MIXED


def check_corpora(nlp: Language, component: str, model: Sharing) -> None:
    """RAISES (MTLError): If the topology names a corpus that no mixture of the config has."""
    if not (named := named_corpora(model)):
        return
    known = list(dict.fromkeys(_mixed(nlp.config.interpolate().get("corpora"))))
    if known and (strange := [name for name in named if name not in known]):
        raise MTLError(
            f"Expected in `corpora` of [components.{component}.model] names of corpora that are "
            f"mixed ({', '.join(known)}), got {', '.join(strange)}. Correct them."
        )


def _mixed(block: Any) -> Iterator[str]:
    """The names of corpora in the mixtures of a block."""
    if not isinstance(block, dict):
        return
    if block.get("@readers") == MIXED and isinstance(block.get("corpora"), dict):
        yield from block["corpora"]
    for inner in block.values():
        yield from _mixed(inner)
