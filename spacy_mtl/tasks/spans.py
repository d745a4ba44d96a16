"""Between spans and BILUO columns, as arrays; columns are those of `spacy_mtl.models.biluo`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import MTLError
from ..models.span_rows import SpanRows
from .alignment import index_of, once_aligned, same_tokens

Ids = NDArray[np.uint64]
Columns = NDArray[np.int32]
MISSING = -1
INSIDE, OUTSIDE, BEGIN = 1, 2, 3  # spaCy's values of ENT_IOB; 0 is missing


def gold_biluo(example: Example, ids: Ids, spans_key: str | None) -> Columns:
    """(n_tokens,) the gold column of each predicted token, MISSING where nothing is known.

    Spans of a type that is not in `ids` are missing too, as are reference tokens that do not
    align and entities that are not annotated on a token.
    """
    reference = example.reference
    if spans_key is None and same_tokens(example):
        return _from_iob(reference, ids)
    gold = reference.to_array(["ENT_IOB", "ENT_TYPE"])
    if spans_key is not None:
        spans = reference.spans.get(spans_key, ())
        gold = np.asarray([(span.start, span.end, span.label) for span in spans], dtype="uint64")

    def align() -> Columns:
        if spans_key is not None:
            return _from_group(example, ids, spans_key)
        return _from_tags(example.get_aligned_ner(), ids, example)

    there = spans_key is None or spans_key in reference.spans
    return once_aligned(example, (spans_key, there, ids.tobytes()), gold, align)


def preset_biluo(doc: Doc, ids: Ids) -> Columns:
    """(n_tokens,) the column that entities already on the Doc fix, MISSING where none is.

    Entities of foreign types and blocked tokens are fixed as outside: nothing may touch them.
    """
    iob = doc.to_array(["ENT_IOB", "ENT_TYPE"])
    in_entity = (iob[:, 0] == BEGIN) | (iob[:, 0] == INSIDE)
    if not in_entity.any():
        return np.full(len(doc), MISSING, dtype="int32")
    tags = _from_iob(doc, ids)
    return np.where(in_entity, np.maximum(tags, 0), MISSING).astype("int32")


def _from_iob(doc: Doc, ids: Ids) -> Columns:
    attrs = doc.to_array(["ENT_IOB", "ENT_TYPE"])
    iob = attrs[:, 0].astype("int32")
    if not iob.any():
        return np.full(len(doc), MISSING, dtype="int32")
    kind = index_of(attrs[:, 1].astype("uint64"), ids)
    begins = iob == BEGIN
    goes_on = np.append(iob[1:] == INSIDE, False)
    # B, I, L, U as 0, 1, 2, 3
    prefix = np.where(begins, np.where(goes_on, 0, 3), np.where(goes_on, 1, 2))
    tags = 1 + prefix * len(ids) + kind
    tags[kind < 0] = MISSING
    tags[iob == OUTSIDE] = 0
    tags[iob == 0] = MISSING
    return tags.astype("int32")


def _from_tags(tags: Sequence[str | None], ids: Ids, example: Example) -> Columns:
    """From spaCy's alignment, which gives BILUO strings and None."""
    strings = example.reference.vocab.strings
    result = np.full(len(tags), MISSING, dtype="int32")
    for i, tag in enumerate(tags):
        if tag == "O":
            result[i] = 0
        elif tag:
            kind = index_of(np.asarray([strings[tag[2:]]], dtype="uint64"), ids)[0]
            if kind >= 0:
                result[i] = 1 + "BILU".index(tag[0]) * len(ids) + kind
    return result


def _from_group(example: Example, ids: Ids, key: str) -> Columns:
    n = len(example.predicted)
    if key not in example.reference.spans:
        return np.full(n, MISSING, dtype="int32")
    result = np.zeros(n, dtype="int32")
    if not same_tokens(example):
        # spaCy's alignment may have a row more, for white space at the end of the last token
        result[np.asarray(example.alignment.x2y.lengths)[:n] == 0] = MISSING
    gold = example.reference.spans[key]
    for span in gold:  # what does not align, or overlaps, stays missing
        result[np.asarray(example.alignment.y2x[span.start : span.end], dtype="int64")] = MISSING
    for span in example.get_aligned_spans_y2x(gold, allow_overlap=False):
        kind = index_of(np.asarray([span.label], dtype="uint64"), ids)[0]
        if kind < 0:
            result[span.start : span.end] = MISSING
            continue
        result[span.start : span.end] = 1 + _biluo(len(span)) * len(ids) + kind
    return result


