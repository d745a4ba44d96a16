"""doccano, and others that have spans in `label` or `annotation`: their fields as ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..records import Remark
from ._fields import FieldError
from ._text import numbered_lines

SPAN_FIELDS = ("label", "labels", "annotation", "annotations")
_SPANS_IN_LABEL = re.compile(
    r'"(label|annotation)s?"\s*:\s*"?\[\s*([\[(]|\{\s*(\\?"|\')(id|label|start|end))'
)
_SPAN_KEYS = {"start_offset", "end_offset"}


def holds_spans(path: Path) -> bool:
    """Whether the field `label` of a file has spans, so that an empty one means no entities."""
    return any(_SPANS_IN_LABEL.search(line.text) for line in numbered_lines(path))


def as_fields(
    value: dict[str, Any], label_holds_spans: bool
) -> tuple[dict[str, Any], list[Remark]]:
    """An object with spans in `entities` and classes in `labels`, and what to say of it.

    label_holds_spans: Whether an empty `label` means no entities.
    RAISES (FieldError): If it has both, or labels by number as doccano's older JSON.
    """
    fields = dict(value)
    remarks = []
    if fields.pop("relations", None):
        remarks.append(Remark("field 'relations' was not used", str(value["relations"])))
    if "text" not in fields and isinstance(fields.get("data"), str):  # as older versions
        fields["text"] = fields.pop("data")
    if isinstance(fields.get("cats"), list) and "entities" in fields:  # intents and slots
        fields["labels"] = fields.pop("cats")
    if _is_annotations(fields.get("annotations")):
        fields.update(_old_annotations(fields.pop("annotations")))
    for name in ("entities", "spans"):
        if name in fields:
            fields[name] = offsets_first(fields[name])
    for name in SPAN_FIELDS:
        labels = fields.get(name)
        if not isinstance(labels, list):
            continue
        labels = offsets_first(labels)
        if not (are_spans(labels) if labels else label_holds_spans):
            continue
        if fields.get("entities"):
            raise FieldError(f"Expected spans in one field, got {name!r} and 'entities'.")
        if not labels:
            remarks.append(Remark(f"an empty {name!r} was read as no entities", "[]"))
        del fields[name]
        fields["entities"] = labels
    return fields, remarks


def are_spans(values: list[Any]) -> bool:
    """Whether all are spans with offsets."""
    return all(
        len(value) == 3 and type(value[0]) is int
        if isinstance(value, list)
        else isinstance(value, dict) and ("start_offset" in value or "start" in value)
        for value in values
    )


def offsets_first(values: Any) -> Any:
    """The values as [start, end, label] where all are [label, start, end], as in Argilla 1."""
    if not isinstance(values, list) or not all(map(_is_label_first, values)):
        return values
    return [[start, end, label] for label, start, end, *_ in values]


def _is_label_first(value: Any) -> bool:
    if not isinstance(value, list) or len(value) not in (3, 4):  # the fourth is a score
        return False
    return isinstance(value[0], str) and type(value[1]) is int and type(value[2]) is int


def _is_annotations(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(part, dict) and "label" in part and "user" in part for part in value
    )


def _old_annotations(annotations: list[dict[str, Any]]) -> dict[str, Any]:
    labels = [annotation.get("label") for annotation in annotations]
    for label in labels:
        if not isinstance(label, str):
            raise FieldError(
                f"Expected labels by name in 'annotations', got {label!r}, as in doccano's older "
                "JSON. Export as 'JSONL (text labels)' instead."
            )
    if all(annotation.keys() >= _SPAN_KEYS for annotation in annotations):
        return {"entities": annotations}
    return {"labels": labels}
