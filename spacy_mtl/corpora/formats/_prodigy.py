"""Prodigy's annotation beyond spans: choices out of options, and yes or no to a question.

A question is about a class (`label`) or about spans. Its answer says nothing of anything else, so
the answers on one text are put together into one record.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...marks import INCORRECT_SPANS
from ..records import CharSpan, ReadOptions, Record, Remark
from ._fields import FieldError, Fields

# The interfaces that can only be answered with yes or no, for rows without `_is_binary`.
_QUESTIONS = ("classification", "ner", "spans")
# Those with questions about what is no layer of ours, or is none as spans.
_OTHER_QUESTIONS = ("dep", "pos", "relations")


def class_group(field: str, options: ReadOptions) -> str | None:
    """The class group that a field with classes stands for, None if it is not to be read."""
    if not options.cats_from:
        return options.group_name
    return field if field in options.cats_from else None


def choices(fields: Fields, options: ReadOptions) -> dict[str, dict[str, bool]]:
    """Which of the `options` were chosen (`accept`), by class group.

    Where the row says that one can be chosen, and none was, nothing is known.
    """
    group = class_group("accept", options)
    if group is None or "options" not in fields or "accept" not in fields:
        return {}
    offered, chosen = _option_ids(fields), fields.labels("accept")
    if strangers := [label for label in chosen if label not in offered]:
        raise FieldError(
            f"Expected in 'accept' ids of the 'options' ({', '.join(offered)}), "
            f"got {', '.join(strangers)}."
        )
    config = fields.get("config")
    if isinstance(config, dict) and config.get("choice_style") == "single":
        if len(set(chosen)) > 1:
            raise FieldError(
                "Expected one choice where 'choice_style' is 'single', "
                f"got {', '.join(chosen)} in 'accept'."
            )
        if not chosen:
            return {}
    return {group: {label: label in chosen for label in offered}}


def _option_ids(fields: Fields) -> list[str]:
    ids = []
    for option in fields.values("options"):
        if isinstance(option, dict):
            option = option.get("text") if option.get("id") is None else option["id"]
        ids.append("" if option is None else option)  # which is no label
    return Fields({"options": ids}).labels("options")


def is_question(fields: Fields) -> bool:
    """Whether a row is answered with yes or no: by its mark, its interface, or what it has.

    Prodigy's first versions gave neither of the two: there `label` was always a question, and so
    was a single span with the score of a model. Spans with an `answer` each are questions too.
    """
    binary = fields.get("_is_binary")
    if binary not in (None, True, False):
        raise FieldError(f"Expected true or false in '_is_binary', got {binary!r}.")
    spans = _spans(fields)
    if binary or any("answer" in span for span in spans):
        return True
    if binary is False or "options" in fields:
        return False
    if "_view_id" in fields:
        return fields.get("_view_id") in _QUESTIONS
    proposed = len(spans) == 1 and "score" in spans[0]
    return "_task_hash" in fields and "answer" in fields and ("label" in fields or proposed)


def read_answer(fields: Fields, line: int, options: ReadOptions) -> Record:
    """What is known from a row with a question."""
    record = Record(line=line, partial=True)
    answer, view = fields.get("answer"), fields.get("_view_id", "")
    if answer not in ("accept", "reject") or (answer == "reject" and "options" in fields):
        record.rejected = True
    elif view in _OTHER_QUESTIONS:
        record.rejected = True
        record.remarks.append(Remark(f"answers about {view!r} were not read", str(answer)))
    else:
        record.text, record.words = fields.string("text"), fields.tokens("tokens")
        if "label" in fields and view not in ("ner", "spans"):
            _answer_about_class(record, fields, answer, options)
        else:
            _answer_about_spans(record, fields, answer)
        for group, judged in choices(fields, options).items():
            record.judged.setdefault(group, {}).update(judged)
    return record


def _answer_about_class(record: Record, fields: Fields, answer: str, options: ReadOptions) -> None:
    labels, group = fields.labels("label"), class_group("label", options)
    if group is None:
        record.remarks.append(_unused("field 'label'", "--cats-from names others", labels))
    elif answer == "reject" and len(labels) > 1:
        record.remarks.append(_unused("rejected labels", "any of several may be wrong", labels))
    else:
        record.judged = {group: dict.fromkeys(labels, answer == "accept")}
    if fields.get("spans"):  # what a pattern has matched
        why = "the question was about the class"
        record.remarks.append(_unused("field 'spans'", why, fields.get("spans")))


def _answer_about_spans(record: Record, fields: Fields, answer: str) -> None:
    spans = fields.char_spans("spans") or []
    answers = [span.get("answer") for span in _spans(fields)]
    if answer == "reject" and len(spans) > 1 and not all(answers):
        record.remarks.append(_unused("rejected spans", "any of several may be wrong", spans))
        return
    by_answer: dict[str, list[CharSpan]] = {"accept": [], "reject": [], "ignore": []}
    for span, own in zip(spans, answers, strict=True):
        if (own or answer) not in by_answer:
            raise FieldError(f"Expected as 'answer' {', '.join(by_answer)}, got {own!r}.")
        by_answer[own or answer].append(span)
    _set_spans(record, by_answer["accept"], by_answer["reject"])


def _spans(fields: Fields) -> list[dict[str, Any]]:
    """The spans as objects, empty ones for those that are given as lists."""
    spans = fields.get("spans")
    if not isinstance(spans, list):
        return []
    return [span if isinstance(span, dict) else {} for span in spans]


def _set_spans(record: Record, accepted: list[CharSpan], rejected: list[CharSpan]) -> None:
    record.ents = accepted or None
    record.spans = {INCORRECT_SPANS: rejected} if rejected else None


def _unused(what: str, why: str, value: Any) -> Remark:
    return Remark(f"{what} not used, as {why}", str(value))


def merge_answers(records: Iterable[Record]) -> dict[int, Record | None]:
    """The answers on one text as one record, by the line of the first; None for other lines."""
    texts: dict[Hashable, list[_Answers]] = {}
    merged: dict[int, Record | None] = {}
    answers: list[_Answers] = []
    for record in records:
        merged[record.line] = None
        text = tuple(record.words or ()) if record.text is None else record.text
        same_text = texts.setdefault(text, [])
        if not any(other.add(record) for other in same_text):
            answers.append(_Answers(record))
            same_text.append(answers[-1])
    merged.update((each.record.line, each.sum()) for each in answers)
    return merged


@dataclass
class _Answers:
    """The answers on one text: for each span and class the lines where it was accepted (True) or
    rejected."""

    record: Record
    said: dict[Any, dict[bool, int]] = field(default_factory=dict)

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
        _set_spans(
            own,
            [span for span in accepted if span not in overlapping],
            [span for span in agreed if len(span) == 3 and not agreed[span]],
        )
        own.judged = {}
        for what, is_so in agreed.items():
            if len(what) == 2:
                own.judged.setdefault(what[0], {})[what[1]] = is_so
        own.remarks += self._contradictions(overlapping)
        return own

    def _note(self, record: Record) -> None:
        spans = {True: record.ents or (), False: (record.spans or {}).get(INCORRECT_SPANS, ())}
        for accepted, found in spans.items():
            for span in found:
                self.said.setdefault(span, {}).setdefault(accepted, record.line)
        for group, judged in record.judged.items():
            for label, is_so in judged.items():
                self.said.setdefault((group, label), {}).setdefault(is_so, record.line)

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
