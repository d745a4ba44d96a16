"""What a reader notes on a reference, under these keys of `user_data`, for those that come after.

Plain values, so that a Doc with marks can be saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spacy.training import Example

from .errors import MTLError

# The name of the corpus, and the example's place in it, which spaCy's shuffling does not change.
CORPUS = "spacy_mtl_corpus"
INDEX = "spacy_mtl_index"
# By task, the labels that the corpus knows, where these are not all.
LABELS = "spacy_mtl_labels"

# The span group of spans that are known to be no entities, under the name that Prodigy gives it.
INCORRECT_SPANS = "incorrect_spans"


def mark(
    example: Example, corpus: str, index: int, labels: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Note the example's corpus and its place there and, by task, the only labels known there.

    What an earlier reader noted, or a file had, is replaced; labels only if some are given.
    """
    marks = example.reference.user_data
    marks.update({CORPUS: corpus, INDEX: index})
    if labels is not None:
        marks[LABELS] = labels


def corpus_of(example: Example) -> tuple[str, int]:
    """The name of the example's corpus and its place there, as a `MixedCorpus` has marked it.

    RAISES (MTLError): If another reader has read it.
    """
    marks = example.reference.user_data
    if CORPUS not in marks:
        raise MTLError(
            "Expected examples that 'spacy_mtl.MixedCorpus.v1' has read, got one without the mark "
            "of its corpus. Name that reader in [corpora.train]."
        )
    return marks[CORPUS], marks[INDEX]


def known_labels(example: Example) -> Mapping[str, Sequence[str]]:
    """By task, the only labels that the example's corpus knows; a task not named knows all."""
    known: Mapping[str, Sequence[str]] = example.reference.user_data.get(LABELS, {})
    return known
