import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_mtl.tasks.spans import gold_biluo, only_types, preset_biluo, spans_of

LABELS = ["PER", "LOC"]
IDS = np.asarray([get_string_id(label) for label in LABELS], dtype="uint64")
COLUMNS = ["O"] + [f"{prefix}-{label}" for prefix in "BILU" for label in LABELS]


def names(columns):
    """The columns as tags, "?" where missing."""
    return [COLUMNS[column] if column >= 0 else "?" for column in columns.tolist()]


def gold(predicted, reference, key=None):
    return names(gold_biluo(Example(predicted, reference), IDS, key))


IOB = ["B-PER", "I-PER", "O", "", "B-LOC", "B-LOC", "I-LOC", "I-LOC", "B-ORG", "I-ORG", "O"]
BILUO = ["B-PER", "L-PER", "O", "?", "U-LOC", "B-LOC", "I-LOC", "L-LOC", "?", "?", "O"]


def test_same_tokens(make_doc):
    words = "a b c d e f g h i j k"
    assert gold(make_doc(words), make_doc(words, ents=IOB)) == BILUO


def test_type_without_position_says_nothing(make_doc):
    reference = make_doc("a b c", ents=["B-LOC", "", "O"])
    reference[1].ent_type_ = "PER"
    assert gold(make_doc("a b c"), reference) == ["U-LOC", "?", "O"]


def test_entities_at_both_ends(make_doc):
    reference = make_doc("a b c", ents=["B-LOC", "B-PER", "I-PER"])
    assert gold(make_doc("a b c"), reference) == ["U-LOC", "B-PER", "L-PER"]


def test_nothing_annotated(make_doc, vocab):
    assert gold(make_doc("a b"), make_doc("a b")) == ["?", "?"]
    assert gold(make_doc("ab c"), Doc(vocab, words=["a", "b", "c"])) == ["?", "?"]
    assert gold(make_doc(""), make_doc("")) == []
    assert gold(make_doc("a b"), make_doc("a b"), key="x") == ["?", "?"]


def test_entities_of_other_tokens(vocab):
    predicted = Doc(vocab, words=["in", "New", "York", "City", "don't", "XY", "."])
    reference = Doc(
        vocab,
        words=["in", "New", "York", "City", "do", "n't", "XY", "."],
        spaces=[True, True, True, True, False, True, True, False],
        ents=["O", "B-LOC", "I-LOC", "I-LOC", "O", "O", "B-ORG", "O"],
    )
    assert gold(predicted, reference) == ["O", "B-LOC", "I-LOC", "L-LOC", "O", "?", "O"]


def test_entity_that_does_not_align_is_missing(vocab):
    predicted = Doc(vocab, words=["pre-Paris", "x"])
    spaces = [False, True, False]
    reference = Doc(vocab, words=["pre-", "Paris", "x"], spaces=spaces, ents=["O", "B-LOC", "O"])
    assert gold(predicted, reference) == ["?", "O"]


@pytest.mark.parametrize("same", [True, False])
def test_group(vocab, same):
    predicted = Doc(vocab, words=["in", "New", "York", "Bob", "don't"])
    last = ["don't"] if same else ["do", "n't"]
    words = ["in", "New", "York", "Bob", *last]
    reference = Doc(vocab, words=words, spaces=[True] * 4 + [False] * (len(words) - 4))
    reference.spans["x"] = [
        Span(reference, 1, 3, "LOC"),
        Span(reference, 3, 4, "PER"),
        Span(reference, 4, 5, "ORG"),
    ]
    # "do" as ORG does not align; as "don't" it is of an unknown type.
    assert gold(predicted, reference, "x") == ["O", "B-LOC", "L-LOC", "U-PER", "?"]


def test_empty_group_says_that_there_is_nothing(make_doc):
    reference = make_doc("a b")
    reference.spans["x"] = []
    assert gold(make_doc("a b"), reference, "x") == ["O", "O"]


def test_overlapping_spans_of_a_group_are_missing(make_doc):
    reference = make_doc("a b c d e f")
    reference.spans["x"] = [Span(reference, 0, 3, "PER"), Span(reference, 2, 5, "LOC")]
    expected = ["B-PER", "I-PER", "L-PER", "?", "?", "O"]
    assert gold(make_doc("a b c d e f"), reference, "x") == expected


