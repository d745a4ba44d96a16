"""Layers that are an attribute of each token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.morphology import Morphology
from spacy.parts_of_speech import IDS as POS
from spacy.tokens import Doc

from ..errors import MTLError
from .base import AnnotationLayer, Borders, Statement
from .proposals import Block, Found, Suggestion

Keys = NDArray[numpy.uint64]


class TokenLayer(AnnotationLayer):
    """A layer that tokens have in their attributes, the first of which says whether one has it.

    column: Where a record of the converter has it, a value for each token; "" if it has not.
    label_name: What one label is called.
    no_label: How files write a missing label; None where what is there is no label.
    """

    by_token = True
    json_type = "strings"
    column: str = ""
    label_name: str = ""
    no_label: tuple[str, ...] | None = ("", "_")

    def keys(self, doc: Doc) -> Keys:
        """By token, (n_tokens,), the attribute that says whether it is labelled; 0 if not."""
        keys: Any = doc.to_array([self.attrs[0]])
        flat: Keys = keys.ravel()
        return flat

    def denial(self, doc: Doc) -> int:
        """The key that says "none here"; 0 where the layer has none."""
        return 0

    def count(self, doc: Doc) -> int:
        return int(numpy.count_nonzero(self.keys(doc)))

    def blank(self, doc: Doc) -> None:
        self.blank_tokens(doc, numpy.ones(len(doc), dtype=bool))

    def blank_tokens(self, doc: Doc, tokens: NDArray[numpy.bool_]) -> None:
        """Make the layer missing in some of the tokens, in place.

        tokens: For each token, whether it is one of them.
        """
        attrs: list[int | str] = [*self.attrs]
        values: Any = doc.to_array(attrs).reshape(len(doc), len(attrs))
        values[tokens] = 0
        doc.from_array(attrs, values)

    def values(self, doc: Doc) -> list[str | None]:
        """The label of each token, None for a missing one."""
        strings = doc.vocab.strings
        return [strings[key] if key else None for key in self.keys(doc).tolist()]

    def labels(self, doc: Doc) -> Counter[str]:
        values, counts = numpy.unique(self.keys(doc), return_counts=True)
        pairs = zip(values.tolist(), counts.tolist(), strict=True)
        return Counter({doc.vocab.strings[value]: n for value, n in pairs if value})

    def statements(self, doc: Doc, borders: Borders) -> Iterator[Statement]:
        for place, value in zip(borders, self.values(doc), strict=True):
            if value is not None and place[0] < place[1]:  # a token of whitespace has no place
                yield "", place, value

    def to_json(self, doc: Doc) -> Any:
        return self.values(doc) if self.present(doc) else None

    def from_json(self, doc: Doc, value: Any) -> None:
        values = self.checked(doc, value)
        by_value = {value: self.key(doc, value) for value in {*values}}
        keys: Any = numpy.asarray([by_value[value] for value in values], dtype="uint64")
        doc.from_array([self.attrs[0]], keys)

    def key(self, doc: Doc, value: str | None) -> int:
        """The value of the attribute for a label, or for a missing one."""
        key: int = doc.vocab.strings.add(value) if value else 0
        return key

    def checked(self, doc: Doc, value: Any) -> Sequence[Any]:
        """The value.

        RAISES (MTLError): If it is no list with an entry for each token.
        """
        if not isinstance(value, list) or len(value) != len(doc):
            came = f"{len(value)} values" if isinstance(value, list) else repr(value)
            raise MTLError(f"Expected {len(doc)} {self.title}, one a token, got {came}.")
        return value


class TagLayer(TokenLayer):
    """A label for each token: fine-grained tags, parts of speech.

    task: The name of the task that `init-config` writes, and its settings.
    """

    def __init__(self, name: str, title: str, field: str, task: str, settings: Block) -> None:
        self.name = self.label_name = name
        self.title = title
        self.field = self.column = field
        self.assigns = (f"token.{name}",)
        self.attrs = (name.upper(),)
        self._task = task
        self._settings = settings

    def propose(self, found: Found) -> Suggestion:
        settings = {"@mtl_tasks": "spacy_mtl.Tagger.v1", **self._settings}
        return Suggestion(self._task, settings, f"{self.name}_acc")


class PosLayer(TagLayer):
    """Universal parts of speech, of which there are no others than spaCy knows."""

    def key(self, doc: Doc, value: str | None) -> int:
        if value and value not in POS:
            raise MTLError(f"Expected a universal part of speech, got {value!r}.")
        return super().key(doc, value)


class MorphLayer(TagLayer):
    """Morphological features; a token known to have none is labelled, with "_"."""

    no_label = ()

    def denial(self, doc: Doc) -> int:
        key: int = doc.vocab.strings[Morphology.EMPTY_MORPH]
        return key

    def key(self, doc: Doc, value: str | None) -> int:
        key: int = 0 if value is None else doc.vocab.morphology.add(value)
        return key

    def to_json(self, doc: Doc) -> Any:
        if not self.present(doc):
            return None
        return [str(token.morph) if token.has_morph() else None for token in doc]


class LemmaLayer(TokenLayer):
    """Lemmas, which are no set of labels."""

    name = "lemma"
    title = "lemmas"
    assigns = ("token.lemma",)
    attrs = ("LEMMA",)
    field = column = "lemmas"
    no_label = None
    components = ("lemmatizer", "trainable_lemmatizer")
    has_labels = False

    def propose(self, found: Found) -> Suggestion:
        return Suggestion("lemmatizer", {"@mtl_tasks": "spacy_mtl.Lemmatizer.v1"}, "lemma_acc")

    def labels(self, doc: Doc) -> Counter[str]:
        return Counter()

    def to_json(self, doc: Doc) -> Any:
        return [token.lemma_ for token in doc] if self.present(doc) else None
