"""Values of documents as a task."""

import numpy as np
import pytest
from spacy.training import Example
from thinc.api import NumpyOps, set_dropout_rate
from thinc.config import ConfigValidationError

from spacy_mtl.errors import MTLError
from spacy_mtl.metrics.errors import from_error
from spacy_mtl.registry import registry
from spacy_mtl.tasks.capable import Calibrated, Labelled, Measurable, Valued, value_keys_of
from spacy_mtl.tasks.regression import Regression
from spacy_mtl.tasks.tagger import Tagger
from spacy_mtl.values import note_values, register_extension

OPS = NumpyOps()
KEYS = ["stars", "heat"]
GOLD = [{"stars": 5.0, "heat": 0.5}, {"stars": 1.0}, {}, {"stars": None, "heat": -1}, {"other": 9}]
TEXTS = ["a b a", "c", "d d", "a c e f", ""]


def regression(**settings) -> Regression:
    task = Regression(KEYS, **{"ngram_rows": 32, **settings})
    task.name = "rating"
    return task


@pytest.fixture
def example(make_doc):
    """An example with this gold `doc.cats`, and predicted values."""
    register_extension()

    def example(gold, predicted=None, words="a b"):
        x, y = make_doc(words), make_doc(words)
        y.cats = dict(gold)
        note_values(x, predicted or {})
        return Example(x, y)

    return example


@pytest.fixture
def examples(example):
    return [example(gold, words=text) for gold, text in zip(GOLD, TEXTS, strict=True)]


@pytest.fixture
def learner(examples, pack):
    """A task that has begun with these examples, its head with random weights, and a batch."""

    def learner(**settings):
        task = regression(**settings)
        task.begin(examples, {"rating": task})
        head = task.make_head()
        packed = pack([eg.predicted for eg in examples])
        head.initialize(X=packed)
        rng = np.random.default_rng(0)
        for node in head.walk():
            for name in node.param_names:
                shape = node.get_param(name).shape
                node.set_param(name, rng.normal(size=shape).astype("f"))
        set_dropout_rate(head, 0.0)
        return task, head, packed

    return learner


# Targets


def test_targets_in_standard_deviations(examples):
    task = regression()
    task.begin(examples, {})
    targets = task.targets(examples, OPS)
    expected = [[True, True], [True, False], [False, False], [False, True], [False, False]]
    assert targets.mask.tolist() == expected and targets.n_units == 4
    assert targets.gold.dtype == np.float32
    assert targets.gold.tolist() == [[1, 1], [-1, 0], [0, 0], [0, -1], [0, 0]]
    assert task.n_labelled(examples) == 4
    assert [task.is_labelled(eg) for eg in examples] == [True, True, False, True, False]


def test_values_of_earlier_predictions_are_gold_where_nothing_else_is(example):
    """As in files that `annotate` has written."""
    noted = example({"heat": 2.0})
    note_values(noted.reference, {"stars": 3.0, "heat": 1.0})
    task = regression()
    task.begin([noted, example({"stars": 1.0, "heat": 0.0})], {})
    assert task.scaling.means.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("value", ["4", float("nan"), float("inf")])
def test_what_is_no_number(example, value):
    wrong = [example({"stars": value, "heat": 1.0})]
    task = regression()
    for use in (task.begin, lambda egs, _: task.targets(egs, OPS), lambda egs, _: task.score(egs)):
        with pytest.raises(MTLError, match="finite number as the value of 'stars', got"):
            use(wrong, {})


def test_a_key_that_nobody_has(example):
    message = r"numbers at 'heat' in doc.cats for the task 'rating' in the 1 examples, got none"
    with pytest.raises(MTLError, match=message + r" there, only b=c, stars"):
        regression().begin([example({"stars": 1.0, "b=c": 1.0})], {})


def test_nothing_labelled_learns_nothing(learner, examples):
    task, head, packed = learner()
    assert task.learn(head, packed, [examples[2]] * 5) is None


# Learning


def loss_of(task, head, packed, examples):
    return task.learn(head, packed, examples).loss


