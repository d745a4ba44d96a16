"""Groups of spans, which may overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from spacy.tokens import Doc, SpanGroup

from ..errors import MTLError
from ..marks import INCORRECT_SPANS
from ._spans import count_at_blanks, in_words, spans_from_json, spans_to_json
from .base import AnnotationLayer, Borders, Statement
from .coverage import LayerCoverage
from .proposals import Found, Suggestion

COVERED = 0.99  # of the training spans are candidates, if they have
LONGEST = 25  # tokens or fewer


class SpanGroupLayer(AnnotationLayer):
    """`doc.spans`, each key a group; an empty one is known to have no span."""

    name = "spans"
    title = "spans"
    assigns = ("doc.spans",)
    unit = "docs"
    counted = "span groups"
    field = "spans"
    json_type = "span_groups"

    def count(self, doc: Doc) -> int:
        return len(doc.spans)

    def blank(self, doc: Doc) -> None:
        doc.spans.clear()

    def labels(self, doc: Doc) -> Counter[str]:
        return Counter(span.label_ for spans in doc.spans.values() for span in spans)

    def coverages(self, doc: Doc) -> Iterator[tuple[str, LayerCoverage]]:
        for key, spans in doc.spans.items():
            yield (
                key,
                LayerCoverage(
                    1,
                    Counter(span.label_ for span in spans),
                    overlapping=_count_overlapping(spans),
                    lengths=Counter(len(span) for span in spans),
                    at_blanks=count_at_blanks(spans),
                ),
            )

    def statements(self, doc: Doc, borders: Borders) -> Iterator[Statement]:
        """All spans of a group at once; none of what is rejected."""
        text = "".join(doc.text.split())
        for key, spans in doc.spans.items():
            if key == INCORRECT_SPANS:
                continue
            found = sorted(in_words(span, borders) for span in spans)
            listed = [f"{label} {text[start:end]!r}" for start, end, label in found]
            yield key, "", ", ".join(listed) or "none"

    def to_json(self, doc: Doc) -> Any:
        groups = {key: spans_to_json(spans) for key, spans in doc.spans.items()}
        return groups or None

    def from_json(self, doc: Doc, value: Any) -> None:
        if not isinstance(value, dict):
            raise MTLError(f"Expected groups of spans by their keys, got {value!r}.")
        for key, spans in value.items():
            doc.spans[key] = spans_from_json(doc, spans)

    def propose(self, found: Found) -> Suggestion:
        """Flat spans are entities of a second kind; spans that overlap are chosen of n-grams."""
        name = found.name(f"spans_{found.group}")
        settings: dict[str, Any] = {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": found.group}
        comments = {}
        if found.overlapping:
            longest, share = _longest_proposed(found.lengths)
            settings["@mtl_tasks"] = "spacy_mtl.SpanCat.v1"
            settings["suggester"] = {
                "@misc": "spacy.ngram_range_suggester.v1",
                "min_size": 1,
                "max_size": longest,
            }
            comments["suggester.max_size"] = (
                f"{share:.1%} of the training spans have at most so many tokens; longer ones are "
                "not found. All spans of these sizes are scored, so that more take longer."
            )
        return Suggestion(name, settings, f"{name}_f", comments)


def _longest_proposed(lengths: Mapping[int, int]) -> tuple[int, float]:
    """The size of the longest n-gram that a suggester is to propose, and the share of the training
    spans that are no longer."""
    total = sum(lengths.values())
    longest = covered = 0
    while longest < LONGEST and covered < COVERED * total:
        longest += 1
        covered += lengths.get(longest, 0)
    return max(longest, 1), covered / max(total, 1)


def _count_overlapping(spans: SpanGroup) -> int:
    overlapping = end = 0
    for span in sorted(spans, key=lambda span: span.start):
        overlapping += span.start < end
        end = max(end, span.end)
    return overlapping
