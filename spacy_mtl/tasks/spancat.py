"""Spans that may overlap, as labelled candidates of a suggester."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.pipeline.spancat import build_ngram_suggester
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from thinc.api import Ops, get_array_module, to_numpy
from thinc.types import Floats2d

from ..errors import MTLError
from ..models.candidates import Candidates, MissingSpans, candidates_of, suggest
from ..models.heads import Head
from ..models.packed import Packed
from ..models.span_head import SpanHead
from .base import Task
from .confusion import Confusion
from .found_spans import FoundSpans
from .gold_candidates import GoldCandidates, candidate_recall
from .losses import binary_cross_entropy, sigmoid, softmax, softmax_cross_entropy
from .span_scores import Triple
from .span_task import SpanTask
from .targets import CellTargets, ColumnTargets
from .thresholds import ThresholdedTask

LOW_RECALL = 0.9
PRIOR = 0.01  # the probability of each label that a head without weights gives to a candidate
NO_SPAN = "O"  # the column of an exclusive task, as no label is: those have a prefix


class SpanCat(SpanTask, ThresholdedTask):
    """Find labelled spans that may overlap or be nested, in `doc.spans[spans_key]`.

    A suggester proposes candidates, and each is scored from its first token, its last token and
    the mean of its tokens, see `spacy_mtl.models.span_head`. What no candidate is can be neither
    learned nor found, which is said at `initialize` if it is much. A Doc without the group is not
    labelled, one with an empty group is known to have no span. Settings mean what they do for
    spaCy's `spancat`, and with `exclusive` for its `spancat_singlelabel`.

    suggester: a block of the registry `misc`, such as `spacy.ngram_range_suggester.v1`; by default
        n-grams of 1 to 3 tokens. It gets arrays of the CPU, also on a GPU.
    spans_key: of the group, where training looks for spans and prediction writes them. What is
        there before is replaced.
    exclusive: each span has exactly one label: probabilities are those of a softmax over the
        labels and "no span". Otherwise each label is decided about by itself.
    threshold: not exclusive: from which probability on a span has a label, if it has no threshold
        of its own, as `spacy mtl calibrate` chooses them.
    max_positive: not exclusive: the most labels of a span; null for no limit.
    negative_weight: exclusive: what the loss of candidates that are no span is multiplied by.
    allow_overlap: exclusive: false to keep, of spans that overlap, the most probable one.
    hidden_width: of a layer of rectified linear units between the candidates' representation and
        the scores; 0 for none, which is faster and less accurate.

    Units are candidates: losses are summed over labelled ones, of all labels of each.
    Not for spans that never overlap: `spacy_mtl.NER.v1` finds them at any length, faster.
    """

    spans_key: str

    def __init__(
        self,
        suggester: Callable[..., Any] | None = None,
        spans_key: str = "sc",
        exclusive: bool = False,
        threshold: float = 0.5,
        max_positive: int | None = None,
        negative_weight: float = 1.0,
        allow_overlap: bool = True,
        hidden_width: int = 128,
    ) -> None:
        self.suggester = suggester or build_ngram_suggester([1, 2, 3])
        self.spans_key = spans_key
        self.exclusive = exclusive
        self.threshold = self.configured_threshold = threshold
        self.max_positive = max_positive
        self.negative_weight = negative_weight
        self.allow_overlap = allow_overlap
        self.hidden_width = hidden_width
        self._check_settings()
        super().__init__("spancat")

    def _check_settings(self) -> None:
        if self.exclusive and self.max_positive is not None:
            raise MTLError(
                "Expected `max_positive` with `exclusive = false`, as each span of an exclusive "
                f"task has one label, got {self.max_positive}. Leave it out."
            )
        if not self.exclusive and not (self.allow_overlap and self.negative_weight == 1.0):
            raise MTLError(
                "Expected `allow_overlap` and `negative_weight` with `exclusive = true`, got "
                f"{self.allow_overlap} and {self.negative_weight} without. Leave them out."
            )
        if self.max_positive is not None and self.max_positive < 1:
            raise MTLError(f"Expected `max_positive` of at least 1, got {self.max_positive}.")
        if self.negative_weight < 0:
            raise MTLError(
                f"Expected a `negative_weight` of at least 0, got {self.negative_weight}."
            )

    def columns_of(self, labels: Iterable[str]) -> list[str]:
        return [NO_SPAN, *(f"S-{label}" for label in labels)] if self.exclusive else list(labels)

    def begin(self, examples: Sequence[Example], others: Mapping[str, Task]) -> None:
        """Say how many of the gold spans are candidates, if it is few."""
        try:
            found, total = candidate_recall(self.suggester, examples, self.spans_key)
        except MissingSpans:  # which a component before sets in training alone
            return
        if found < LOW_RECALL * total:
            warnings.warn(
                f"The suggester of the task '{self.name}' proposes {found / total:.1%} of the "
                f"{total:,} spans in doc.spans['{self.spans_key}']. The others can be neither "
                "learned nor found. Let it propose longer n-grams (`max_size`), or choose another.",
                stacklevel=2,
            )

    def make_head(self) -> Head:
        offset = 0.0 if self.exclusive else float(np.log(PRIOR / (1 - PRIOR)))
        return SpanHead(self.suggester, self.hidden_width, offset=offset)

    def unit_lengths(self, scores: Floats2d, packed: Packed) -> NDArray[np.int64]:
        return candidates_of(packed, self.suggester).lengths

    def targets(self, examples: Sequence[Example], ops: Ops) -> CellTargets | ColumnTargets:
        docs = [example.predicted for example in examples]
        return self._targets(suggest(self.suggester, docs), examples, ops)

    def targets_of(
        self, packed: Packed, examples: Sequence[Example], ops: Ops
    ) -> CellTargets | ColumnTargets:
        return self._targets(candidates_of(packed, self.suggester), examples, ops)

    def _targets(
        self, candidates: Candidates, examples: Sequence[Example], ops: Ops
    ) -> CellTargets | ColumnTargets:
        self.warn_of_unknown(examples)
        gold = GoldCandidates.of(examples, candidates, self._ids, self.spans_key)
        known = self.known_columns(examples)
        if known is not None:
            known = known[candidates.doc_of]
        if self.exclusive:
            return ColumnTargets.of(self._columns(gold), known, ops)
        truths = ops.alloc2f(len(candidates), len(self._labels))
        rows = np.flatnonzero(gold.span >= 0)
        labels: Any = gold.labels[gold.span[rows]].astype("f")
        truths[ops.xp.asarray(rows)] = ops.xp.asarray(labels)
        mask = np.broadcast_to(gold.labelled[:, None], truths.shape)
        if known is not None:
            mask = mask & known
        n_units = int(mask.any(axis=1).sum())
        return CellTargets(truths, ops.xp.asarray(mask), n_units)

    def _columns(self, gold: GoldCandidates) -> NDArray[np.int64]:
        """(n_candidates,) the column of each candidate, -1 where it is not known.

        RAISES (MTLError): If a span has several labels.
        """
        if several := (gold.labels.sum(axis=1) > 1).nonzero()[0].tolist():
            labels = [self._labels[place] for place in gold.labels[several[0]].nonzero()[0]]
            raise MTLError(
                f"Expected one label for each span of the exclusive task '{self.name}', got "
                f"{' and '.join(labels)} on the same tokens in doc.spans['{self.spans_key}']. "
                "Correct them, or set `exclusive = false`."
            )
        of_span = np.where(gold.unknown, -1, gold.labels.argmax(axis=1) + 1)
        columns = np.append(of_span, 0)[gold.span]  # the last is for -1, which is no span
        return np.where(gold.labelled, columns, -1)

    def loss(
        self, scores: Floats2d, targets: CellTargets | ColumnTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        return self._loss(scores, targets, self.negative_weight)

    def negative_log_likelihood(
        self, scores: Floats2d, targets: CellTargets | ColumnTargets, packed: Packed
    ) -> float:
        """The loss in which all candidates have the same weight."""
        return self._loss(scores, targets, 1.0)[0]

    def _loss(
        self, scores: Floats2d, targets: CellTargets | ColumnTargets, negative_weight: float
    ) -> tuple[float, Floats2d]:
        if isinstance(targets, CellTargets):
            return binary_cross_entropy(scores, targets.truths, targets.mask)
        loss, d_scores = softmax_cross_entropy(
            scores, targets.classes, targets.mask, known=targets.known
        )
        if negative_weight != 1.0:
            negative = targets.mask & (targets.classes == 0)
            of_negative, _ = softmax_cross_entropy(
                scores, targets.classes, negative, known=targets.known
            )
            loss += (negative_weight - 1.0) * of_negative
            d_scores[negative] *= negative_weight
        return loss, d_scores

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> FoundSpans:
        tempered = self.tempered(scores)
        found = self._one_of(tempered) if self.exclusive else self._reaching(tempered)
        rows, labels, confidences = (to_numpy(each) for each in found)
        candidates = candidates_of(packed, self.suggester)
        probabilities = softmax if self.exclusive else sigmoid
        spans = FoundSpans(candidates, rows, labels, confidences, lambda: probabilities(tempered))
        if self.max_positive is not None:
            spans = spans.best(self.max_positive)
        return spans.once() if self.allow_overlap else spans.flat()

    def _one_of(self, scores: Any) -> tuple[Any, Any, Any]:
        """The candidates of which a label is more probable than "no span"; it; its probability."""
        xp: Any = get_array_module(scores)
        columns = scores.argmax(axis=1)
        rows = xp.flatnonzero(columns)
        P = softmax(scores[rows])
        return rows, columns[rows] - 1, P[xp.arange(len(rows)), columns[rows]]

    def _reaching(self, scores: Any) -> tuple[Any, Any, Any]:
        """Candidates and labels whose probability reaches the label's threshold, and that.

        Probabilities are computed of those alone whose scores are near it or above.
        """
        xp: Any = get_array_module(scores)
        thresholds = self._thresholds.values(self._labels)
        with np.errstate(divide="ignore"):
            near = np.log(thresholds) - np.log1p(-np.asarray(thresholds)) - 0.01
        rows, labels = xp.nonzero(scores >= xp.asarray(np.minimum(near, 9.0), dtype=scores.dtype))
        P = sigmoid(scores[rows, labels])
        reaches = xp.asarray(np.broadcast_to(thresholds, len(self._labels)))[labels] <= P
        return rows[reaches], labels[reaches], P[reaches]

    def outcomes(
        self, decoded: Any, targets: CellTargets | ColumnTargets
    ) -> tuple[NDArray, NDArray[np.bool_]]:
        """Of the spans found among labelled candidates."""
        rows, labels = decoded.rows, decoded.labels
        mask, gold = to_numpy(targets.mask), to_numpy(targets.gold)
        if isinstance(targets, CellTargets):
            known, right = mask[rows, labels], gold[rows, labels]
        else:
            known, right = mask[rows], gold[rows] == labels + 1
            if targets.known is not None:
                known &= to_numpy(targets.known)[rows, labels + 1]
        return decoded.confidences[known], right[known]

    def standing(self, docs: Sequence[Doc], decoded: FoundSpans) -> list[list[Triple]]:
        """Of each document its spans: the label, the first token, and the one after the last."""
        labels = [self._labels[label] for label in decoded.labels.tolist()]
        return [
            [(label, *span) for label, span in zip(labels[part], spans.tolist(), strict=True)]
            for part, spans in decoded.by_doc(docs)
        ]

    def note_confidences(self, docs: Sequence[Doc], decoded: FoundSpans) -> None:
        """See `Task`."""
        decoded.note(docs, self._ids, self.assigns[0])

    def annotate(self, docs: Sequence[Doc], decoded: FoundSpans) -> None:
        labels = [self._labels[label] for label in decoded.labels.tolist()]
        for doc, (part, rows) in zip(docs, decoded.by_doc(docs), strict=True):
            spans = [
                Span(doc, start, end, label)
                for (start, end), label in zip(rows.tolist(), labels[part], strict=True)
            ]
            scores = {"scores": decoded.confidences[part].copy()}
            doc.spans[self.spans_key] = SpanGroup(
                doc, name=self.spans_key, attrs=scores, spans=spans
            )

    def confusion(self, examples: Sequence[Example]) -> Confusion | None:
        """See `Confused`."""
        return super().confusion(examples) if self.exclusive else None
