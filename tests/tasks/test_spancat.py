import warnings

import numpy as np
import pytest
from spacy.pipeline.spancat import (
    SpanCategorizer,
    build_ngram_suggester,
    build_preset_spans_suggester,
    ngram_suggester,
    spancat_score,
)
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Model, NumpyOps
from thinc.types import Ragged

from spacy_mtl.confidences import span_confidence
from spacy_mtl.errors import MTLError
from spacy_mtl.marks import mark
from spacy_mtl.models.candidates import suggest
from spacy_mtl.models.heads import set_outputs
from spacy_mtl.models.packed import Packed
from spacy_mtl.tasks.capable import (
    Calibrated,
    Confident,
    Confused,
    Labelled,
    Located,
    Measurable,
    Refusing,
    ThresholdedByLabel,
)
from spacy_mtl.tasks.spancat import SpanCat
from spacy_mtl.tasks.targets import CellTargets

OPS = NumpyOps()
LABELS = ["A", "B", "C"]
TEXTS = ["a b c d e", "", "f g", "h i j"]
NGRAMS = build_ngram_suggester([1, 2, 3])
KINDS = {
    "labels": {},
    "one label": {"exclusive": True},
    "weighted": {"exclusive": True, "negative_weight": 0.3},
}


def spancat(**settings):
    task = SpanCat(spans_key="x", **settings)
    task.set_labels(LABELS)
    return task


def annotated(vocab, words, spans):
    doc = Doc(vocab, words=words.split())
    doc.spans["x"] = [Span(doc, *span) for span in spans]
    return doc


def example(vocab, words, spans=None):
    reference = Doc(vocab, words=words.split()) if spans is None else annotated(vocab, words, spans)
    return Example(Doc(vocab, words=words.split()), reference)


def examples_of(vocab):
    """Labelled, empty, not labelled, known to have none."""
    return [
        example(vocab, TEXTS[0], [(0, 2, "A"), (1, 2, "B"), (4, 5, "C")]),
        example(vocab, TEXTS[1], []),
        example(vocab, TEXTS[2]),
        example(vocab, TEXTS[3], []),
    ]


def random_scores(n, columns, seed, scale=3.0):
    return (scale * np.random.default_rng(seed).normal(size=(n, columns))).astype("f")


def spans_in(doc, key="x"):
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]


# As spaCy's component


def stock(vocab, **settings):
    """spaCy's component, whose model is not used."""
    pipe = SpanCategorizer(vocab, Model("none", lambda *_: None), NGRAMS, spans_key="x", **settings)
    for label in LABELS:
        pipe.add_label(label)
    return pipe


def theirs_and_ours(task, pipe, scores, probabilities, vocab, pack):
    """The spans and scores that both write for the same scores of candidates."""
    sides = []
    docs = [Doc(vocab, words=text.split()) for text in TEXTS]
    indices = ngram_suggester(docs, [1, 2, 3], ops=OPS)
    pipe.set_annotations(docs, (indices, probabilities.copy()))
    sides.append([(spans_in(doc), doc.spans["x"].attrs.get("scores")) for doc in docs])
    docs = [Doc(vocab, words=text.split()) for text in TEXTS]
    task.annotate(docs, task.decode(scores, pack(docs), OPS))
    sides.append([(spans_in(doc), doc.spans["x"].attrs["scores"]) for doc in docs])
    for (their_spans, their_scores), (our_spans, our_scores) in zip(*sides, strict=True):
        assert our_spans == their_spans
        assert our_scores.shape == (len(our_spans),) and our_scores.dtype == np.float32
        if their_scores is not None:
            np.testing.assert_allclose(our_scores, their_scores.ravel(), atol=1e-6)
    return sides[1]


@pytest.mark.parametrize("max_positive", [None, 1, 2])
@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_several_labels_as_spancat(max_positive, threshold, vocab, pack):
    for seed in range(5):
        scores = random_scores(21, 3, seed)
        P = 1 / (1 + np.exp(-scores))
        task = spancat(threshold=threshold, max_positive=max_positive)
        pipe = stock(vocab, threshold=threshold, max_positive=max_positive)
        found = theirs_and_ours(task, pipe, scores, P, vocab, pack)
        if threshold == 0.5:
            assert 0 < sum(len(spans) for spans, _ in found) < 63


