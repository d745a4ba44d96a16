"""The corpora that a pipeline's config mixes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from spacy.language import Language
from spacy.training import Example

from ..errors import MTLError
from ..marks import CORPUS
from ..models.topologies.base import Sharing, named_corpora
from .augmenters import MIXED


def check_corpora(
    nlp: Language,
    component: str,
    model: Sharing,
    get_examples: Callable[[], Iterable[Example]],
) -> None:
    """Warn if the topology keeps corpora apart, and no example is of one.

    RAISES (MTLError): If it names a corpus that no mixture of the config has.
    """
    if not (named := named_corpora(model)):
        return
    known = list(dict.fromkeys(_mixed(nlp.config.interpolate().get("corpora"))))
    if not known:
        if not any(CORPUS in example.reference.user_data for example in get_examples()):
            warnings.warn(
                f"[components.{component}.model] keeps the corpora {', '.join(named)} apart, and "
                "no document says which it is of: so none teaches a private space or the "
                f'adversary. Read them with `@readers = "{MIXED}"`.',
                stacklevel=2,
            )
    elif strange := [name for name in named if name not in known]:
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
