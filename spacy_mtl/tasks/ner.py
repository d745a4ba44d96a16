"""Named entities, or any other flat labelled spans, as BILUO tags."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Ops, to_numpy
from thinc.types import ArrayXd, Floats2d

from ..marks import INCORRECT_SPANS
from ..models import biluo
from ..models.best_path import best_path
from ..models.heads import Head, TokenHead
from ..models.packed import Packed
from ..models.shown import SOFTMAX, TOKEN, Shows
from ..models.span_rows import SpanRows
from .crf import crf_loss
from .losses import softmax, softmax_cross_entropy
from .scored import Decoded
from .span_confidences import note_decoded_spans, span_outcomes
from .span_constraints import allowed_columns, in_entity
from .span_scores import Triple
from .span_task import SpanTask
from .spans import (
    entity_attributes,
    gold_biluo,
    rejected_spans,
    spans_of,
)
from .targets import ColumnTargets, SpanTargets


class NER(SpanTask):
    """Find labelled spans that do not overlap: `doc.ents`, or `doc.spans[spans_key]`.

    Tokens are labelled with BILUO tags and decoded by constrained Viterbi, so that no invalid
    span can come out (`spacy_mtl.models.biluo`). Tokens without annotation are masked.

    crf: train the linear-chain CRF (Lafferty et al. 2001) over the same transitions, instead
        of classifying each token by itself. Documents that are partly annotated count with the
        sum over all paths that agree with what is annotated (Tsuboi et al. 2008).
    overwrite: ignore entities that are already on the Doc; otherwise they are kept, and the
        decoding goes around them.
    spans_key: write to this span group, for a second task of the kind.
    hidden_width: of a layer of the head's own, 0 for none.
    incorrect_spans_key: the span group with spans that are known to be wrong, as of stock `ner`.
        The CRF learns that they are not there: its likelihood is then that of all paths without
        them. Without `crf` they are not used, which is said once.

    Not for overlapping or nested spans.
    """

    @property
    def shows(self) -> Shows | None:
        return TOKEN, SOFTMAX

    def __init__(
        self,
        crf: bool = False,
        overwrite: bool = False,
        spans_key: str | None = None,
        hidden_width: int = 0,
        incorrect_spans_key: str | None = None,
    ) -> None:
        self.crf = crf
        self.overwrite = overwrite
        self.spans_key = spans_key
        self.hidden_width = hidden_width
        self.incorrect_spans_key = incorrect_spans_key
        super().__init__("ner")

    def columns_of(self, labels: Iterable[str]) -> list[str]:
        labels = list(labels)
        return ["O"] + [f"{prefix}-{label}" for prefix in "BILU" for label in labels]

    def set_labels(self, labels: Iterable[str]) -> None:
        super().set_labels(labels)
        self._warned_of_incorrect = False

    def make_head(self) -> Head:
        return TokenHead(self.hidden_width)

    def targets(self, examples: Sequence[Example], ops: Ops) -> SpanTargets:
        self.warn_of_unknown(examples)
        gold = _joined([gold_biluo(example, self._ids, self.spans_key) for example in examples])
        known = self.known_columns(examples, per_token=True)
        rejected = None
        if self.crf and self.incorrect_spans_key is not None:
            rejected = rejected_spans(examples, self._ids, self.incorrect_spans_key, gold)
        else:
            self._warn_of_incorrect(examples)
        return SpanTargets.of_spans(ColumnTargets.of(gold, known, ops), rejected)

    def _warn_of_incorrect(self, examples: Iterable[Example]) -> None:
        """Say once that there are rejected spans, which the task does not use."""
        key = self.incorrect_spans_key or INCORRECT_SPANS
        if self._warned_of_incorrect or key == self.spans_key:
            return
        if any(example.reference.spans.get(key) for example in examples):
            self._warned_of_incorrect = True
            warnings.warn(
                f"Documents have rejected spans in doc.spans['{key}'], which the task "
                f"'{self.name}' does not use. To learn from them, set `crf = true` and "
                f'`incorrect_spans_key = "{key}"` in its block of the config.',
                stacklevel=2,
            )

    def loss(
        self, scores: Floats2d, targets: SpanTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        if self.crf:
            return self._crf_loss(scores, targets, packed)
        return softmax_cross_entropy(scores, targets.classes, targets.mask, known=targets.known)

    def _crf_loss(
        self, scores: Floats2d, targets: SpanTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        classes, mask, known = targets.classes, targets.mask, targets.known
        return crf_loss(scores, classes, mask, packed.lengths, known, targets.rejected)

    def negative_log_likelihood(
        self, scores: Floats2d, targets: SpanTargets, packed: Packed
    ) -> float:
        """That of the CRF, as its marginals are the confidences, however the task is trained."""
        return self._crf_loss(scores, targets, packed)[0]

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Decoded:
        allowed = allowed_columns(packed, self._ids, self._in_entity(packed))
        if allowed is not None:
            scores = ops.xp.where(ops.xp.asarray(allowed), scores, np.float32(biluo.FORBIDDEN))
        labels = best_path(ops.xp, scores, packed.lengths)

        def probabilities() -> ArrayXd:
            if self.crf:
                return biluo.marginals(ops.xp, self.tempered(scores), packed.lengths)[1]
            return softmax(self.tempered(scores))

        def confidences() -> ArrayXd:
            spans = SpanRows.of(ops.xp, labels, len(self._labels))
            P = biluo.span_marginals(ops.xp, self.tempered(scores), packed.lengths, spans)
            stays = ops.xp.asarray(self._in_entity(packed) | self._in_group(packed))
            return ops.xp.where(stays[spans.first], np.nan, P)

        return Decoded(labels, probabilities, confidences)

    def note_confidences(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        """See `Task`."""
        note_decoded_spans(docs, decoded, self._ids, self.assigns[0], keep=not self.overwrite)

    def outcomes(
        self, decoded: Decoded, targets: ColumnTargets
    ) -> tuple[NDArray, NDArray[np.bool_]]:
        """Of spans: right is one that is in the gold with its label."""
        return span_outcomes(decoded, targets, len(self._labels))

    def standing(self, docs: Sequence[Doc], decoded: Decoded) -> list[list[Triple]]:
        """Of each document its spans: the label, the first token, and the one after the last."""
        found = spans_of(to_numpy(decoded.labels), [len(doc) for doc in docs], len(self._labels))
        return [
            self._with_present(doc, [(self._labels[kind], start, end) for start, end, kind in own])
            for doc, own in zip(docs, found, strict=True)
        ]

    def _with_present(self, doc: Doc, found: list[Triple]) -> list[Triple]:
        """What is found, beside or in place of the spans that are there and stay."""
        if self.overwrite:
            return found
        present = [(span.label_, span.start, span.end) for span in self._spans(doc)]
        if self.spans_key is not None:
            return present if self.spans_key in doc.spans else found
        taken = {(start, end) for _, start, end in present}
        new = [span for span in found if span[1:] not in taken]
        return sorted(present + new, key=lambda span: span[1])

    def annotate(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        tags = to_numpy(decoded.labels)
        if self.spans_key is not None:
            for doc, spans in zip(docs, self._decoded_spans(docs, tags), strict=True):
                if self.overwrite or self.spans_key not in doc.spans:
                    doc.spans[self.spans_key] = spans
            return
        entities: Any = entity_attributes(tags, self._ids)
        end = 0
        for doc in docs:
            begin, end = end, end + len(doc)
            if self.overwrite:  # the old entities' identifiers and links go too
                nothing: Any = np.zeros((len(doc), 2), dtype="uint64")
                doc.from_array(["ENT_ID", "ENT_KB_ID"], nothing)
            if self.overwrite or not doc.to_array("ENT_IOB").any():
                doc.from_array(["ENT_IOB", "ENT_TYPE"], entities[begin:end])
            else:
                self._add_ents(doc, tags[begin:end])

    def _decoded_spans(self, docs: Sequence[Doc], tags: Any) -> Iterator[list[Span]]:
        found = spans_of(tags, [len(doc) for doc in docs], len(self._labels))
        for doc, triples in zip(docs, found, strict=True):
            yield [Span(doc, start, end, self._labels[kind]) for start, end, kind in triples]

    def _add_ents(self, doc: Doc, tags: Any) -> None:
        """Add to the very spans that are there, with their identifiers, links and types."""
        preset = list(doc.ents)
        taken = {(span.start, span.end) for span in preset}
        (spans,) = self._decoded_spans([doc], tags)
        new = [span for span in spans if (span.start, span.end) not in taken]
        doc.set_ents(preset + new, blocked=_blocked(doc))

    def _in_entity(self, packed: Packed) -> NDArray[np.bool_]:
        """(n_tokens,) what is in an entity, or ruled out as one, and stays so."""
        return in_entity(packed) & (not self.overwrite and self.spans_key is None)

    def _in_group(self, packed: Packed) -> NDArray[np.bool_]:
        """(n_tokens,) what belongs to documents whose span group is there and stays as it is."""
        keeps = [not self.overwrite and self.spans_key in doc.spans for doc in packed.docs]
        return np.repeat(np.asarray(keeps, dtype=bool), packed.lengths)


def _joined(parts: Sequence[Any]) -> NDArray[np.int32]:
    return np.concatenate([np.zeros(0, dtype="int32"), *parts]).astype("int32")


def _blocked(doc: Doc) -> list[Span]:
    """Tokens that an earlier component has ruled out, each as a span."""
    iob = doc.to_array(["ENT_IOB", "ENT_TYPE"])
    rows = np.flatnonzero((iob[:, 0] == 3) & (iob[:, 1] == 0))
    return [doc[i : i + 1] for i in rows.tolist()]