@pytest.mark.parametrize("allow_overlap", [True, False])
def test_one_label_as_spancat_singlelabel(allow_overlap, vocab, pack):
    for seed in range(10):
        scores = random_scores(21, 4, seed)
        P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        task = spancat(exclusive=True, allow_overlap=allow_overlap)
        settings = {"threshold": None, "max_positive": 1, "add_negative_label": True}
        pipe = stock(vocab, allow_overlap=allow_overlap, **settings)
        negative_last = np.roll(P, -1, axis=1)
        found = theirs_and_ours(task, pipe, scores, negative_last, vocab, pack)
        assert any(spans for spans, _ in found)


def test_targets_as_spancat(vocab):
    examples = [eg for eg in examples_of(vocab) if "x" in eg.reference.spans]
    docs = [eg.predicted for eg in examples]
    indices = ngram_suggester(docs, [1, 2, 3], ops=OPS)
    for exclusive in (False, True):
        if exclusive:  # spaCy's would have two right labels of one span
            examples = examples[:1] + examples[2:]
            indices = ngram_suggester([eg.predicted for eg in examples], [1, 2, 3], ops=OPS)
        task = spancat(exclusive=exclusive)
        settings = {"max_positive": 1, "add_negative_label": True} if exclusive else {}
        nothing = np.zeros((len(indices.data), 3 + exclusive), dtype="f")
        theirs = -stock(vocab, **settings).get_loss(examples, (indices, nothing))[1]
        targets = task.targets(examples, OPS)
        if exclusive:
            np.testing.assert_array_equal((targets.classes - 1) % 4, theirs.argmax(axis=1))
        else:
            np.testing.assert_array_equal(targets.truths, theirs)
        assert targets.mask.all() and targets.n_units == len(indices.data)


def test_scores_as_spancat(vocab):
    gold = [(0, 2, "A"), (1, 2, "B"), (1, 2, "C")]
    pairs = [
        (annotated(vocab, "a b c", gold), annotated(vocab, "a b c", [(0, 2, "A"), (1, 2, "C")])),
        (annotated(vocab, "d e", []), annotated(vocab, "d e", [(0, 2, "A"), (0, 1, "B")])),
        (Doc(vocab, words=["f"]), annotated(vocab, "f", [(0, 1, "C")])),  # nothing is known
    ]
    examples = [Example(predicted, reference) for reference, predicted in pairs]
    scores = spancat().score(examples)
    assert scores == spancat_score(examples, spans_key="x")
    assert (scores["spans_x_p"], scores["spans_x_r"]) == (0.5, pytest.approx(2 / 3))
    assert set(scores["spans_x_per_type"]) == {"A", "B", "C"}
    assert spancat().score(examples[2:])["spans_x_f"] is None
    assert [spancat().is_labelled(eg) for eg in examples] == [True, True, False]
    counts = spancat().statistics(examples)
    assert counts.score() == pytest.approx(scores["spans_x_f"])


def test_what_it_can_do():
    for task in (spancat(), spancat(exclusive=True)):
        for ability in (Labelled, Measurable, Located, Confident, Confused, Calibrated):
            assert isinstance(task, ability)
        assert isinstance(task, ThresholdedByLabel) and not isinstance(task, Refusing)


# Learning


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_labelled_has_no_gradient(kind, vocab, pack):
    task = spancat(**KINDS[kind])
    examples = examples_of(vocab)
    targets = task.targets(examples, OPS)
    assert targets.n_units == 12 + 6
    scores = random_scores(21, len(task.columns), 0)
    loss, d_scores = task.loss(scores, targets, pack([eg.predicted for eg in examples]))
    assert loss > 0 and d_scores.dtype == np.float32
    assert not d_scores[12:15].any() and d_scores[:12].all() and d_scores[15:].all()


