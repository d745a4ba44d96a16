"""Layers of your own, in an attribute of `token._` or `doc._`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from spacy.tokens import Doc, Span, Token

from ..errors import MTLError
from .base import AnnotationLayer, Borders, Statement
from .json_types import check_json
from .proposals import Block, Found, Suggestion

_MARK = "._."  # how spaCy keys the values of extensions in `Doc.user_data`
_SETTINGS = (None, None, None, None)  # default, method, getter, setter


def unknown_attributes(doc: Doc) -> Iterator[str]:
    """The attributes that the Doc has values of and that nobody made known, as "doc._.level"."""
    for key, value in doc.user_data.items():
        if value is None or not isinstance(key, tuple) or len(key) != 4 or key[0] != _MARK:
            continue
        owner = Doc if key[2] is None else Token if key[3] is None else Span
        if not owner.has_extension(key[1]):
            yield f"{owner.__name__.lower()}._.{key[1]}"


class _ExtensionLayer(AnnotationLayer):
    """An attribute that is None where it is missing, and JSON (or what MessagePack has) where not.

    in_user_data is True: `.spacy` files have it if they were saved with `store_user_data=True`,
    as all commands save them.

    spaCy knows the attribute only after `register`, which `spacy_mtl.layers.table()` calls for all
    layers in the registry. The commands and readers ask for the table; code of your own that sets
    `doc._` or `token._`, or reads a `DocBin`, before any of them calls `table()` first.
    """

    in_user_data = True
    _owner: Any
    _owner_name: str

    def __init__(
        self,
        name: str,
        *,
        title: str = "",
        field: str = "",
        json_type: str = "",
        labelled: bool = False,
        task: Block | None = None,
        score: str = "",
        hub_type: str = "",
    ) -> None:
        """
        name: Of the layer and of the attribute.
        title: What it is in plain words, in the plural; the name without.
        field: Where JSON has it; the name without.
        json_type: What the JSON values are, as "numbers", which `from_json` checks, and what a
            column of Parquet has; see `AnnotationLayer.json_type`. Anything, and JSON as text,
            without.
        labelled: Whether the values are labels, to be counted by `inspect`.
        task: The block of the task that learns it, which `init-config` writes.
        score: The key of that task's main score; the one that it names itself without.
        hub_type: The task's type on the Hugging Face Hub; "token-classification" of a token's,
            "text-classification" of a document's without.
        """
        if not name.isidentifier():
            raise MTLError(f"Expected a name as Python's attributes have it, got {name!r}.")
        self.name = name
        self.title = title or name
        self.field = field or name
        self.json_type = json_type
        self.assigns = (f"{self._owner_name}._.{name}",)
        self.has_labels = labelled
        self.hub_type = hub_type or self.hub_type
        self._task = task
        self._score = score

    def register(self) -> None:
        """Let spaCy know the attribute.

        RAISES (MTLError): If there is another one of its name.
        """
        if not self._owner.has_extension(self.name):
            self._owner.set_extension(self.name, default=None)
        elif (found := self._owner.get_extension(self.name)) != _SETTINGS:
            raise MTLError(
                f"Expected no {self._owner_name}._.{self.name} other than that of the layer "
                f"'{self.name}', whose default is None, got one with the default, method, getter "
                f"and setter {found}. Rename one of them."
            )

    def propose(self, found: Found) -> Suggestion | None:
        if self._task is None:
            return None
        return Suggestion(found.name(self.name), dict(self._task), self._score)


class TokenExtension(_ExtensionLayer):
    """`token._.NAME`: a value for each token, None for a missing one.

    In JSON a list with a value for each token. Not for values that are no JSON. The attribute is
    there once `spacy_mtl.layers.table()` was called.

    A class on top of it may check more: `from_json` calls `super().from_json(doc, value)` and
    raises an `MTLError`, which `convert` shows with the file and the line.
    """

    by_token = True
    _owner = Token
    _owner_name = "token"

    def count(self, doc: Doc) -> int:
        return sum(1 for _ in self._known(doc))

    def blank(self, doc: Doc) -> None:
        for key in [key for key in doc.user_data if self._is_own(key)]:
            del doc.user_data[key]

    def labels(self, doc: Doc) -> Counter[str]:
        return Counter(str(value) for value in self._known(doc)) if self.has_labels else Counter()

    def statements(self, doc: Doc, borders: Borders) -> Iterator[Statement]:
        for place, token in zip(borders, doc, strict=True):
            if (value := token._.get(self.name)) is not None and place[0] < place[1]:
                yield "", place, str(value)

    def to_json(self, doc: Doc) -> Any:
        return [token._.get(self.name) for token in doc] if self.present(doc) else None

    def from_json(self, doc: Doc, value: Any) -> None:
        if not isinstance(value, list) or len(value) != len(doc):
            came = f"{len(value)} values" if isinstance(value, list) else repr(value)
            raise MTLError(f"Expected {len(doc)} {self.title}, one a token, got {came}.")
        check_json(self.json_type, value)
        for token, one in zip(doc, value, strict=True):
            if one is not None:
                token._.set(self.name, one)

    def _known(self, doc: Doc) -> Iterator[Any]:
        """The values that are not missing, without the time that `token._` takes."""
        data = doc.user_data
        return (v for key, v in data.items() if v is not None and self._is_own(key))

    def _is_own(self, key: Any) -> bool:
        return (
            isinstance(key, tuple)
            and key[:2] == (_MARK, self.name)
            and key[2] is not None
            and key[3] is None  # else of a span
        )


class DocExtension(_ExtensionLayer):
    """`doc._.NAME`: a value for each document, None for a missing one.

    The attribute is there once `spacy_mtl.layers.table()` was called. A class on top of it may
    check more, as one of `TokenExtension`, and may say otherwise what is labelled. By default any
    value but None is; `present` and what is counted follow from `count`:

        def count(self, doc):  # a list of nulls alone says nothing
            return int(any(value is not None for value in doc._.get(self.name) or ()))
    """

    unit = "docs"
    of_words = False
    hub_type = "text-classification"
    _owner = Doc
    _owner_name = "doc"

    def count(self, doc: Doc) -> int:
        return int(doc._.get(self.name) is not None)

    def blank(self, doc: Doc) -> None:
        doc._.set(self.name, None)

    def labels(self, doc: Doc) -> Counter[str]:
        if not self.has_labels or not self.present(doc):
            return Counter()
        value = doc._.get(self.name)
        return Counter(map(str, value) if isinstance(value, (list, tuple)) else [str(value)])

    def to_json(self, doc: Doc) -> Any:
        return doc._.get(self.name) if self.present(doc) else None

    def from_json(self, doc: Doc, value: Any) -> None:
        check_json(self.json_type, value)
        doc._.set(self.name, value)
