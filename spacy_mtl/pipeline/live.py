"""The pipelines that this process holds.

spaCy's loop gives an optimizer the number of a layer, and a batcher an example, without the
pipeline they belong to. Our factories announce theirs here, so that it can be found from either.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakSet

from spacy.language import Language
from spacy.vocab import Vocab

_PIPELINES: WeakSet[Language] = WeakSet()


def announce(nlp: Language) -> None:
    """Make a pipeline known; it is forgotten when nobody else holds it."""
    _PIPELINES.add(nlp)


def live_pipelines() -> Iterator[Language]:
    """All pipelines that were announced and are still in use."""
    yield from list(_PIPELINES)


def pipeline_of(vocab: Vocab) -> Language | None:
    """The pipeline with this very vocabulary, None if it was not announced."""
    return next((nlp for nlp in live_pipelines() if nlp.vocab is vocab), None)