@pytest.mark.parametrize("hidden_width", [0, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient(kind, hidden_width, vocab, pack):
    fix_random_seed(1)
    task = spancat(hidden_width=hidden_width, **KINDS[kind])
    examples = examples_of(vocab)
    packed = pack([eg.predicted for eg in examples])
    head = task.make_head()
    set_outputs(head, len(task.columns))
    head.initialize(X=packed)
    rng = np.random.default_rng(0)
    for node in head.walk():
        for name in node.param_names:
            node.set_param(name, rng.normal(size=node.get_param(name).shape).astype("f") / 2)
    step = task.learn(head, packed, examples)
    assert step.n_units == 18

    def loss(X):
        anew = Packed(X, packed.lengths, packed.docs)
        return task.learn(head, anew, examples).loss

    gradient = step.backward(2.0)
    for node in head.walk():
        for name in node.param_names:
            node.set_grad(name, node.get_grad(name) * 0)  # `loss` does not run backward
    for _ in range(3):  # in a direction, as of single numbers a kink of a unit could be in the way
        direction = rng.normal(size=packed.X.shape).astype("f")
        up, down = (loss(packed.X + size * direction) for size in (1e-3, -1e-3))
        expected = 2 * (up - down) / 2e-3
        assert float((gradient * direction).sum()) == pytest.approx(expected, rel=5e-2, abs=0.1)
    assert not gradient[5:7].any() and gradient[:5].any() and gradient[7:].any()


def test_nothing_to_learn(vocab, pack):
    task = spancat()
    head = task.make_head()
    for examples in ([], [example(vocab, "", [])], [example(vocab, "a b")]):
        assert task.learn(head, pack([eg.predicted for eg in examples]), examples) is None
        assert task.n_labelled(examples) == 0
    assert task.n_labelled(examples_of(vocab)) == 18


def test_weight_of_candidates_that_are_no_span(vocab, pack):
    examples = examples_of(vocab)
    packed = pack([eg.predicted for eg in examples])
    scores = random_scores(21, 4, 1)
    whole, half, nothing = (
        spancat(exclusive=True, negative_weight=weight) for weight in (1.0, 0.5, 0.0)
    )
    targets = whole.targets(examples, OPS)
    losses = [task.loss(scores, targets, packed)[0] for task in (whole, half, nothing)]
    assert losses[1] == pytest.approx((losses[0] + losses[2]) / 2)
    _, gradient = whole.loss(scores, targets, packed)
    _, halved = half.loss(scores, targets, packed)
    negative = targets.classes == 0
    np.testing.assert_allclose(halved[negative], gradient[negative] / 2, rtol=1e-6)
    np.testing.assert_array_equal(halved[~negative], gradient[~negative])
    assert half.negative_log_likelihood(scores, targets, packed) == pytest.approx(losses[0])


def test_labels_that_the_task_does_not_have(vocab):
    examples = [example(vocab, "a b", [(0, 1, "NEW"), (0, 2, "A")])]
    task = spancat()
    with pytest.warns(UserWarning, match="'spancat' .*NEW.*neither learned nor predicted"):
        targets = task.targets(examples, OPS)
    assert targets.truths.tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0]] and targets.mask.all()
    with pytest.warns(UserWarning, match="NEW"):
        targets = spancat(exclusive=True).targets(examples, OPS)
    assert targets.mask.tolist() == [False, True, True]
    assert targets.classes[targets.mask].tolist() == [0, 1]


def test_two_labels_of_a_span_that_has_one(vocab):
    examples = [example(vocab, "a b", [(0, 1, "A"), (0, 1, "C")])]
    assert spancat().targets(examples, OPS).truths[0].tolist() == [1, 0, 1]
    with pytest.raises(MTLError, match="'spancat', got A and C .*`exclusive = false`"):
        spancat(exclusive=True).targets(examples, OPS)


