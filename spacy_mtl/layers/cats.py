"""Classes of documents, in groups: the keys of `doc.cats` that begin with the same NAME=."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy
from spacy.tokens import Doc

from ..errors import MTLError
from ..values import value_keys
from .base import AnnotationLayer, Borders, Statement
from .class_settings import head_settings
from .coverage import LayerCoverage
from .proposals import Found, Suggestion


class ClassLayer(AnnotationLayer):
    """`doc.cats`, key by key, without those of values; 0.0 says that a class does not apply."""

    name = "cats"
    title = "classes of documents"
    assigns = ("doc.cats",)
    unit = "docs"
    of_words = False
    hub_type = "text-classification"
    field = "cats"
    json_type = "classes"

    def count(self, doc: Doc) -> int:
        return int(bool(classes_of(doc)))

    def blank(self, doc: Doc) -> None:
        doc.cats = _without(doc, classes_of(doc))

    def labels(self, doc: Doc) -> Counter[str]:
        return Counter({key: int(applies) for key, applies in _judgements(doc)})

    def coverages(self, doc: Doc) -> Iterator[tuple[str, LayerCoverage]]:
        groups: dict[str, LayerCoverage] = {}
        for key, applies in _judgements(doc):
            found = groups.setdefault(class_group(key), LayerCoverage(1))
            found.labels[key] += applies
            if not applies:
                found.negatives[key] += 1
        for name, found in groups.items():
            shape = (found.labels.total(), len(found.labels))
            found.one_class = int(shape[0] == 1)
            found.shapes[shape] += 1
            yield name, found

    def statements(self, doc: Doc, borders: Borders) -> Iterator[Statement]:
        """Each class by itself."""
        for key, value in sorted(classes_of(doc).items()):
            yield class_group(key), key, APPLIES if value >= 0.5 else "0.0"

    def to_json(self, doc: Doc) -> Any:
        return {label: float(value) for label, value in classes_of(doc).items()} or None

    def from_json(self, doc: Doc, value: Any) -> None:
        if not isinstance(value, dict):
            raise MTLError(f"Expected a number for each class, got {value!r}.")
        given = {key: class_value(key, number) for key, number in value.items()}
        doc.cats = {**_without(doc, classes_of(doc)), **given}

    def propose(self, found: Found) -> Suggestion:
        name = found.name(found.group, default="textcat")
        settings: dict[str, Any] = {"@mtl_tasks": "spacy_mtl.TextCat.v2"}
        settings["exclusive"] = found.exclusive
        if found.group not in ("", name):
            settings["group"] = found.group
        chosen = head_settings(found)
        settings.update({setting: value for setting, (value, _) in chosen.items()})
        comments = {setting: why for setting, (_, why) in chosen.items()}
        score = f"{'cats' if found.first else name}_score"
        return Suggestion(name, settings, score, comments)


APPLIES = "1.0"  # what `statements` says of a class that does


def classes_of(doc: Doc) -> dict[str, Any]:
    """The part of `doc.cats` that has classes and no values."""
    return _without(doc, value_keys(doc))


def class_group(key: str) -> str:
    """The class group of a key of `doc.cats`: what stands before the first "=", else ""."""
    group, equals, _ = key.partition("=")
    return group if equals else ""


def class_value(key: str, value: Any) -> float:
    """The value of a class in `doc.cats`.

    RAISES (MTLError): If it is no number from 0 to 1.
    """
    if not isinstance(value, (int, float, numpy.number)) or not 0 <= value <= 1:
        raise MTLError(
            f"Expected a number from 0 to 1 for the class '{key}' in doc.cats, got {value!r}. "
            "Write 1 for a class that the document has, 0 for one that it has not, and nothing "
            "where it is unknown."
        )
    return float(value)


def _judgements(doc: Doc) -> Iterator[tuple[str, bool]]:
    return ((key, class_value(key, value) >= 0.5) for key, value in classes_of(doc).items())


def _without(doc: Doc, keys: Collection[str]) -> dict[str, Any]:
    cats: Mapping[str, Any] = doc.cats
    return {key: value for key, value in cats.items() if key not in keys}
