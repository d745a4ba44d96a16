"""The first pass over a file: what only the whole of it can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..layers import AnnotationLayer, table
from ..layers.tokens import TokenLayer
from ..marks import INCORRECT_SPANS
from .labels import is_number, whole_number
from .records import VALUES, Record, Remark, WorthSaying
from .schemes import SchemeDetector

_NO_O = "no token has the entity tag O: those without a tag are missing, not outside (--outside)"
_IN_IO = "entity tags without a letter (no 'B-', 'I-') were read as IO: a run of one is one entity"

_MAX_VALUES = 1001  # to remember of what stands in one place: more are no labels


@dataclass
class Remarked:
    """How many records have a remark, an example of what stood there, and all if it is listed."""

    example: str
    records: int = 0
    listed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Survey:
    """What a file has.

    layers: The layers with any annotation.
    scheme: The scheme of its entity tags.
    labels: All values of each class group, sorted.
    cats: All categories that records give as `Doc.cats`, sorted.
    values: The keys of the values of documents.
    n_records: Number of its records, without the rejected ones.
    remarks: What there is to say of its records, by the sentence that says it.
    numeric: Class groups whose values are all numbers, so that "1.0" is "1".
    """

    layers: frozenset[str]
    scheme: str
    labels: dict[str, list[str]]
    cats: list[str]
    values: frozenset[str]
    n_records: int
    remarks: dict[str, Remarked] = field(default_factory=dict)
    numeric: frozenset[str] = frozenset()

    @property
    def labelled(self) -> frozenset[str]:
        """The layers without the sentences, which files of tokens have anyway."""
        return self.layers - {"sents"}


class ClassValues:
    """The values of the class groups, and which of them are one number in two notations.

    numeric (FrozenSet[str]): Groups whose values are all numbers, so that "1.0" is "1".
    """

    def __init__(self) -> None:
        self.values: dict[str, set[str]] = {}
        self.fractions: dict[str, Remarked] = {}

    def add(self, classes: Mapping[str, Iterable[str]]) -> None:
        for group, values in classes.items():
            self.values.setdefault(group, set()).update(values)
            for value in values:
                if whole_number(value) != value:
                    self.fractions.setdefault(group, Remarked(value)).records += 1

    @property
    def numeric(self) -> frozenset[str]:
        return frozenset(
            group for group, values in self.values.items() if values and all(map(is_number, values))
        )

    @property
    def remarks(self) -> dict[str, Remarked]:
        return {
            f"numbers as {group or 'label'} were read as whole ones": self.fractions[group]
            for group in sorted(self.numeric & {*self.fractions})
        }

    def sorted(self, group: str) -> list[str]:
        values = self.values[group]
        return sorted(set(map(whole_number, values)) if group in self.numeric else values)


class _EntityTags:
    """The scheme of the entity tags, and what is unusual about them."""

    def __init__(self) -> None:
        self.detector = SchemeDetector()
        self.without_letter = Remarked("")
        self.beside_untagged = Remarked("")
        self.outside = False

    def add(self, tags: list[str | None]) -> None:
        n_bare = self.detector.n_bare
        self.detector.add(tags)
        self.without_letter.records += self.detector.n_bare > n_bare
        self.outside = self.outside or "O" in tags
        known = [tag for tag in tags if tag is not None]
        if 0 < len(known) < len(tags):
            self.beside_untagged.example = self.beside_untagged.example or known[0]
            self.beside_untagged.records += 1

    @property
    def remarks(self) -> dict[str, Remarked]:
        found = {}
        if self.beside_untagged.records and not self.outside:
            found[_NO_O] = self.beside_untagged
        if self.detector.scheme == "IO":
            found[_IN_IO] = replace(self.without_letter, example=self.detector.bare)
        return found


class _Remarks:
    """The remarks of all records, and what stood where labels may have stood."""

    def __init__(self) -> None:
        self.found: dict[str, Remarked] = {}
        self.values: dict[str, set[str]] = {}
        self.conditions: dict[str, WorthSaying | None] = {}
        self.uses: dict[str, dict[str, None]] = {}

    def add(self, remarks: list[Remark]) -> None:
        once: dict[str, Remark] = {}
        for remark in remarks:
            if once.setdefault(remark.what, remark).example == "O":  # says least of a scheme
                once[remark.what] = remark
            self.uses.setdefault(remark.what, {}).update(dict.fromkeys(remark.uses))
            if remark.what not in self.conditions or remark.worth_saying is None:
                self.conditions[remark.what] = remark.worth_saying
            if self.conditions[remark.what] is not None:
                values = self.values.setdefault(remark.what, set())
                if len(values) < _MAX_VALUES:
                    values.add(remark.example)
        for what, example, listed, *_ in once.values():
            remarked = self.found.setdefault(what, Remarked(example))
            if remarked.example == "O":
                remarked.example = example
            all_of_it = [r.example for r in remarks if r.what == what] if listed else []
            remarked.listed += all_of_it
            remarked.records += len(all_of_it) or 1

    def worth_saying(self) -> dict[str, Remarked]:
        """All but those that what stands there over the file speaks against."""
        return {
            what + _in_brackets(self.uses[what]): remarked
            for what, remarked in self.found.items()
            if self._is_worth_saying(what, remarked.records)
        }

    def _is_worth_saying(self, what: str, n_records: int) -> bool:
        condition = self.conditions[what]
        return condition is None or condition(self.values[what], n_records)


def _in_brackets(uses: Iterable[str]) -> str:
    """What would read it; what has a condition stands behind."""
    joined = " or ".join(sorted(uses, key=lambda use: use.startswith("if ")))
    return f" ({joined.replace(' or if ', ' or, if ')})" if joined else ""


def survey(records: Iterable[Record]) -> Survey:
    """Read all records of a file once."""
    layers: set[str] = set()
    labels = ClassValues()
    cats: set[str] = set()
    values: set[str] = set()
    tags = _EntityTags()
    seen = _Remarks()
    n_records = 0
    for record in records:
        seen.add(record.remarks)
        if record.rejected:
            continue
        n_records += 1
        layers.update(
            name
            for name, layer in table().items()
            if name not in layers and _has(record, name, layer)
        )
        tags.add(record.ner or [])
        cats.update(record.cats or ())
        values.update(record.values.get(VALUES, ()))
        labels.add(record.classes)
        labels.add(record.judged)
    return Survey(
        frozenset(layers),
        tags.detector.scheme,
        {group: labels.sorted(group) for group in labels.values},
        sorted(cats),
        frozenset(values),
        n_records,
        {**seen.worth_saying(), **tags.remarks, **labels.remarks},
        labels.numeric,
    )


def _has(record: Record, name: str, layer: AnnotationLayer) -> bool:
    if name == "morph":  # a file without any features was not annotated with them
        return any(record.morphs or ())
    if name == "ents":
        rejected = INCORRECT_SPANS in (record.spans or ())
        return _any_known(record.ner) or record.ents is not None or rejected
    if name == "sents":
        return record.is_sentence or record.sentences is not None
    if name == "spans":
        return bool(record.spans)
    if name == "cats":
        return bool(record.cats or record.classes or record.judged)
    if isinstance(layer, TokenLayer) and layer.column:
        return _any_known(getattr(record, layer.column))
    return name in record.values


def _any_known(values: list[str | None] | None) -> bool:
    return any(value is not None for value in values or ())