@pytest.mark.parametrize("exclusive", [False, True])
def test_labels_that_a_corpus_does_not_know(exclusive, vocab, pack):
    examples = [example(vocab, "a b", [(0, 1, "A"), (1, 2, "B")]) for _ in range(2)]
    mark(examples[0], "a", 0, {"spancat": ["A", "C"]})
    mark(examples[1], "b", 0)
    task = spancat(exclusive=exclusive)
    targets = task.targets(examples, OPS)
    scores = random_scores(6, len(task.columns), 0)
    _, d_scores = task.loss(scores, targets, pack([eg.predicted for eg in examples]))
    unknown = task.columns.index("S-B" if exclusive else "B")
    assert not d_scores[:3, unknown].any() and d_scores[3:].all()
    assert d_scores[0].any() and d_scores[1].any() != exclusive  # its one class is not known
    assert targets.n_units == (5 if exclusive else 6)
    for eg in examples:
        eg.predicted.spans["x"] = [Span(eg.predicted, 1, 2, "B")]
    sides = [task.scored_spans(eg) for eg in examples]
    assert sides[0] == ({("A", 0, 1)}, set())
    assert sides[1] == ({("A", 0, 1), ("B", 1, 2)}, {("B", 1, 2)})


# Deciding


def test_a_head_without_weights_finds_nothing(vocab, pack):
    docs = [Doc(vocab, words=text.split()) for text in TEXTS]
    for settings in ({}, {"exclusive": True}, {"hidden_width": 0}):
        task, packed = spancat(**settings), pack(docs)
        head = task.make_head()
        set_outputs(head, len(task.columns))
        head.initialize(X=packed)
        found = task.predict(head, packed, {})
        assert not len(found.rows)
        if not task.exclusive:
            np.testing.assert_allclose(found.probabilities, 0.01, rtol=1e-5)


def test_spans_of_before_are_replaced(vocab, pack):
    doc = annotated(vocab, "a b", [(0, 1, "OLD")])
    task, packed = spancat(), pack([doc])
    scores = np.full((3, 3), -9, dtype="f")
    scores[2, 1] = 9
    decoded = task.decode(scores, packed, OPS)
    assert task.standing([doc], decoded) == [[("B", 0, 2)]]
    task.note_confidences([doc], decoded)
    task.annotate([doc], decoded)
    assert spans_in(doc) == [(0, 2, "B")] and doc.spans["x"].name == "x"
    assert span_confidence(doc.spans["x"][0]) == pytest.approx(1 / (1 + np.exp(-9)), abs=1e-6)
    task.annotate([doc], task.decode(scores - 20, packed, OPS))
    assert spans_in(doc) == [] and doc.spans["x"].attrs["scores"].shape == (0,)


def test_a_candidate_that_stands_twice_is_one_span(vocab, pack):
    def twice(docs, *, ops):
        return Ragged(ops.asarray2i([[0, 1], [0, 1]]), ops.asarray1i([2]))

    doc = Doc(vocab, words=["a", "b"])
    task = spancat(suggester=twice)
    task.annotate([doc], task.decode(np.full((2, 3), 2, dtype="f"), pack([doc]), OPS))
    assert spans_in(doc) == [(0, 1, "A"), (0, 1, "B"), (0, 1, "C")]
    eg = Example(doc, annotated(vocab, "a b", [(0, 1, "B")]))
    assert task.targets([eg], OPS).truths.tolist() == [[0, 1, 0], [0, 1, 0]]


def test_thresholds_of_labels(vocab, pack):
    task = spancat()
    task.label_thresholds = {"A": 0.9, "B": 0.1}
    doc = Doc(vocab, words=["a"])
    P = np.asarray([[0.89, 0.11, 0.49]], dtype="f")
    decoded = task.decode(np.log(P / (1 - P)), pack([doc]), OPS)
    assert decoded.labels.tolist() == [1]
    assert spancat(exclusive=True).label_thresholds == {}


def test_temperature_changes_confidences_and_not_what_is_best(vocab, pack):
    docs = [Doc(vocab, words=text.split()) for text in TEXTS]
    for exclusive in (False, True):
        task = spancat(exclusive=exclusive)
        scores = random_scores(21, len(task.columns), 0)
        before = task.decode(scores, pack(docs), OPS)
        task.temperature = 2.0
        after = task.decode(scores, pack(docs), OPS)
        assert len(before.rows) and before.rows.tolist() == after.rows.tolist()
        assert (after.confidences < before.confidences).all()
        np.testing.assert_allclose(
            after.probabilities[after.rows, after.labels + exclusive], after.confidences, rtol=1e-5
        )


