"""The first pass over a file: what only the whole of it can tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..marks import INCORRECT_SPANS
from .layers import LAYERS
from .records import Record
from .schemes import SchemeDetector

_IN_IO = "entity tags without a letter (no 'B-', 'I-') were read as IO: a run of one is one entity"


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
    n_records: Number of its records, without the rejected ones.
    remarks: What there is to say of its records, by the sentence that says it.
    """

    layers: frozenset[str]
    scheme: str
    labels: dict[str, list[str]]
    cats: list[str]
    n_records: int
    remarks: dict[str, Remarked] = field(default_factory=dict)


def survey(records: Iterable[Record]) -> Survey:
    """Read all records of a file once."""
    layers: set[str] = set()
    labels: dict[str, set[str]] = {}
    cats: set[str] = set()
    detector = SchemeDetector()
    remarks: dict[str, Remarked] = {}
    in_io = Remarked("")
    n_records = 0
    for record in records:
        for what, example, listed in record.remarks:
            remarked = remarks.setdefault(what, Remarked(example))
            remarked.records += 1
            remarked.listed += [example] if listed else []
        if record.rejected:
            continue
        n_records += 1
        layers.update(layer for layer in LAYERS if layer not in layers and _has(record, layer))
        n_bare = detector.n_bare
        detector.add(record.ner or ())
        in_io.records += detector.n_bare > n_bare
        cats.update(record.cats or ())
        for group, values in record.classes.items():
            labels.setdefault(group, set()).update(values)
        for group, judged in record.judged.items():
            labels.setdefault(group, set()).update(judged)
    if detector.scheme == "IO":
        remarks[_IN_IO] = replace(in_io, example=detector.bare)
    return Survey(
        frozenset(layers),
        detector.scheme,
        {group: sorted(values) for group, values in labels.items()},
        sorted(cats),
        n_records,
        remarks,
    )


def _has(record: Record, layer: str) -> bool:
    if layer == "tag":
        return _any_known(record.tags)
    if layer == "pos":
        return _any_known(record.pos)
    if layer == "morph":  # a file without any features was not annotated with them
        return any(record.morphs or ())
    if layer == "ents":
        rejected = INCORRECT_SPANS in (record.spans or ())
        return _any_known(record.ner) or record.ents is not None or rejected
    if layer == "spans":
        return bool(record.spans)
    return bool(record.cats or record.classes or record.judged)


def _any_known(values: list[str | None] | None) -> bool:
    return any(value is not None for value in values or ())
