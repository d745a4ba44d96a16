"""What tasks that write labelled spans have in common: to `doc.ents`, or to a span group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from spacy.scorer import Scorer, get_ner_prf
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..marks import known_labels
from ..metrics.f_score import Counts
from .alignment import require_same_tokens
from .base import Task
from .confusion import Confusion
from .labels import LabelledTask
from .span_scores import Sides, noted_span_outcomes, span_confusion, span_counts
from .spans import only_types


class SpanTask(LabelledTask):
    """A task that labels spans of tokens.

    spans_key: of the span group that it writes; None for `doc.ents`.
    """

    spans_key: str | None

    @property
    def layers(self) -> tuple[str, ...]:
        return ("ents",) if self.spans_key is None else ("spans",)

    @property
    def assigns(self) -> tuple[str, ...]:
        return ("doc.ents" if self.spans_key is None else f"doc.spans[{self.spans_key!r}]",)

    def set_labels(self, labels: Iterable[str]) -> None:
        super().set_labels(labels)
        self._ids = np.asarray([get_string_id(label) for label in self._labels], dtype="uint64")

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        return sorted(set().union(*(self.labels_in(eg.reference) for eg in examples)))

    def labels_in(self, doc: Doc) -> set[str]:
        return {span.label_ for span in self._spans(doc)}

    def is_labelled(self, example: Example) -> bool:
        reference = self._as_known(example).reference
        if self.spans_key is not None:
            return bool(len(reference)) and self.spans_key in reference.spans
        return bool(reference.to_array("ENT_IOB").any())

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        examples = list(examples)
        self.warn_of_unknown(examples)
        examples = [self._as_known(example) for example in examples]
        if self.spans_key is None:
            return get_ner_prf(examples)
        return Scorer.score_spans(
            examples,
            f"spans_{self.spans_key}",
            getter=lambda doc, _: doc.spans.get(self.spans_key, []),
            has_annotation=lambda doc: self.spans_key in doc.spans,
            allow_overlap=True,
        )

    def statistics(self, examples: Sequence[Example]) -> Counts:
        for example in examples:
            require_same_tokens(example)
        return span_counts(self._labels, [self.scored_spans(example) for example in examples])

    def confusion(self, examples: Sequence[Example]) -> Confusion | None:
        """See `Confused`."""
        return span_confusion(self._labels, map(self.scored_spans, examples))

    def noted_outcomes(self, example: Example) -> Iterator[tuple[float, bool]]:
        """See `Confident`."""
        return noted_span_outcomes(self._spans(example.predicted), *self.scored_spans(example))

    def scored_spans(self, example: Example) -> Sides:
        """See `Located`."""
        known = self._as_known(example)
        gold, guess = (
            {(span.label_, span.start, span.end) for span in self._spans(doc)}
            for doc in (known.reference, known.predicted)
        )
        if self.spans_key is not None:
            return gold, guess if self.spans_key in known.reference.spans else set()
        said = known.reference.to_array("ENT_IOB") != 0
        return gold, {span for span in guess if said[span[1] : span[2]].all()}

    @property
    def main_score(self) -> str:
        return "ents_f" if self.spans_key is None else f"spans_{self.spans_key}_f"

    def own_key(self, standard: str) -> str:
        prefix = "ents_" if self.spans_key is None else f"spans_{self.spans_key}_"
        return standard.removeprefix(prefix)

    def _as_known(self, example: Example) -> Example:
        """The example with spans of those types alone that its corpus knows."""
        types = known_labels(example).get(self.name)
        if types is None:
            return example
        sides = (example.predicted, example.reference)
        return Example(*(only_types(doc, types, self.spans_key) for doc in sides))

    def _spans(self, doc: Doc) -> Iterable[Span]:
        return doc.ents if self.spans_key is None else doc.spans.get(self.spans_key, [])