@pytest.mark.parametrize("exclusive", [False, True])
def test_outcomes_are_of_spans_found_where_something_is_known(exclusive, vocab, pack):
    examples = examples_of(vocab)
    task = spancat(exclusive=exclusive)
    packed = pack([eg.predicted for eg in examples])
    scores = np.full((21, len(task.columns)), -4.0, dtype="f")
    if exclusive:
        scores[:, 0] = 0.0
    first = int(exclusive)
    scores[0, first] = 1.0  # "a" is no A
    scores[1, first + 1] = 3.0  # "b" is a B
    scores[12, first] = 3.0  # nothing is known of "f"
    decoded = task.decode(scores, packed, OPS)
    assert len(decoded.rows) == 3
    confidences, right = task.outcomes(decoded, task.targets(examples, OPS))
    assert right.tolist() == [False, True] and confidences.tolist() == pytest.approx(
        decoded.confidences[:2].tolist()
    )


def test_confusion_is_of_one_label_alone(vocab):
    reference = annotated(vocab, "a b", [(0, 1, "A")])
    examples = [Example(annotated(vocab, "a b", [(0, 1, "B")]), reference)]
    assert spancat().confusion(examples) is None
    found = spancat(exclusive=True).confusion(examples)
    assert found.counts[found.rows.index("A"), found.columns.index("B")] == 1


def test_noted_outcomes(vocab, pack):
    reference = annotated(vocab, "a b", [(0, 2, "B")])
    doc = Doc(vocab, words=["a", "b"])
    task, scores = spancat(), np.full((3, 3), -9, dtype="f")
    scores[2, :2] = 1, 2
    decoded = task.decode(scores, pack([doc]), OPS)
    task.note_confidences([doc], decoded)
    task.annotate([doc], decoded)
    outcomes = list(task.noted_outcomes(Example(doc, reference)))
    assert outcomes == [
        (pytest.approx(0.7311, abs=1e-4), False),
        (pytest.approx(0.8808, abs=1e-4), True),
    ]
    assert list(task.noted_outcomes(Example(doc, Doc(vocab, words=["a", "b"])))) == []


# What candidates there are


def test_few_candidates_are_said_once(vocab):
    examples = [example(vocab, "a b c d e", [(0, 4, "A"), (0, 5, "A"), (0, 1, "A")])]
    with pytest.warns(UserWarning, match=r"'spancat' proposes 33.3% of the 3 spans in doc.spans"):
        spancat().begin(examples, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spancat(suggester=build_ngram_suggester([1, 4, 5])).begin(examples, {})
        spancat().begin([example(vocab, "a b")], {})
        spancat(suggester=build_preset_spans_suggester("y")).begin(examples, {})


def test_candidates_of_an_earlier_component(vocab, pack):
    eg = example(vocab, "a b c", [(0, 2, "A")])
    task = spancat(suggester=build_preset_spans_suggester("y"))
    with pytest.raises(MTLError, match="annotating_components"):
        task.targets([eg], OPS)
    eg.predicted.spans["y"] = [Span(eg.predicted, 0, 2, "Z"), Span(eg.predicted, 2, 3, "Z")]
    targets = task.targets([eg], OPS)
    assert isinstance(targets, CellTargets) and targets.truths.tolist() == [[1, 0, 0], [0, 0, 0]]
    assert len(suggest(task.suggester, [eg.predicted])) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exclusive": True, "max_positive": 1}, "`max_positive` with `exclusive = false`"),
        ({"allow_overlap": False}, "with `exclusive = true`"),
        ({"negative_weight": 0.5}, "with `exclusive = true`"),
        ({"max_positive": 0}, "at least 1, got 0"),
        ({"exclusive": True, "negative_weight": -1.0}, "at least 0, got -1.0"),
        ({"threshold": 1.5}, "between 0 and 1, got 1.5"),
    ],
)
def test_settings(settings, message):
    with pytest.raises(MTLError, match=message):
        SpanCat(**settings)
