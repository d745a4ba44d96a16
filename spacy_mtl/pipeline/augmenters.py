"""What augmenters do to missing annotation, where no reader of this package undoes it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from spacy.language import Language

STOCK = "spacy.Corpus.v1"
MIXED = "spacy_mtl.MixedCorpus.v1"
# By our readers, where those stand that they read from. All keep missing annotation missing.
_OWN = {MIXED: "corpora", "spacy_mtl.Subset.v1": "reader", "spacy_mtl.GoldTokenCorpus.v1": None}


def warn_if_augmented(nlp: Language) -> None:
    """Warn of corpora of a pipeline's config whose augmenter may turn missing into none."""
    config = nlp.config.interpolate()
    for name in ("train_corpus", "dev_corpus"):
        place = config["training"].get(name)
        block = _at(config, place) if isinstance(place, str) else None
        for where, reader in _unguarded(block, str(place), guarded=False):
            warnings.warn(
                f"The reader '{reader}' in [{where}] has an augmenter. Augmenters that make their "
                "examples anew, as those of spaCy do, turn what nobody annotated into O and words "
                "without features, which would be learned. Give it to the reader "
                f"'{MIXED}' instead, as its setting `augmenter`: there missing annotation stays "
                "missing.",
                stacklevel=3,
            )


def _at(config: Any, place: str) -> Any:
    for name in place.split("."):
        config = config.get(name) if isinstance(config, dict) else None
    return config


def _unguarded(block: Any, where: str, guarded: bool) -> Iterator[tuple[str, str]]:
    """The readers in a block that have an augmenter which nobody looks after, with their places.

    guarded: whether a reader of this package reads from it.
    """
    if not isinstance(block, dict):
        return
    reader = block.get("@readers")
    if reader in _OWN:
        inner = block.get(_OWN[reader]) if _OWN[reader] else None
        blocks = inner if reader == MIXED and isinstance(inner, dict) else {"": inner}
        for name, own in blocks.items():
            place = ".".join(filter(None, (where, _OWN[reader], name)))
            yield from _unguarded(own, place, guarded=True)
    elif reader is not None and not (guarded and reader == STOCK) and _augments(block):
        yield where, reader


def _augments(block: Any) -> bool:
    """Whether there is an augmenter anywhere in a block."""
    if not isinstance(block, dict):
        return False
    return (
        "@augmenters" in block
        or block.get("augmenter") is not None
        or any(_augments(inner) for inner in block.values())
    )
