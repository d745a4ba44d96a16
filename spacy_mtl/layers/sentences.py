"""Where sentences begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..errors import MTLError
from .coverage import LayerCoverage
from .tokens import Keys, TokenLayer

_NO_START = 2**64 - 1  # -1 as SENT_START


class SentenceLayer(TokenLayer):
    """Of each token, whether a sentence begins at it.

    The first token of any Doc begins one, so that it says nothing: a Doc of a single token, or
    one in which nothing is known of any other token, lacks the layer.
    """

    name = "sents"
    title = "sentences"
    assigns = ("token.is_sent_start", "doc.sents")
    attrs = ("SENT_START",)
    field = "sentences"
    json_type = "ranges"
    by_token = False
    has_task = False
    components = ("sentencizer", "senter")
    has_labels = False

    def denial(self, doc: Doc) -> int:
        return _NO_START

    def count(self, doc: Doc) -> int:
        known = int(numpy.count_nonzero(self.keys(doc)[1:]))
        return known + 1 if known else 0

    def blank_tokens(self, doc: Doc, tokens: NDArray[numpy.bool_]) -> None:
        values = self.keys(doc).copy()
        values[tokens] = 0
        values[:1] = 1  # as in a new Doc
        set_starts(doc, values)

    def values(self, doc: Doc) -> list[str | None]:
        names = {0: None, 1: "begins a sentence", _NO_START: "goes on with a sentence"}
        values = [names[key] for key in self.keys(doc).tolist()]
        return [None, *values[1:]]

    def labels(self, doc: Doc) -> Counter[str]:
        return Counter()

    def coverages(self, doc: Doc) -> Iterator[tuple[str, LayerCoverage]]:
        for group, found in super().coverages(doc):
            found.sentences = count_sentences(doc)
            yield group, found

    def to_json(self, doc: Doc) -> Any:
        if not doc.has_annotation("SENT_START"):
            return None
        return [{"start": sent.start_char, "end": sent.end_char} for sent in doc.sents]

    def from_json(self, doc: Doc, value: Any) -> None:
        if not isinstance(value, Iterable):
            raise MTLError(f"Expected a list of sentences, got {value!r}.")
        starts = {token.idx: token.i for token in doc}
        values: Any = numpy.full(len(doc), _NO_START, dtype="uint64")
        for sentence in value:
            start = sentence.get("start") if isinstance(sentence, dict) else None
            if start not in starts:
                raise MTLError(
                    "Expected sentences as {'start': ..., 'end': ...} that begin at a token, got "
                    f"{sentence!r}."
                )
            values[starts[start]] = 1
        values[:1] = 1
        set_starts(doc, values)


def count_sentences(doc: Doc) -> int:
    """The number of sentences; 0 where it is not known where they begin."""
    if not len(doc) or not doc.has_annotation("SENT_START"):
        return 0
    return 1 + int(numpy.count_nonzero(doc.to_array(["SENT_START"])[1:] == 1))


def set_starts(doc: Doc, values: Sequence[int] | Keys) -> None:
    """Set SENT_START of all tokens: 1 at the beginning of a sentence, -1 within, 0 unknown."""
    keys: Any = numpy.asarray(values)
    doc.from_array(["SENT_START"], keys.astype("uint64"))
