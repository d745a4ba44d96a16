import numpy as np
import pytest
from spacy.pipeline.spancat import (
    build_ngram_suggester,
    build_preset_spans_suggester,
    ngram_suggester,
)
from spacy.tokens import Span
from thinc.api import NumpyOps
from thinc.types import Ragged

from spacy_mtl.errors import MTLError
from spacy_mtl.models.candidates import MissingSpans, candidates_of, suggest

TEXTS = ["a b c d e", "", "f", "g h"]


@pytest.fixture
def docs(make_doc):
    return [make_doc(text) for text in TEXTS]


def spans_of(candidates):
    """Of each document, from its own first token on."""
    rows = np.stack([candidates.starts, candidates.ends], axis=1).tolist()
    offsets, found = [0, 5, 5, 6], [[] for _ in TEXTS]
    for (start, end), doc in zip(rows, candidates.doc_of.tolist(), strict=True):
        found[doc].append((start - offsets[doc], end - offsets[doc]))
    return found


@pytest.mark.parametrize("sizes", [[1], [1, 2, 3], [3, 1], [2, 2], [9], []])
def test_ngrams_are_those_of_spacy(sizes, docs):
    found = suggest(build_ngram_suggester(sizes), docs)
    theirs = ngram_suggester(docs, sizes, ops=NumpyOps())
    assert found.lengths.tolist() == theirs.lengths.tolist()
    expected = [[tuple(row) for row in theirs[i].dataXd.tolist()] for i in range(len(docs))]
    assert spans_of(found) == expected


def test_no_documents():
    assert len(suggest(build_ngram_suggester([1, 2]), [])) == 0


def test_other_suggesters_get_arrays_of_the_host(docs):
    seen = []

    def longest(docs, *, ops):
        seen.append(ops)
        spans = [[0, len(doc)] for doc in docs if len(doc)]
        return Ragged(ops.asarray2i(spans), ops.asarray1i([min(len(doc), 1) for doc in docs]))

    assert spans_of(suggest(longest, docs)) == [[(0, 5)], [], [(0, 1)], [(0, 2)]]
    assert isinstance(seen[0], NumpyOps)


def test_groups_of_spans(docs):
    for doc in docs:
        doc.spans["x"] = [Span(doc, 1, 2)] if len(doc) > 1 else []
    suggester = build_preset_spans_suggester("x")
    assert spans_of(suggest(suggester, docs)) == [[(1, 2)], [], [], [(1, 2)]]
    for doc in docs:
        doc.spans["x"] = []
    assert len(suggest(suggester, docs)) == 0
    del docs[2].spans["x"]
    with pytest.raises(MissingSpans, match="without 'x'.*`annotating_components`"):
        suggest(suggester, docs)


@pytest.mark.parametrize(
    ("spans", "lengths", "message"),
    [
        ([[0, 6]], [1, 0, 0, 0], "from 0 to 6 in a document of 5 tokens"),
        ([[0, 1], [1, 1]], [2, 0, 0, 0], "from 1 to 1"),
        ([[0, 1], [-1, 1]], [1, 0, 0, 1], "from -1 to 1 in a document of 2 tokens"),
        ([[0, 1]], [1, 1, 0, 0], "each of 4 documents, got 1 with lengths for 4"),
        ([[0, 1]], [1], "with lengths for 1 documents"),
    ],
)
def test_what_is_no_candidate_is_an_error(spans, lengths, message, docs):
    def wrong(docs, *, ops):
        return Ragged(ops.asarray2i(spans), ops.asarray1i(lengths))

    with pytest.raises(MTLError, match=message):
        suggest(wrong, docs)


def test_a_batch_is_looked_at_once(docs, pack):
    calls = []

    def counted(docs, *, ops):
        calls.append(docs)
        return ngram_suggester(docs, [1], ops=ops)

    packed = pack(docs)
    assert candidates_of(packed, counted) is candidates_of(packed, counted)
    assert len(calls) == 1
