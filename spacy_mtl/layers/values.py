"""Values of documents: a rating, an intensity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spacy.tokens import Doc

from ..values import (
    EXTENSION,
    forget_values,
    note_values,
    register_extension,
    values_of,
)
from .base import AnnotationLayer, Borders, Statement
from .class_settings import head_settings
from .coverage import LayerCoverage, Numbers
from .json_types import check_json
from .proposals import Found, Suggestion


class ValueLayer(AnnotationLayer):
    """Numbers, in keys of `doc.cats` that are no classes, and in `doc._.values`.

    Which keys these are says `spacy_mtl.values`.
    """

    name = "values"
    title = "values of documents"
    assigns = (f"doc._.{EXTENSION}",)
    unit = "docs"
    of_words = False
    hub_type = "text-classification"
    field = "values"
    json_type = "values"
    has_labels = False

    def register(self) -> None:
        register_extension()

    def count(self, doc: Doc) -> int:
        return int(bool(values_of(doc)))

    def blank(self, doc: Doc) -> None:
        forget_values(doc)

    def coverages(self, doc: Doc) -> Iterator[tuple[str, LayerCoverage]]:
        """Each key by itself."""
        for key, value in values_of(doc).items():
            yield key, LayerCoverage(1, numbers=Numbers.of(value))

    def statements(self, doc: Doc, borders: Borders) -> Iterator[Statement]:
        """None: that one text gets two ratings is no contradiction, as the mean of both is what is
        to be predicted."""
        yield from ()

    def to_json(self, doc: Doc) -> Any:
        return values_of(doc) or None

    def from_json(self, doc: Doc, value: Any) -> None:
        check_json(self.json_type, value)
        known = {key: float(number) for key, number in value.items() if number is not None}
        doc.cats = {**doc.cats, **known}
        note_values(doc, known)

    def propose(self, found: Found) -> Suggestion:
        name = found.name(found.group, default="value")
        settings: dict[str, Any] = {"@mtl_tasks": "spacy_mtl.Regression.v1", "keys": [found.group]}
        chosen = head_settings(found)
        settings.update({setting: value for setting, (value, _) in chosen.items()})
        comments = {setting: why for setting, (_, why) in chosen.items()}
        score = f"{self.name if found.first else name}_score"
        return Suggestion(name, settings, score, comments)
