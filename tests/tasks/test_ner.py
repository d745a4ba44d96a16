import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.lang.en import English
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.marks import mark
from spacy_mtl.tasks.crf import crf_loss
from spacy_mtl.tasks.ner import NER

OPS = NumpyOps()
LABELS = ["PER", "LOC"]


def ner(**settings):
    task = NER(**settings)
    task.set_labels(LABELS)
    return task


def scores_of(task, tags):
    """Scores whose best columns are these tags."""
    scores = np.zeros((len(tags), len(task.columns)), dtype="f")
    scores[np.arange(len(tags)), [task.columns.index(tag) for tag in tags]] = 5.0
    return scores


def write(task, docs, tags, pack):
    for doc in docs:
        for label in LABELS:
            doc.vocab.strings.add(label)  # as the component does
    task.annotate(docs, task.decode(scores_of(task, tags.split()), pack(docs), OPS))


def ents(doc, key=None):
    spans = doc.ents if key is None else doc.spans[key]
    return [(span.start, span.end, span.label_) for span in spans]


TAGS = "B-PER L-PER O U-LOC B-LOC I-LOC L-LOC O U-PER"
FOUND = [(0, 2, "PER"), (3, 4, "LOC"), (4, 7, "LOC")]


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("key", [None, "x"])
def test_round_trip(key, crf, make_doc, pack):
    task = ner(spans_key=key, crf=crf)
    docs = [make_doc("a b c d e f g"), make_doc(""), make_doc("h i")]
    for label in LABELS:
        docs[0].vocab.strings.add(label)
    write(task, docs, TAGS, pack)
    assert ents(docs[0], key) == FOUND
    assert ents(docs[1], key) == []
    assert ents(docs[2], key) == [(1, 2, "PER")]
    examples = [Example(Doc(doc.vocab, words=[t.text for t in doc]), doc) for doc in docs]
    targets = task.targets(examples, OPS)
    assert [task.columns[c] for c in targets.classes] == TAGS.split()
    assert targets.n_units == 9 and targets.mask.all()


def test_round_trip_without_documents(make_doc, pack):
    for docs in ([], [make_doc("")]):
        write(ner(), docs, "", pack)
        assert ner().targets([], OPS).n_units == 0


def test_targets_mask_what_is_missing(make_doc):
    reference = make_doc("a b c d", ents=["B-PER", "", "O", "B-ORG"])
    examples = [
        Example(make_doc("a b c d"), reference),
        Example(make_doc("e"), make_doc("e")),
        Example(make_doc(""), make_doc("")),
    ]
    task = ner()
    targets = task.targets(examples, OPS)
    assert targets.mask.tolist() == [True, False, True, False, False]
    assert [task.columns[c] for c in targets.classes[targets.mask]] == ["U-PER", "O"]
    assert targets.n_units == 2


@pytest.mark.parametrize("crf", [False, True])
def test_loss_of_documents_without_annotation_is_exactly_zero(crf, make_doc, pack):
    docs = [make_doc("a b"), make_doc("c d e"), make_doc(""), make_doc("f")]
    references = [make_doc("a b"), make_doc("c d e", ents=["B-PER", "I-PER", "O"])]
    references += [make_doc(""), make_doc("f")]
    task = ner(crf=crf)
    targets = task.targets([Example(x, y) for x, y in zip(docs, references, strict=True)], OPS)
    scores = np.random.default_rng(0).normal(size=(6, 9)).astype("f")
    loss, d_scores = task.loss(scores, targets, pack(docs))
    assert loss > 0 and d_scores.dtype == np.float32
    assert not d_scores[[0, 1, 5]].any()
    assert d_scores[2:5].any(axis=1).all()
    alone = task.targets([Example(docs[1], references[1])], OPS)
    assert task.loss(scores[2:5], alone, pack(docs[1:2]))[0] == pytest.approx(loss, rel=1e-6)


def partly_labelled(lengths, n_types, valid_paths, seed):
    """Gold columns of valid paths, of which some tokens and some documents are masked."""
    rng = np.random.default_rng(seed)
    classes, mask = [], []
    for length in lengths:
        paths = valid_paths(n_types, length)
        classes.append(paths[rng.integers(len(paths))])
        mask.append(rng.random(length) < rng.choice([0.0, 0.5, 1.0]))
    return np.concatenate(classes), np.concatenate(mask)