def test_tokens_without_reference_are_missing_in_a_group(vocab):
    predicted = Doc(vocab, words=["a", "  ", "b"], spaces=[False, False, False])
    reference = Doc(vocab, words=["a", "b"])
    reference.spans["x"] = [Span(reference, 1, 2, "PER")]
    assert gold(predicted, reference, "x") == ["O", "?", "U-PER"]


def test_preset(make_doc):
    doc = make_doc("a b c d e f g h")
    ents = [Span(doc, 1, 4, "PER"), Span(doc, 4, 5, "ORG")]
    doc.set_ents(ents, blocked=[doc[6:7]], default="missing")
    assert names(preset_biluo(doc, IDS)) == ["?", "B-PER", "I-PER", "L-PER", "O", "?", "O", "?"]
    doc.set_ents(ents)  # what is outside was said by nobody in particular: it stays open
    assert names(preset_biluo(doc, IDS)) == ["?", "B-PER", "I-PER", "L-PER", "O", "?", "?", "?"]
    assert names(preset_biluo(make_doc("a b"), IDS)) == ["?", "?"]
    assert preset_biluo(make_doc(""), IDS).shape == (0,)


def test_only_some_types(make_doc):
    doc = make_doc("a b c d e", tags=["X"] * 5)
    doc.set_ents([Span(doc, 0, 2, "PER"), Span(doc, 3, 4, "LOC")], missing=[doc[4:5]])
    doc.spans["x"] = list(doc.ents)
    copy = only_types(doc, ["PER", "ORG"], None)
    assert [copy[i].ent_iob_ for i in range(5)] == ["B", "I", "O", "", ""]
    assert [ent.label_ for ent in copy.ents] == ["PER"]
    grouped = only_types(doc, {"LOC"}, "x")
    assert [span.label_ for span in grouped.spans["x"]] == ["LOC"]
    assert list(only_types(doc, [], "y").spans) == ["x"]
    assert len(copy.spans["x"]) == len(doc.ents) == len(doc.spans["x"]) == 2
    assert copy[4].tag_ == "X"


# Gaps before spans, their lengths and types; and the tokens after the last.
pieces = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from([0, 1])), max_size=6
)
tails = st.integers(0, 2)


def placed(pieces):
    """The spans, and where the last one ends."""
    spans, end = [], 0
    for gap, length, kind in pieces:
        spans.append((end + gap, end + gap + length, kind))
        end += gap + length
    return spans, end


@settings(derandomize=True, deadline=None, max_examples=80)
@given(pieces=pieces, tail=tails)
def test_round_trip(vocab, pieces, tail):
    """Entities to tags and back."""
    spans, end = placed(pieces)
    words = [f"w{i}" for i in range(end + tail)]
    reference = Doc(vocab, words=words)
    reference.set_ents([Span(reference, a, b, LABELS[kind]) for a, b, kind in spans])
    predicted = Doc(vocab, words=words)
    tags = gold_biluo(Example(predicted, reference), IDS, None)
    assert spans_of(tags, [len(words)], len(LABELS)) == [spans]
    reference.spans["x"] = list(reference.ents)
    assert gold_biluo(Example(predicted, reference), IDS, "x").tolist() == tags.tolist()
    assert preset_biluo(reference, IDS)[tags > 0].tolist() == tags[tags > 0].tolist()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(batch=st.lists(st.tuples(pieces, tails), max_size=5))
def test_batch(vocab, batch):
    """Each document has its own spans, counted from its first token; some are empty."""
    tags, lengths, expected = [np.zeros(0, dtype="int32")], [], []
    for pieces, tail in batch:
        spans, end = placed(pieces)
        reference = Doc(vocab, words=["w"] * (end + tail))
        reference.set_ents([Span(reference, a, b, LABELS[kind]) for a, b, kind in spans])
        predicted = Doc(vocab, words=["w"] * (end + tail))
        tags.append(gold_biluo(Example(predicted, reference), IDS, None))
        lengths.append(end + tail)
        expected.append(spans)
    found = spans_of(np.concatenate(tags), lengths, len(LABELS))
    assert found == expected
    assert all(type(value) is int for spans in found for span in spans for value in span)


def test_batches_without_spans():
    nothing = np.zeros(3, dtype="int32")
    assert spans_of(nothing[:0], [], 2) == []
    assert spans_of(nothing[:0], [0, 0], 2) == [[], []]
    assert spans_of(nothing, [0, 3, 0], 2) == [[], [], []]
    assert spans_of(nothing, [2, 1], 0) == [[], []]  # a task without types
