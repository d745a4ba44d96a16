"""What layers of spans have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spacy.tokens import Doc, Span

from ..errors import MTLError
from .base import Borders


def spans_to_json(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """Each as an object, with offsets in characters."""
    return [{"start": s.start_char, "end": s.end_char, "label": s.label_} for s in spans]


def spans_from_json(doc: Doc, values: Any) -> list[Span]:
    """The spans of such objects.

    RAISES (MTLError): For anything else.
    """
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise MTLError(f"Expected a list of spans, got {values!r}.")
    return [_span_from_json(doc, value) for value in values]


def _span_from_json(doc: Doc, value: Any) -> Span:
    span = None
    if isinstance(value, dict) and {*value} == {"start", "end", "label"}:
        span = doc.char_span(value["start"], value["end"], value["label"])
    if span is None:
        raise MTLError(
            "Expected a span as {'start': ..., 'end': ..., 'label': ...} on the borders of tokens, "
            f"got {value!r}."
        )
    return span


def count_at_blanks(spans: Iterable[Span]) -> int:
    """Number of spans that begin or end with a token of whitespace."""
    ends = ((span[0].text, span[-1].text) for span in spans if len(span))
    return sum(first.isspace() or last.isspace() for first, last in ends)


def in_words(span: Span, borders: Borders) -> tuple[int, int, str]:
    """The borders of a span in the text without whitespace, and its label."""
    last = borders[span.end - 1][1] if span.end else 0
    start = borders[span.start][0] if span.start < len(borders) else last
    return start, last, span.label_