@pytest.mark.parametrize("n_types, longest", [(0, 5), (1, 5), (2, 4), (3, 3)])
def test_crf_loss_is_that_of_all_paths_that_agree(n_types, longest, valid_paths):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        lengths = rng.integers(0, longest + 1, size=8).astype("int32")
        classes, mask = partly_labelled(lengths, n_types, valid_paths, seed)
        scores = rng.normal(size=(len(classes), 1 + 4 * n_types)).astype("f")
        expected, begin = 0.0, 0
        for length in lengths:
            rows = slice(begin, begin + length)
            begin += length
            paths = valid_paths(n_types, length)
            totals = scores[rows][np.arange(length), paths].astype("float64").sum(axis=1)
            agree = (paths == classes[rows])[:, mask[rows]].all(axis=1)
            expected += np.logaddexp.reduce(totals) - np.logaddexp.reduce(totals[agree])
        loss, d_scores = crf_loss(scores, classes, mask, lengths)
        assert loss == pytest.approx(expected, abs=1e-6)
        doc_of = np.repeat(np.arange(len(lengths)), lengths)
        labelled = np.bincount(doc_of, mask, minlength=len(lengths)) > 0
        assert not d_scores[~labelled[doc_of]].any()
        if n_types == 0:
            assert loss == 0.0 and not d_scores.any()


