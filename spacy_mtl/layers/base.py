"""What a layer of annotation is: something that a Doc may have or lack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from spacy.tokens import Doc

from .coverage import LayerCoverage
from .proposals import Found, Suggestion

Statement = tuple[str, Hashable, str]
Borders = Sequence[tuple[int, int]]


class AnnotationLayer(ABC):
    """One kind of annotation: how to find it on a Doc, to count, take away, write and read it.

    All that the package knows of a layer is asked here: the converter, the readers, `inspect`,
    `init-config` and `annotate` go through `spacy_mtl.layers.table()`. A layer of your own is in
    the registry `mtl_layers` under its name; for attributes of `token._` and `doc._` there are
    `spacy_mtl.layers.extensions.TokenExtension` and `DocExtension`.

    name: As settings name it ("tag").
    title: In plain words, in the plural ("tags").
    assigns: What it is, as spaCy's components name what they write ("token.tag").
    attrs: The token attributes by which a `.spacy` file has it.
    unit: What is labelled or not: "tokens" or "docs".
    of_words: Whether a task of it learns from every word.
    counted: What `count` counts; the unit if it is empty.
    hub_type: The task's type on the Hugging Face Hub.
    field: The field of a JSON object that has it.
    json_type: What stands there: "string", "integer", "number", "strings", "integers", "numbers"
        (lists, with null for a missing one), "spans", "ranges", "span_groups", "classes",
        "values"; "" for any JSON.
    by_token: Whether the JSON value is a list with a value for each token, null for a missing one.
    in_user_data: Whether a `.spacy` file has it only if it was saved with `store_user_data=True`.
    has_task: Whether a task learns from it. Of a layer that only other components learn from,
        `inspect` shows what there is, and warns of nothing.
    components: Those of spaCy's own that set it on raw text, of a layer that files often have and
        that pipelines often do without.
    has_labels: Whether its values are of a set of labels, without which there is nothing to learn.
    """

    name: str = ""
    title: str = ""
    assigns: tuple[str, ...] = ()
    attrs: tuple[str, ...] = ()
    unit: str = "tokens"
    of_words: bool = True
    counted: str = ""
    hub_type: str = "token-classification"
    field: str = ""
    json_type: str = ""
    by_token: bool = False
    in_user_data: bool = False
    has_task: bool = True
    components: tuple[str, ...] = ()
    has_labels: bool = True

    @property
    def fields(self) -> Mapping[str, str]:
        """The JSON fields that have it, with their `json_type`."""
        return {self.field: self.json_type}

    @abstractmethod
    def count(self, doc: Doc) -> int:
        """The number of labelled units. 0: nobody looked at it. What is known to be none (a token
        outside of entities, an empty span group) is labelled."""

    @abstractmethod
    def blank(self, doc: Doc) -> None:
        """Make it missing, in place: afterwards it is not present."""

    @abstractmethod
    def to_json(self, doc: Doc) -> Any:
        """What a JSON object has in `field`; None where the Doc lacks the layer."""

    @abstractmethod
    def from_json(self, doc: Doc, value: Any) -> None:
        """Set what `to_json` gave on a Doc with the same text and tokens.

        RAISES (MTLError): For anything else.
        """

    def present(self, doc: Doc) -> bool:
        """Whether the Doc has any annotation of it."""
        return self.count(doc) > 0

    def labels(self, doc: Doc) -> Counter[str]:
        """How often each label occurs; none of what is no set of labels, such as lemmas."""
        return Counter()

    def coverages(self, doc: Doc) -> Iterator[tuple[str, LayerCoverage]]:
        """What the Doc has of each group, for most layers the one group ""."""
        if n_units := self.count(doc):
            yield "", LayerCoverage(n_units, self.labels(doc))

    def statements(self, doc: Doc, borders: Borders) -> Iterator[Statement]:
        """What is said of each unit, by which texts that stand several times are compared.

        borders: For each token, its first character and its end in the text without whitespace.

        Yields the group, the unit (the borders of a token, a class, "" for the whole) and the
        value in words.
        """
        if (value := self.to_json(doc)) is not None:
            yield "", "", str(value)

    def to_fields(self, doc: Doc) -> dict[str, Any]:
        """The JSON fields that have it, none where the Doc lacks the layer."""
        value = self.to_json(doc)
        return {} if value is None else {self.field: value}

    def propose(self, found: Found) -> Suggestion | None:
        """The task that `init-config` writes for it; None if there is none."""
        return None

    def register(self) -> None:  # noqa: B027  most layers have nothing to make known
        """Called once when the table of layers is read, for what must be known to spaCy."""
