"""Spans as files give them, by characters: their labels, and blanks at their ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .alignment import align
from .labels import is_missing, strip_blanks, taken_as_missing
from .records import CharSpan, Record, Remark

_NO_LABEL = "spans without a label were taken as missing"
_BLANK_ENDS = "spans with blanks at an end were made shorter by these"


def clean_spans(record: Record, missing: Collection[str]) -> Record:
    """The record, with clean labels of its spans and without blanks at their ends.

    Entities whose label is missing go to `unlabelled`, such spans of a group are left out, and
    so is a group that has no others. Each is remarked on.

    missing: Labels that stand for a missing one.
    """
    if record.ents is not None:
        ents = _clean(record, record.ents, missing)
        record.ents = [span for span in ents if span[2]]
        record.unlabelled = [span for span in ents if not span[2]]
    if record.spans is not None:
        groups: dict[str, list[CharSpan]] = {}
        for key, spans in record.spans.items():
            clean = _clean(record, spans, missing)
            known = [span for span in clean if span[2]]
            if known or not clean:
                groups.setdefault(strip_blanks(key), []).extend(known)
        record.spans = groups
    return record


def _clean(record: Record, spans: Sequence[CharSpan], missing: Collection[str]) -> list[CharSpan]:
    """The spans, with "" for a label that is missing."""
    moved = _without_blank_ends(record, spans)
    clean = [
        (start, end, _label(record, start, end, label, missing)) for start, end, label in moved
    ]
    seen = {span for span, given in zip(clean, spans, strict=True) if span[:2] == given[:2]}
    kept = []
    for span, given in zip(clean, spans, strict=True):
        if span[:2] == given[:2] or span not in seen:  # one that was moved onto another goes
            kept.append(span)
        seen.add(span)
    return kept


def _label(record: Record, start: int, end: int, label: str, missing: Collection[str]) -> str:
    source = (record.text or "")[start:end]
    label = strip_blanks(label)
    if not label:
        record.remarks.append(Remark(_NO_LABEL, source))
    elif is_missing(label, missing):
        record.remarks.append(taken_as_missing(label, "label of a span", source))
        return ""
    return label


def _without_blank_ends(record: Record, spans: Sequence[CharSpan]) -> list[CharSpan]:
    """The spans with their ends moved inwards over blanks, unless that is into a token.

    A span of blanks alone stays as it is.
    """
    text = record.text or ""
    blank = [(s, e) for s, e, _ in spans if 0 <= s < e <= len(text) and _has_blank_ends(text[s:e])]
    if not blank:
        return [*spans]
    moved: dict[tuple[int, int], tuple[int, int]] = {}
    tokens = None if record.words is None else align(record.words, text)
    starts, ends = map(set, zip(*tokens, strict=True)) if tokens else (None, None)
    for start, end in blank:
        inner = text[start:end].strip()
        left = start + text[start:end].index(inner)
        right = left + len(inner)
        left = left if starts is None or left in starts else start
        right = right if ends is None or right in ends else end
        if (left, right) != (start, end):
            moved[start, end] = left, right
            record.remarks.append(Remark(_BLANK_ENDS, f"[{start}, {end}] {text[start:end]!r}"))
    return [(*moved.get((start, end), (start, end)), label) for start, end, label in spans]


def _has_blank_ends(part: str) -> bool:
    return part.strip() not in ("", part)