def rejected_spans(
    examples: Sequence[Example], ids: Ids, key: str, gold: Columns
) -> NDArray[np.int64]:
    """(n_spans, 3) first and last row and type of the spans of a group that are not there.

    Left out are those of other types, those that do not align, and those that the gold columns
    of the tokens rule out anyway. gold: (n_tokens,) of all examples.
    RAISES (MTLError): If a span is in the gold annotation too.
    """
    found = set()
    offset = 0
    for example in examples:
        group = example.reference.spans.get(key) or ()
        if group and not same_tokens(example):
            group = example.get_aligned_spans_y2x(group, allow_overlap=True)
        for span in group:
            kind = int(index_of(np.asarray([span.label], dtype="uint64"), ids)[0])
            if kind < 0:
                continue
            own = 1 + _biluo(len(span)) * len(ids) + kind
            there = gold[offset + span.start : offset + span.end]
            if (there == own).all():
                raise MTLError(
                    f"Expected spans in doc.spans['{key}'] that are no gold spans, got "
                    f"'{span.text}' ({span.label_}) in both. Remove it from one of the two."
                )
            if ((there == own) | (there == MISSING)).all():
                found.add((offset + span.start, offset + span.end - 1, kind))
        offset += len(example.predicted)
    return np.asarray(sorted(found), dtype="int64").reshape(-1, 3)


def _biluo(length: int) -> NDArray[np.int64]:
    """(length,) the labels of a span as 0, 1, 2 and 3 for B, I, L and U."""
    labels = np.ones(length, dtype="int64")
    labels[0], labels[-1] = 0, 2
    return labels if length > 1 else np.full(1, 3)


def only_types(doc: Doc, types: Collection[str], spans_key: str | None) -> Doc:
    """A copy with spans of these types alone; of other entities nothing is known any more."""
    doc = doc.copy()
    if spans_key is None:
        others = [ent for ent in doc.ents if ent.label_ not in types]
        kept = [ent for ent in doc.ents if ent.label_ in types]
        doc.set_ents(kept, missing=others, default="unmodified")
    elif spans_key in doc.spans:
        doc.spans[spans_key] = [span for span in doc.spans[spans_key] if span.label_ in types]
    return doc


def entity_attributes(tags: Columns, ids: Ids) -> NDArray[np.uint64]:
    """(n_tokens, 2) ENT_IOB and ENT_TYPE of valid sequences; spans without a label are none."""
    prefix, kind = np.divmod(tags - 1, len(ids))
    types = np.where(tags == 0, np.uint64(0), ids[kind])
    begins = np.where((prefix == 0) | (prefix == 3), BEGIN, INSIDE)
    return np.stack([np.where(types == 0, OUTSIDE, begins).astype("uint64"), types], axis=1)


def spans_of(
    tags: Columns, lengths: Sequence[int], n_types: int
) -> list[list[tuple[int, int, int]]]:
    """For each document start, end and type index of its spans, in order.

    tags: (n_tokens,) valid sequences of documents of these lengths.
    """
    rows = SpanRows.of(np, tags, n_types)
    ends_of_docs = np.cumsum(lengths, dtype="int64")
    first: NDArray[np.int64] = rows.first
    docs = np.searchsorted(ends_of_docs, first, side="right")
    offsets = (ends_of_docs - lengths)[docs]
    starts, ends = first - offsets, rows.last + 1 - offsets
    found: list[list[tuple[int, int, int]]] = [[] for _ in lengths]
    spans = zip(starts.tolist(), ends.tolist(), rows.kinds.tolist(), strict=True)
    for doc, span in zip(docs.tolist(), spans, strict=True):
        found[doc].append(span)
    return found