@pytest.mark.parametrize("settings", [{}, {"loss": "huber", "delta": 0.7}, {"hidden_width": 6}])
@pytest.mark.parametrize("ngram_share", [None, 0.67])
def test_gradients(learner, examples, settings, ngram_share, numeric_gradient):
    """Of the loss that each term learns from, by central differences; what a batch notes of its
    vectors is forgotten, as these change."""
    task, head, packed = learner(ngram_share=ngram_share, pooling=["mean"], **settings)
    share = (1.0, 1.0) if ngram_share is None else (1 - ngram_share, ngram_share)
    step = task.learn(head, packed, examples)
    assert step.n_units == 4
    dX = step.backward(0.5)
    targets = task.targets(examples, OPS)

    def own_loss(term):
        """What the term's parameters go down: of the sum, or of the term alone."""
        packed.notes.clear()
        scores = [layer.predict(packed) for layer in head.layers]
        seen = sum(scores) if ngram_share is None else scores[term]
        errors = np.where(targets.mask, np.asarray(seen, dtype="d") - targets.gold, 0.0)
        small = np.abs(errors) <= task.delta
        linear = 0.0 if np.isinf(task.delta) else task.delta * (np.abs(errors) - task.delta / 2)
        return 0.5 * float(np.where(small, errors**2 / 2, linear).sum())

    output, sparse = head.get_ref("output"), head.get_ref("sparse")
    for term, node in enumerate((output, sparse)):
        expected = numeric_gradient(lambda term=term: own_loss(term), node.get_param("W"), 1e-2)
        np.testing.assert_allclose(node.get_grad("W"), expected, atol=2e-3)
    if not settings.get("hidden_width"):
        expected = numeric_gradient(lambda: own_loss(0), packed.X, 1e-2)
        np.testing.assert_allclose(dX, expected, atol=2e-3)
    packed.notes.clear()
    whole = sum(
        part * layer.predict(packed) for part, layer in zip(share, head.layers, strict=True)
    )
    assert step.loss == pytest.approx(task.loss(whole, targets, packed)[0], rel=1e-5)


def test_unlabelled_documents_have_no_gradient(learner, examples):
    task, head, packed = learner()
    dX = task.learn(head, packed, examples).backward(1.0)
    ends = np.cumsum(packed.lengths)
    assert not dX[ends[1] : ends[2]].any()  # of the third document, which says nothing
    assert dX[: ends[1]].any() and dX[ends[2] : ends[3]].any()


def test_a_key_that_is_missing_has_no_gradient(learner, examples):
    task, head, packed = learner(ngram_share=None)
    targets = task.targets(examples, OPS)
    scores = np.random.default_rng(1).normal(size=(5, 2)).astype("f")
    scores[~targets.mask] = np.nan
    _, d_scores = task.loss(scores, targets, packed)
    assert not d_scores[~targets.mask].any() and d_scores[targets.mask].all()
    assert d_scores.dtype == np.float32


def test_the_scale_of_the_values_does_not_matter(example, pack):
    """Prices in cents are learned as those in euros."""
    steps = []
    for unit in (1.0, 100.0):
        egs = [example({"stars": unit * n, "heat": float(n)}) for n in (1, 2, 5)]
        task = regression()
        task.begin(egs, {})
        head = task.make_head()
        packed = pack([eg.predicted for eg in egs])
        head.initialize(X=packed)
        steps.append(task.learn(head, packed, egs))
        decoded = task.predict(head, packed, {})  # of weights of zero: the mean
        np.testing.assert_allclose(decoded, [[unit * 8 / 3, 8 / 3]] * 3, rtol=1e-6)
    assert steps[0].loss == pytest.approx(steps[1].loss, rel=1e-5)


# Writing


def test_annotate(make_doc):
    task, other = regression(), Regression(["length"])
    docs = [make_doc("a"), make_doc("b")]
    docs[0].cats = {"x": 1.0}
    task.annotate(docs, np.asarray([[4.5, 0.1], [1.0, -2.0]]))
    other.annotate(docs, np.asarray([[7.0], [8.0]]))
    assert docs[0]._.values == {"stars": 4.5, "heat": 0.1, "length": 7.0}
    assert docs[1]._.values == {"stars": 1.0, "heat": -2.0, "length": 8.0}
    assert docs[0].cats == {"x": 1.0} and docs[1].cats == {}


def test_annotate_with_categories(make_doc):
    task, doc = regression(in_cats=True), make_doc("a")
    doc.cats = {"x": 1.0, "stars": 2.0}
    task.annotate([doc], np.asarray([[4.5, 0.1]]))
    assert doc.cats == {"x": 1.0, "stars": 4.5, "heat": 0.1}
    assert task.assigns == ("doc._.values['stars']", "doc._.values['heat']", "doc.cats")
    assert regression().assigns == task.assigns[:2]


