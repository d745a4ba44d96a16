"""Prodigy's annotation beyond spans: choices out of options, and yes or no to a question.

A question is about a class (`label`) or about spans. Its answer says nothing of anything else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...marks import INCORRECT_SPANS
from ..labels import is_number, strip_blanks, whole_number
from ..records import CharSpan, ReadOptions, Record, Remark
from ._fields import FieldError, Fields
from ._text import numbered_lines

# The interfaces that can only be answered with yes or no, for rows without `_is_binary`.
_QUESTIONS = ("classification", "ner", "spans")
# Those with questions about what is no layer of ours, or is none as spans.
_OTHER_QUESTIONS = ("dep", "pos", "relations")


def may_hold_answers(path: Path) -> bool:
    """Whether a file may hold rows with a question; each of these has an `answer`."""
    return path.is_file() and any('"answer"' in line.text for line in numbered_lines(path))


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
    if group is None or "options" not in fields or not fields.has_labels("accept"):
        return {}
    offered, chosen = _option_ids(fields), _stripped(fields.labels("accept"))
    same = whole_number if all(map(is_number, offered)) else str
    by_id = {same(label): label for label in offered}
    if strangers := [label for label in chosen if same(label) not in by_id]:
        raise FieldError(
            f"Expected in 'accept' ids of the 'options' ({', '.join(offered)}), "
            f"got {', '.join(strangers)}."
        )
    if _is_single(fields):
        if len(set(map(same, chosen))) > 1:
            raise FieldError(
                "Expected one choice where 'choice_style' is 'single', "
                f"got {', '.join(chosen)} in 'accept'."
            )
        if not chosen:
            return {}
    ids = {same(label) for label in chosen}
    return {group: {label: key in ids for key, label in by_id.items()}}


def _is_single(fields: Fields) -> bool:
    """Whether one of the options can be chosen, as the row or its `config` says."""
    config = fields.get("config")
    styles = [fields.get("choice_style"), isinstance(config, dict) and config.get("choice_style")]
    return "single" in styles


def _option_ids(fields: Fields) -> list[str]:
    ids = []
    for option in fields.values("options"):
        if isinstance(option, dict):
            no_label = None if "id" in option else ""  # missing or an error
            option = next(
                (option[k] for k in ("id", "text") if option.get(k) is not None), no_label
            )
        ids.append(option)
    return _stripped(Fields({"options": ids}).labels("options"))


def _stripped(labels: list[str]) -> list[str]:
    """The labels without blanks around them, each once."""
    return [*dict.fromkeys(map(strip_blanks, labels))]


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


def is_left_out(fields: Fields) -> bool:
    """Whether the annotator rejected or ignored a row; an `answer` in other words says neither."""
    if fields.unread().get("answer") not in ("accept", "reject", "ignore"):
        return False
    return bool(fields.get("answer") != "accept")


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
    labels, group = _stripped(fields.labels("label")), class_group("label", options)
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
    record.ents = by_answer["accept"] or None
    record.spans = {INCORRECT_SPANS: by_answer["reject"]} if by_answer["reject"] else None


def _spans(fields: Fields) -> list[dict[str, Any]]:
    """The spans as objects, empty ones for those that are given as lists."""
    spans = fields.get("spans")
    if not isinstance(spans, list):
        return []
    return [span if isinstance(span, dict) else {} for span in spans]


def _unused(what: str, why: str, value: Any) -> Remark:
    return Remark(f"{what} not used, as {why}", str(value))