@pytest.mark.parametrize("n_types, longest", [(1, 5), (2, 4), (3, 3)])
def test_crf_loss_of_paths_that_a_corpus_knows(n_types, longest, valid_paths):
    """Each document has types that no path may take, in the numerator nor in the denominator."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        lengths = rng.integers(0, longest + 1, size=8).astype("int32")
        classes, mask = partly_labelled(lengths, n_types, valid_paths, seed)
        scores = rng.normal(size=(len(classes), 1 + 4 * n_types)).astype("f")
        types = rng.random((len(lengths), n_types)) < 0.5
        known = np.concatenate([np.ones((len(lengths), 1), dtype=bool), *[types] * 4], axis=1)
        known = np.repeat(known, lengths, axis=0)
        mask &= known[np.arange(len(classes)), classes]
        expected, begin = 0.0, 0
        for length in lengths:
            rows = slice(begin, begin + length)
            begin += length
            paths = valid_paths(n_types, length)
            paths = paths[known[rows][np.arange(length), paths].all(axis=1)]
            totals = scores[rows][np.arange(length), paths].astype("float64").sum(axis=1)
            agree = (paths == classes[rows])[:, mask[rows]].all(axis=1)
            expected += np.logaddexp.reduce(totals) - np.logaddexp.reduce(totals[agree])
        loss, d_scores = crf_loss(scores, classes, mask, lengths, known)
        assert loss == pytest.approx(expected, abs=1e-6)
        assert (d_scores[~known] == 0.0).all()


def test_gradient_of_crf_loss(valid_paths, numeric_gradient):
    lengths = np.asarray([4, 0, 3, 1, 4, 2], dtype="int32")
    classes, mask = partly_labelled(lengths, 2, valid_paths, seed=3)
    assert 0 < mask.sum() < len(mask)
    scores = np.random.default_rng(0).normal(size=(14, 9))
    numeric = numeric_gradient(
        lambda: crf_loss(scores, classes, mask, lengths)[0], scores, eps=1e-5
    )
    np.testing.assert_allclose(crf_loss(scores, classes, mask, lengths)[1], numeric, atol=1e-7)


def test_crf_loss_without_labels():
    scores, lengths = np.ones((3, 5), dtype="f"), np.asarray([2, 0, 1], dtype="int32")
    nothing = np.zeros(3, dtype=bool)
    loss, d_scores = crf_loss(scores, np.zeros(3, dtype="i"), nothing, lengths)
    assert loss == 0.0 and d_scores.shape == (3, 5) and not d_scores.any()
    loss, d_scores = crf_loss(scores[:0], np.zeros(0, dtype="i"), nothing[:0], lengths[1:2])
    assert loss == 0.0 and d_scores.shape == (0, 5)


def test_crf_learns_around_foreign_entities(make_doc, pack):
    """Entities of unknown types are masked, and some path agrees with the rest."""
    reference = make_doc("a b c d", ents=["B-PER", "B-ORG", "I-ORG", "B-LOC"])
    task = ner(crf=True)
    targets = task.targets([Example(make_doc("a b c d"), reference)], OPS)
    loss, d_scores = task.loss(np.zeros((4, 9), dtype="f"), targets, pack([reference]))
    assert 0 < loss < 20
    assert np.isfinite(d_scores).all()


# Rejected spans


def with_rejected(make_doc, words, *spans, key="incorrect_spans", x_words=None, **annotation):
    reference = make_doc(words, **annotation)
    reference.spans[key] = [Span(reference, *span) for span in spans]
    return Example(make_doc(x_words or words), reference)


def test_rejected_spans_are_targets(make_doc):
    task = ner(crf=True, incorrect_spans_key="incorrect_spans")
    examples = [
        Example(make_doc("a b"), make_doc("a b")),
        with_rejected(make_doc, "c d e", (0, 2, "PER"), (2, 3, "LOC")),
        with_rejected(make_doc, "f g", (0, 1, "PER"), (0, 1, "PER"), (0, 2, "ORG")),
    ]
    targets = task.targets(examples, OPS)
    assert targets.rejected.tolist() == [[2, 3, 0], [4, 4, 1], [5, 5, 0]]
    assert not targets.mask.any()
    assert targets.n_units == 3


def test_what_the_entities_rule_out_is_no_unit_more(make_doc):
    task = ner(crf=True, incorrect_spans_key="no")
    ents = ["B-PER", "I-PER", "O", ""]
    spans = [(0, 2, "LOC"), (0, 1, "PER"), (2, 3, "PER"), (2, 4, "LOC"), (3, 4, "LOC")]
    example = with_rejected(make_doc, "a b c d", *spans, key="no", ents=ents)
    targets = task.targets([example], OPS)
    assert targets.rejected.tolist() == [[3, 3, 1]]
    assert targets.n_units == 4


@pytest.mark.parametrize("key", [None, "x"])
def test_a_span_cannot_be_right_and_rejected(key, make_doc):
    task = ner(crf=True, incorrect_spans_key="no", spans_key=key)
    example = with_rejected(make_doc, "a b", (0, 2, "PER"), key="no", ents=["B-PER", "I-PER"])
    example.reference.spans["x"] = [Span(example.reference, 0, 2, "PER")]
    with pytest.raises(MTLError, match=r"got 'a b' \(PER\) in both"):
        task.targets([example], OPS)


def test_rejected_spans_on_other_tokens(make_doc):
    task = ner(crf=True, incorrect_spans_key="no")
    spans = [(0, 2, "PER"), (1, 2, "LOC"), (1, 3, "LOC")]
    example = with_rejected(make_doc, "a b c", *spans, key="no", x_words="a bc")
    assert task.targets([example], OPS).rejected.tolist() == [[1, 1, 1]]


def test_rejected_spans_are_unlearned(make_doc, pack):
    """Steps down the gradient take the probability from the span, and leave the rest open."""
    task = ner(crf=True, incorrect_spans_key="no")
    example = with_rejected(make_doc, "a b c", (0, 2, "PER"), key="no")
    targets, packed = task.targets([example], OPS), pack([example.predicted])
    scores = scores_of(task, ["B-PER", "L-PER", "U-LOC"])
    for _ in range(60):
        scores -= task.loss(scores, targets, packed)[1]
    assert task.loss(scores, targets, packed)[0] < 0.1
    found = task.decode(scores, packed, OPS).labels.tolist()
    assert task.columns[found[2]] == "U-LOC"
    assert [task.columns[column] for column in found[:2]] != ["B-PER", "L-PER"]


@pytest.mark.parametrize(
    "settings", [{}, {"crf": True}, {"incorrect_spans_key": "incorrect_spans"}]
)
def test_rejected_spans_that_are_not_used_are_said_once(settings, make_doc):
    task = ner(**settings)
    examples = [with_rejected(make_doc, "a b", (0, 2, "PER"))]
    with pytest.warns(UserWarning, match="does not use") as caught:
        assert task.targets(examples, OPS).n_units == 0
        task.targets(examples, OPS)
    assert len(caught) == 1


def test_nothing_is_said_of_rejected_spans_where_there_are_none(make_doc):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ner().targets([with_rejected(make_doc, "a b")], OPS)
        used = ner(crf=True, incorrect_spans_key="incorrect_spans")
        used.targets([with_rejected(make_doc, "a b", (0, 2, "PER"))], OPS)


# Presets


@pytest.mark.parametrize("crf", [False, True])
def test_preset_entities_are_kept(crf, make_doc, pack):
    doc = make_doc("a b c d e f g")
    preset = [
        Span(doc, 2, 5, "PER", kb_id="Q1", span_id="e1"),
        Span(doc, 5, 6, "ORG", kb_id="Q2", span_id="e2"),  # a type that the task does not know
    ]
    doc.set_ents(preset)
    write(ner(crf=crf), [doc], "B-LOC I-LOC I-LOC L-LOC U-LOC B-PER L-PER", pack)
    assert (2, 5, "PER") in ents(doc) and (5, 6, "ORG") in ents(doc)
    linked = {(e.start, e.kb_id_, e.ent_id_) for e in doc.ents if e.kb_id_}
    assert linked == {(2, "Q1", "e1"), (5, "Q2", "e2")}
    assert all(end <= 2 or start >= 2 for start, end, _ in ents(doc))


def test_preset_entity_constrains_its_neighbours(make_doc, pack):
    """The best path goes around the entity, instead of being cut out of the best one."""
    doc = make_doc("a b c d e f g")
    doc.set_ents([Span(doc, 2, 5, "PER")], default="missing")
    task = ner()
    scores = scores_of(task, ["B-LOC", "I-LOC", "I-LOC", "I-LOC", "I-LOC", "I-LOC", "L-LOC"])
    scores[1, task.columns.index("L-LOC")] = 4.0
    scores[5, task.columns.index("B-LOC")] = 3.0
    decoded = task.decode(scores, pack([doc]), OPS)
    found = [task.columns[column] for column in decoded.labels]
    assert found == ["B-LOC", "L-LOC", "B-PER", "I-PER", "L-PER", "B-LOC", "L-LOC"]
    assert decoded.probabilities[2:5].max(axis=1) == pytest.approx(1.0)
    task.annotate([doc], decoded)
    assert ents(doc) == [(0, 2, "LOC"), (2, 5, "PER"), (5, 7, "LOC")]


@pytest.mark.parametrize("crf", [False, True])
def test_blocked_tokens_stay_blocked(crf, make_doc, pack):
    doc, other = make_doc("a b c"), make_doc("d e")
    doc.set_ents([], blocked=[doc[1:2]], default="missing")
    write(ner(crf=crf), [doc, other], "B-PER I-PER L-PER B-LOC L-LOC", pack)
    assert doc[1].ent_iob == 3 and doc[1].ent_type == 0
    assert all(end <= 1 or start >= 2 for start, end, _ in ents(doc))
    assert ents(other) == [(0, 2, "LOC")]


def test_tokens_outside_of_earlier_entities_are_open(make_doc, pack):
    doc = make_doc("a b c")
    doc.set_ents([Span(doc, 0, 1, "ORG")])
    assert doc[1].ent_iob_ == "O"
    write(ner(), [doc], "O B-PER L-PER", pack)
    assert ents(doc) == [(0, 1, "ORG"), (1, 3, "PER")]


def test_overwrite(make_doc, pack):
    doc = make_doc("a b c d")
    preset = [Span(doc, 0, 2, "ORG", kb_id="Q1", span_id="e1"), Span(doc, 3, 4, "PER", kb_id="Q2")]
    doc.set_ents(preset)
    write(ner(overwrite=True), [doc], "O B-PER L-PER O", pack)
    assert ents(doc) == [(1, 3, "PER")]
    assert [(e.kb_id_, e.ent_id_) for e in doc.ents] == [("", "")]
    assert {(t.ent_kb_id_, t.ent_id_) for t in doc} == {("", "")}


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite_of_a_group(overwrite, make_doc, pack):
    doc, other = make_doc("a b"), make_doc("c d")
    doc.spans["x"] = [Span(doc, 0, 1, "ORG")]
    write(ner(overwrite=overwrite, spans_key="x"), [doc, other], "O U-PER U-LOC O", pack)
    assert ents(doc, "x") == ([(1, 2, "PER")] if overwrite else [(0, 1, "ORG")])
    assert ents(other, "x") == [(0, 1, "LOC")]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(data=st.data(), crf=st.booleans(), seed=st.integers(0, 2**31))
def test_presets_survive_any_scores(make_doc, pack, data, crf, seed):
    """Random presets of known and unknown types, blocked tokens and random scores."""
    docs, kept = [], []
    for length in data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=4)):
        doc = make_doc(" ".join("abcdefghi"[:length]))
        spans, blocked, at = [], [], 0
        while at < length:
            kind = data.draw(st.sampled_from(["PER", "LOC", "ORG", "blocked", None, None]))
            end = min(at + data.draw(st.integers(1, 3)), length)
            if kind == "blocked":
                blocked.append(doc[at:end])
            elif kind:
                spans.append(Span(doc, at, end, kind, kb_id=f"Q{at}"))
            at = end
        doc.set_ents(spans, blocked=blocked, default="missing")
        docs.append(doc)
        kept.append(([(s.start, s.end, s.label_) for s in spans], blocked))
    task = ner(crf=crf)
    packed = pack(docs)
    scores = np.random.default_rng(seed).normal(size=(len(packed.X), 9)).astype("f") * 5
    task.annotate(docs, task.decode(scores, packed, OPS))
    for doc, (spans, blocked) in zip(docs, kept, strict=True):
        assert set(spans) <= set(ents(doc))
        linked = {(e.start, e.end, e.label_) for e in doc.ents if e.kb_id_}
        assert linked == set(spans)
        for span in blocked:
            assert all(token.ent_iob == 3 and not token.ent_type for token in span)


@pytest.mark.parametrize("settings", [{}, {"crf": True}, {"overwrite": True}, {"spans_key": "x"}])
def test_white_space_only_inside_of_entities(settings, vocab, pack):
    doc = Doc(vocab, words=[" ", "New", "\n", "York", " ", "b"], spaces=[False] * 6)
    task = ner(**settings)
    scores = scores_of(task, ["U-PER", "U-LOC", "I-LOC", "U-LOC", "L-LOC", "U-PER"])
    scores[1, task.columns.index("B-LOC")] = scores[3, task.columns.index("L-LOC")] = 4.9
    task.annotate([doc], task.decode(scores, pack([doc]), OPS))
    assert ents(doc, task.spans_key) == [(1, 4, "LOC"), (5, 6, "PER")]


def test_preset_entity_of_white_space_is_kept(vocab, pack):
    doc = Doc(vocab, words=["a", " ", " "], spaces=[False] * 3, ents=["", "B-PER", "I-PER"])
    write(ner(), [doc], "U-LOC O O", pack)
    assert ents(doc) == [(0, 1, "LOC"), (1, 3, "PER")]


# Other annotation


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("key", [None, "x"])
def test_other_annotation_survives(key, overwrite, make_doc, pack):
    doc = make_doc(
        "a b c",
        tags=["NN", "VB", "DT"],
        pos=["NOUN", "VERB", "DET"],
        morphs=["Number=Plur", "", ""],
        lemmas=["x", "y", "z"],
        heads=[1, 1, 1],
        deps=["dep", "ROOT", "dep"],
    )
    doc.cats = {"A": 1.0}
    doc.spans["y"] = [Span(doc, 0, 2, "OTHER")]
    doc.user_data["key"] = "value"
    before = doc.to_json()
    write(ner(spans_key=key, overwrite=overwrite), [doc], "B-PER L-PER O", pack)
    after = doc.to_json()
    assert before["tokens"] == after["tokens"]
    assert before["cats"] == after["cats"]
    assert after["spans"]["y"] == before["spans"]["y"]
    assert doc.user_data == {"key": "value"}
    assert ents(doc, key) == [(0, 2, "PER")]


def test_sentence_starts_survive(make_doc, pack):
    doc = make_doc("a b c d", sent_starts=[True, False, True, False])
    write(ner(), [doc], "U-PER O B-LOC L-LOC", pack)
    assert [sent.text for sent in doc.sents] == ["a b", "c d"]


def test_span_group_leaves_the_entities_alone(make_doc, pack):
    doc = make_doc("a b c", ents=["B-ORG", "I-ORG", "O"])
    write(ner(spans_key="x"), [doc], "O B-PER L-PER", pack)
    assert ents(doc) == [(0, 2, "ORG")]
    assert ents(doc, "x") == [(1, 3, "PER")]


def test_labels_are_found(make_doc):
    reference = make_doc("a b c", ents=["B-PER", "B-LOC", ""])
    reference.spans["x"] = [Span(reference, 0, 1, "FOOD"), Span(reference, 0, 2, "DRINK")]
    examples = [Example(make_doc("a b c"), reference), Example(make_doc("d"), make_doc("d"))]
    assert NER().find_labels(iter(examples), []) == ["LOC", "PER"]
    assert NER(spans_key="x").find_labels(examples, []) == ["DRINK", "FOOD"]
    assert NER(spans_key="y").find_labels(examples, []) == []


def test_columns_follow_the_labels():
    expected = ["O", "B-PER", "B-LOC", "I-PER", "I-LOC", "L-PER", "L-LOC", "U-PER", "U-LOC"]
    assert ner().columns == expected


@pytest.mark.parametrize("crf", [False, True])
def test_probabilities(crf, make_doc, pack):
    packed = pack([make_doc("a b c"), make_doc("d")])
    scores = np.random.default_rng(0).normal(size=(4, 9)).astype("f")
    P = ner(crf=crf).decode(scores, packed, OPS).probabilities
    np.testing.assert_allclose(P.sum(axis=1), 1.0, rtol=1e-5)
    if crf:  # no entity can be open at an end
        assert P[3, 1:7] == pytest.approx(0.0)


# Scores


def annotated(make_doc, spans, words="a b c d e"):
    doc = make_doc(words)
    doc.set_ents([Span(doc, *span) for span in spans])
    doc.spans["x"] = list(doc.ents)
    return doc


@pytest.fixture
def examples(make_doc):
    return [
        Example(
            annotated(make_doc, [(0, 2, "PER"), (3, 4, "LOC")]),
            annotated(make_doc, [(0, 2, "PER"), (2, 4, "LOC")]),
        ),
        Example(annotated(make_doc, [(1, 2, "LOC")]), annotated(make_doc, [])),
        Example(annotated(make_doc, []), annotated(make_doc, [(4, 5, "ORG")])),
    ]


def test_scores_are_those_of_spacy(examples):
    assert ner().score(examples) == get_ner_prf(examples) == Scorer.score_spans(examples, "ents")
    found = ner(spans_key="x").score(examples)
    renamed = {key.replace("spans_x", "ents"): value for key, value in found.items()}
    assert renamed == get_ner_prf(examples)
    assert found["spans_x_p"] == pytest.approx(1 / 3)
    assert ner(spans_key="x").own_key("spans_x_p") == ner().own_key("ents_p") == "p"


def test_documents_without_annotation_are_left_out_of_the_score(examples, make_doc):
    guess = annotated(make_doc, [(0, 2, "PER")])
    more = [*examples, Example(guess, make_doc("a b c d e"))]
    for task in (ner(), ner(spans_key="x")):
        assert task.score(more) == task.score(examples)


@pytest.mark.parametrize("key", [None, "x"])
def test_types_that_a_corpus_does_not_know_are_not_scored(key, make_doc):
    """Neither a predicted nor an annotated one; the documents stay as they are."""
    guess = [(0, 1, "PER"), (1, 2, "LOC"), (2, 4, "PER")]
    gold = [(0, 1, "PER"), (2, 4, "LOC"), (4, 5, "PER")]
    example = Example(annotated(make_doc, guess), annotated(make_doc, gold))
    task = ner(spans_key=key)
    mark(example, "a", 0, {"ner": ["PER"]})
    found = {task.own_key(name): value for name, value in task.score([example]).items()}
    # The second PER is where there is a LOC: in entities, nothing is known of these tokens.
    assert found["p"] == (0.5 if key else 1.0)
    assert found["r"] == 0.5
    assert set(found["per_type"]) == {"PER"}
    assert ents(example.x, key) == guess and ents(example.y, key) == gold
    mark(example, "a", 0, {})
    assert set(task.score([example])[f"{task.main_score[:-1]}per_type"]) == {"PER", "LOC"}


def test_document_without_predicted_group_counts_as_missed(make_doc):
    examples = [Example(make_doc("a b c d e"), annotated(make_doc, [(0, 2, "PER")]))]
    found = ner(spans_key="x").score(examples)
    assert found["spans_x_r"] == found["spans_x_f"] == 0.0


@pytest.mark.parametrize("key", [None, "x"])
def test_component_gives_numbers_where_something_is_annotated(key, make_doc):
    """That there is no entity is an annotation too."""
    config = {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": key}
    component = English().add_pipe("multitask", config={"tasks": {"n": config}})
    nothing = make_doc("a b c d e")
    none, some = (annotated(make_doc, spans) for spans in ([], [(0, 2, "PER")]))
    for guess in (nothing, none, some):
        found = component.score([Example(guess, nothing)])
        assert found["n_p"] is found["n_r"] is found["n_f"] is None
    for guess in (nothing, none, some):
        found = component.score([Example(guess, nothing), Example(guess, none)])
        assert found["n_p"] == found["n_r"] == found["n_f"] == 0.0
        assert None not in found.values()


def test_documents_of_entities_that_their_corpus_does_not_know_are_not_labelled(make_doc):
    example = Example(make_doc("a b c d e"), annotated(make_doc, [(0, 5, "LOC")]))
    assert ner().is_labelled(example)
    mark(example, "a", 0, {"ner": ["PER"]})
    assert not ner().is_labelled(example)
