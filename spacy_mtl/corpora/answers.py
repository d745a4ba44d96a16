"""Answers to questions, as Prodigy asks them: those on one text become one record."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..marks import INCORRECT_SPANS
from .labels import whole_number
from .records import CharSpan, Record, Remark
from .survey import ClassValues


def merge_answers(records: Iterable[Record]) -> dict[int, Record | None]:
    """The answers on one text as one record, by the number of the first document that has it.

    The documents of the other answers on that text have None.

    records: All records of the file, with clean labels.
    """
    values = ClassValues()
    partial: list[Record] = []
    for record in records:
        if not record.rejected:
            values.add(record.classes)
            values.add(record.judged)
            partial += [record] if record.partial else []
    texts: dict[Hashable, list[_Answers]] = {}
    merged: dict[int, Record | None] = {}
    answers: list[_Answers] = []
    for record in partial:
        merged[record.document] = None
        text = tuple(record.words or ()) if record.text is None else record.text
        same_text = texts.setdefault(text, [])
        if not any(other.add(record) for other in same_text):
            answers.append(_Answers(record, values.numeric))
            same_text.append(answers[-1])
    merged.update((each.record.document, each.sum()) for each in answers)
    return merged


@dataclass
class _Answers:
    """The answers on one text: for each span and class the lines where it was accepted (True) or
    rejected.

    record: The first answer.
    numeric: Class groups whose values are all numbers, so that "1.0" is "1".
    """

    record: Record
    numeric: frozenset[str]
    said: dict[Any, dict[bool, int]] = field(default_factory=dict)
    labels: dict[Any, str] = field(default_factory=dict)  # as they stood in the file

    def __post_init__(self) -> None:
        self._note(self.record)

    def add(self, record: Record) -> bool:
        """Take another record into account, unless it has other tokens."""
        own = self.record
        if own.words is not None and record.words is not None and own.words != record.words:
            return False
        if own.words is None and record.words is not None:
            own.words, own.spaces = record.words, record.spaces
        own.remarks += record.remarks
        self._note(record)
        return True

    def sum(self) -> Record:
        """All that is known together, without what the answers contradict each other about."""
        own = self.record
        agreed = {what: True in lines for what, lines in self.said.items() if len(lines) == 1}
        accepted = [span for span in agreed if len(span) == 3 and agreed[span]]
        overlapping = _overlapping(accepted)
        own.ents = [span for span in accepted if span not in overlapping] or None
        rejected = [span for span in agreed if len(span) == 3 and not agreed[span]]
        own.spans = {INCORRECT_SPANS: rejected} if rejected else None
        own.judged = {}
        for what, is_so in agreed.items():
            if len(what) == 2:
                own.judged.setdefault(what[0], {})[self.labels[what]] = is_so
        own.remarks += self._contradictions(overlapping)
        return own

    def _note(self, record: Record) -> None:
        spans = {True: record.ents or (), False: (record.spans or {}).get(INCORRECT_SPANS, ())}
        for accepted, found in spans.items():
            for span in found:
                self.said.setdefault(span, {}).setdefault(accepted, record.line)
        for group, judged in record.judged.items():
            whole = whole_number if group in self.numeric else str
            for label, is_so in judged.items():
                asked = (group, whole(label))
                self.labels.setdefault(asked, label)
                self.said.setdefault(asked, {}).setdefault(is_so, record.line)

    def _contradictions(self, overlapping: dict[CharSpan, CharSpan]) -> Iterator[Remark]:
        what = "contradictory answers, left out"
        for asked, lines in self.said.items():
            if len(lines) == 2:
                yes, no = lines[True], lines[False]
                shown = self._shown(asked)
                yield Remark(what, f"{shown} accepted (line {yes}), rejected (line {no})", True)
        for pair in sorted({tuple(sorted(pair)) for pair in overlapping.items()}):
            first, second = (f"{self._shown(span)} (line {self.said[span][True]})" for span in pair)
            yield Remark(what, f"{first} overlaps {second}, both accepted", True)

    def _shown(self, asked: Any) -> str:
        if len(asked) == 2:
            return f"class {asked[1]!r} of {(self.record.text or '')[:30]!r}"
        start, end, label = asked
        return f"{(self.record.text or '')[start:end]!r} {label}"


def _overlapping(spans: Iterable[CharSpan]) -> dict[CharSpan, CharSpan]:
    """The spans that overlap another one, each with one that it overlaps."""
    found: dict[CharSpan, CharSpan] = {}
    furthest: CharSpan | None = None
    for span in sorted(spans):
        if furthest is not None and span[0] < furthest[1]:
            found.setdefault(span, furthest)
            found.setdefault(furthest, span)
        if furthest is None or span[1] > furthest[1]:
            furthest = span
    return found