def test_what_is_there_can_stay(make_doc):
    task, doc = regression(overwrite=False), make_doc("a")
    note_values(doc, {"stars": 2.0, "length": 3.0})
    prediction = np.asarray([[4.5, 0.1]])
    assert task.standing([doc], prediction) == [{"stars": 2.0, "heat": 0.1}]
    task.annotate([doc], prediction)
    assert doc._.values == {"stars": 2.0, "heat": 0.1, "length": 3.0}
    assert regression().standing([doc], prediction) == [{"stars": 4.5, "heat": 0.1}]


# Scores


def test_scores(example):
    task = regression()
    egs = [
        example({"stars": 1.0, "heat": 0.0}, {"stars": 2.0, "heat": 0.0}),
        example({"stars": 5.0}, {"stars": 5.0, "heat": 7.0}),
        example({"stars": 3.0, "heat": 1.0}, {"stars": 3.0, "heat": -2.0}),
        example({}, {"stars": 9.0, "heat": 9.0}),
    ]
    task.begin(egs, {})
    stars, heat = task.scaling.scales
    found = task.score(egs)
    assert found["values_errors"] == {
        "mean absolute error": pytest.approx(4 / 5),
        "root mean squared error": pytest.approx(np.sqrt(10 / 5)),
    }
    assert found["values_score"] == pytest.approx(from_error((1 / stars + 3 / heat) / 5))
    assert found["values_per_key"] == {
        "stars": {
            "mae": pytest.approx(1 / 3),
            "rmse": pytest.approx(np.sqrt(1 / 3)),
            "spearman": 1.0,
            "docs": 3,
        },
        "heat": {"mae": 1.5, "rmse": pytest.approx(np.sqrt(4.5)), "spearman": -1.0, "docs": 2},
    }
    assert found["values_spearman"] == 0.0
    statistics = task.statistics(egs)
    assert len(statistics) == 4 and statistics.score() == pytest.approx(4 / 5)
    assert statistics.array.tolist() == [[1, 2], [0, 1], [3, 2], [0, 0]]
    assert not statistics.higher_is_better


def test_scores_of_nothing(example):
    task = regression()
    for egs in ([], [example({}, {"stars": 1.0})]):
        assert task.score(egs)["values_per_key"] == {} and np.isnan(task.statistics(egs).score())


def test_what_was_not_predicted_scores_0(example):
    task = regression()
    found = task.score([example({"stars": 1.0}), example({"stars": 2.0}, {"stars": 2.0})])
    assert found["values_score"] == 0.0 and found["values_errors"] == {}
    assert found["values_per_key"]["stars"]["mae"] is None


# What it is


def test_capabilities():
    task = regression()
    assert isinstance(task, Measurable) and isinstance(task, Valued)
    assert not isinstance(task, Labelled | Calibrated)
    assert value_keys_of([task, Tagger()]) == {"stars", "heat"}
    assert (task.layers, task.main_score, task.own_key("values_errors")) == (
        ("values",),
        "values_score",
        "errors",
    )


def test_state(examples):
    task, other = regression(), regression()
    assert task.state() == {}
    task.begin(examples, {})
    other.load_state(task.state())
    assert other.state() == task.state() and other.scaling.means.tolist() == [3.0, -0.25]
    with pytest.raises(MTLError, match="of the task 'rating' mean and scale of its keys"):
        other.load_state({"means": {"stars": 1.0}})


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"keys": []}, "`keys` of doc.cats, at least one, all different, got"),
        ({"keys": ["a", "a"]}, "all different"),
        ({"keys": ["a", ""]}, "all different"),
        ({"keys": ["a"], "loss": "mean"}, "`loss` to be in"),
        ({"keys": ["a"], "delta": 0.0}, "`delta` above 0"),
        ({"keys": ["a"], "delta": float("nan")}, "`delta` above 0"),
        ({"keys": ["a"], "ngram_rows": 0}, "`ngram_rows` of at least 1"),
        ({"keys": ["a"], "pooling": ["sum"]}, "`pooling` with some of"),
        ({"keys": ["a"], "dropout": 1.0}, "`dropout` from 0 to below 1"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(MTLError, match=message):
        Regression(**settings)


def test_settings_are_checked_as_spacy_does():
    block = {"@mtl_tasks": "spacy_mtl.Regression.v1"}
    assert registry.resolve({"task": {**block, "keys": ["a"]}})["task"].value_keys == ("a",)
    for wrong in ({}, {"keys": "stars"}, {"keys": ["a"], "losses": "huber"}):
        with pytest.raises(ConfigValidationError):
            registry.resolve({"task": {**block, **wrong}})
