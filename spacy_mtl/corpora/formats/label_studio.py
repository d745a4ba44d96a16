"""Label Studio: the tasks of its JSON export, and the rows of JSON-MIN and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..records import VALUES, CharSpan, ReadOptions, Record, Remark
from ._fields import FieldError

_REGION = {"start", "end", "labels"}
_NUMBERS = ("rating", "number")
_SEVERAL = "of several annotations of a task, the ground truth or else the first was taken"


def is_task(value: Any) -> bool:
    """Whether it is a task of the JSON export."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), dict):
        return False
    return any(isinstance(value.get(name), list) for name in ("annotations", "completions"))


def is_row(value: Any) -> bool:
    """Whether it is a row of a JSON-MIN or CSV export."""
    return isinstance(value, dict) and ("annotation_id" in value or has_regions(value))


def has_regions(row: dict[str, Any]) -> bool:
    """Whether a field holds spans as JSON-MIN writes them."""
    return bool(_span_names(row))


class Rows:
    """What the rows of a JSON-MIN or CSV export have together.

    names: The fields that hold spans.
    """

    def __init__(self, rows: Iterable[Any]) -> None:
        self.names = {name for row in rows if is_row(row) for name in _span_names(row)}

    def as_fields(self, row: dict[str, Any], text_column: str) -> dict[str, Any]:
        """A row as an object with `entities`, or with `spans` if several fields hold spans.

        A row without the field is one in which its annotator found nothing.
        """
        fields = {name: choice(value) for name, value in row.items() if name not in self.names}
        text = fields["text"] = _text(row, text_column)
        groups: dict[str, Any] = {name: [] for name in sorted(self.names)}
        for name, spans in groups.items():
            for region in row.get(name) or ():
                spans += map(list, _spans(region, "labels", text))
        if len(groups) == 1:
            return {**fields, "entities": next(iter(groups.values()))}
        return {**fields, "spans": groups} if groups else fields


def _span_names(row: dict[str, Any]) -> list[str]:
    return [name for name, value in row.items() if _are_regions(value)]


def _are_regions(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(part, dict) and part.keys() >= _REGION for part in value)


def choice(value: Any) -> Any:
    """The choices of a field that has several, any other value as it is."""
    return value["choices"] if isinstance(value, dict) and "choices" in value else value


class Tasks:
    """What the tasks of an export have together: the names of their labelling controls.

    spans: Those that label spans.
    choices: Those that choose classes.
    """

    def __init__(self, tasks: Iterable[Any]) -> None:
        self.spans: set[str] = set()
        self.choices: set[str] = set()
        for task in filter(is_task, tasks):
            for annotation in _annotations(task):
                for result in _results(annotation):
                    names = self.spans if _is_span(result) else self.choices
                    if _is_span(result) or _is_choice(result):
                        names.add(str(result.get("from_name")))

    def record(self, task: dict[str, Any], line: int, options: ReadOptions) -> Record:
        """A task as a record.

        RAISES (FieldError): If it has no text, or its spans do not fit it.
        """
        record = Record(line=line, text=_text(task["data"], options.text_column))
        annotations = _annotations(task)
        kept = [annotation for annotation in annotations if not annotation.get("was_cancelled")]
        if not kept:
            record.rejected = bool(annotations)
            if predictions := task.get("predictions"):
                record.remarks.append(Remark("'predictions' were not used", str(predictions)))
            return record
        chosen = max(kept, key=lambda annotation: annotation.get("ground_truth") is True)
        if len(kept) > 1:
            record.remarks.append(Remark(_SEVERAL, f"{len(kept)} annotations"))
        self._add(record, _results(chosen), options)
        return record

    def _add(self, record: Record, results: list[dict[str, Any]], options: ReadOptions) -> None:
        spans: dict[str, list[CharSpan]] = {name: [] for name in sorted(self.spans)}
        for result in results:
            name, type = str(result.get("from_name")), str(result.get("type"))
            if _is_span(result):
                spans[name].extend(_spans(result["value"], type, record.text))
            elif _is_choice(result):
                group = self._group(name, options)
                if group is not None:
                    record.classes[group] = [str(value) for value in result["value"]["choices"]]
            elif name in options.values_from and _is_number(result):
                record.values.setdefault(VALUES, {})[name] = result["value"][type]
            else:
                what = f"results of the type {type!r} were not used"
                record.remarks.append(Remark(what, str(result.get("value", result))))
        if len(spans) == 1:
            record.ents = next(iter(spans.values()))
        elif spans:
            record.spans = spans

    def _group(self, name: str, options: ReadOptions) -> str | None:
        """The class group of a control's choices, None if these are not asked for."""
        if options.cats_from:
            return name if name in options.cats_from else None
        return options.group_name if len(self.choices) == 1 else name


def _annotations(task: dict[str, Any]) -> list[dict[str, Any]]:
    found = task.get("annotations") or task.get("completions") or []
    return [annotation for annotation in found if isinstance(annotation, dict)]


def _results(annotation: dict[str, Any]) -> list[dict[str, Any]]:
    return [result for result in annotation.get("result") or () if isinstance(result, dict)]


def _is_span(result: dict[str, Any]) -> bool:
    value = result.get("value")
    return (
        isinstance(value, dict)
        and "start" in value
        and str(result.get("type")) in value
        and (result.get("type") != "choices")
    )


def _is_choice(result: dict[str, Any]) -> bool:
    value = result.get("value")
    return result.get("type") == "choices" and isinstance(value, dict) and "start" not in value


def _is_number(result: dict[str, Any]) -> bool:
    """Whether it is that of a control for numbers, as of stars."""
    value = result.get("value")
    return result.get("type") in _NUMBERS and isinstance(value, dict) and result["type"] in value


def _text(data: dict[str, Any], column: str) -> str:
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    if column in texts:
        return texts[column]
    if len(texts) != 1 or column != "text":
        raise FieldError(
            f"Expected a text in {column!r}, got {', '.join(data) or 'nothing'}. Name the field "
            "of the task's data that holds it (--text-column)."
        )
    return next(iter(texts.values()))


def _spans(value: dict[str, Any], type: str, text: Any) -> Iterator[CharSpan]:
    """A labelled region once for each of its labels."""
    region = value.get("globalOffsets") or value
    start, end = region.get("start"), region.get("end")
    labels: Any = value.get(type)
    if not (
        isinstance(text, str)
        and isinstance(start, int)
        and isinstance(end, int)
        and isinstance(labels, list)
        and all(isinstance(label, str) for label in labels)
    ):
        raise FieldError(
            f"Expected a region of a text, with 'start' and 'end' in characters and {type!r}, got "
            f"{value}."
        )
    start, end = _in_characters(start, end, text, value.get("text"))
    for label in labels:
        yield start, end, label


def _in_characters(start: int, end: int, text: str, expected: Any) -> tuple[int, int]:
    """Offsets in characters; those in UTF-16, as browsers count, differ behind an emoji."""
    if not isinstance(expected, str) or _same(text[start:end], expected):
        return start, end
    units = text.encode("utf-16-le", "surrogatepass")
    before = units[: 2 * start].decode("utf-16-le", "replace")
    part = units[2 * start : 2 * end].decode("utf-16-le", "replace")
    if _same(part, expected):
        return len(before), len(before) + len(part)
    raise FieldError(
        f"Expected {expected!r} at [{start}, {end}] of the text, as the region says, got "
        f"{text[start:end]!r}."
    )


def _same(part: str, expected: str) -> bool:
    return part.split() == expected.replace("\\n", "\n").split()
