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
from .proposals import Found, Suggestion
from .tokens import Keys, TokenLayer

FEW_SENTENCES = 1.1  # to a Doc, below which next to no boundary stands between two of them
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
    components = ("sentencizer", "senter")
    has_labels = False

    def denial(self, doc: Doc) -> int:
        return _NO_START

    def keys(self, doc: Doc) -> Keys:
        """See `known_starts`."""
        return known_starts(doc).astype("int64").astype("uint64")

    def count(self, doc: Doc) -> int:
        return int(numpy.count_nonzero(self.keys(doc)))

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

    def propose(self, found: Found) -> Suggestion | None:
        """None where next to no sentence begins within a document; of a parser beside it see
        `spacy_mtl.configs.proposed_tasks`."""
        if found.sentences is not None and found.sentences < FEW_SENTENCES:
            return None
        return Suggestion("senter", {"@mtl_tasks": "spacy_mtl.SentenceStarts.v1"}, "sents_f")

    def to_json(self, doc: Doc) -> Any:
        if not self.present(doc):
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


def known_starts(doc: Doc) -> NDArray[numpy.int8]:
    """(n_tokens,) where sentences begin: 1, or -1 where one goes on, 0 where it is not known.

    spaCy takes them from a parse when it is set. A token without a head then counts as one at
    which no sentence begins; so nothing is known of a document in which a word has no head. That
    the first token begins one is true of any document, and says nothing where nothing else does.
    """
    columns: Any = doc.to_array(["SENT_START", "DEP", "IS_SPACE"]).reshape(len(doc), 3)
    starts: NDArray[numpy.int8] = columns[:, 0].astype("int64").astype("int8")
    parsed = columns[:, 1] != 0
    partly = parsed.any() and not (parsed | (columns[:, 2] != 0)).all()
    if partly or not starts[1:].any():
        starts[:] = 0
    return starts


def count_sentences(doc: Doc) -> int:
    """The number of sentences; 0 where it is not known where they begin."""
    if not len(doc) or not doc.has_annotation("SENT_START"):
        return 0
    return 1 + int(numpy.count_nonzero(doc.to_array(["SENT_START"])[1:] == 1))


def set_starts(doc: Doc, values: Sequence[int] | Keys) -> None:
    """Set SENT_START of all tokens: 1 at the beginning of a sentence, -1 within, 0 unknown."""
    keys: Any = numpy.asarray(values)
    doc.from_array(["SENT_START"], keys.astype("uint64"))
