import warnings

import numpy as np
import pytest
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.marks import mark
from spacy_mtl.tasks.textcat_v2 import TextCat

OPS = NumpyOps()
LEAVES = ["topic=food", "topic=sport/ball/golf", "topic=sport/ball/pool", "topic=sport/chess"]
SPORT, BALL = "topic=sport", "topic=sport/ball"
FOOD, GOLF, POOL, CHESS = LEAVES
LABELS = (*LEAVES, SPORT, BALL)


def topic(exclusive=True, labels=LEAVES, **settings):
    task = TextCat(exclusive, hierarchy="/", **settings)
    task.name = "topic"
    task.set_labels(labels)
    return task


@pytest.fixture
def example(make_doc):
    """An example with these gold classes, a list for those that apply, and predicted ones."""

    def example(gold, predicted=None):
        x, y = make_doc("a b"), make_doc("a b")
        x.cats = dict(predicted or {})
        y.cats = dict(gold) if isinstance(gold, dict) else dict.fromkeys(gold, 1.0)
        return Example(x, y)

    return example


def learned(task, examples, pack, seed=0):
    """The loss, and which labels get a gradient in each document."""
    scores = np.random.default_rng(seed).normal(size=(len(examples), len(task.labels))).astype("f")
    targets = task.targets(examples, OPS)
    loss, d_scores = task.loss(scores, targets, pack([eg.predicted for eg in examples]))
    moved = [{k for k, d in zip(task.labels, row, strict=True) if d} for row in d_scores]
    return loss, moved, targets


def guess(task, pack, make_doc, scores):
    """What the task writes to documents for scores by label, 0 for others."""
    rows = [[row.get(label, 0.0) for label in task.labels] for row in scores]
    docs = [make_doc("a b") for _ in rows]
    task.annotate(docs, task.decode(np.asarray(rows, dtype="f"), pack(docs), OPS))
    return [doc.cats for doc in docs]


# Labels


def test_parents_are_labels_wherever_the_labels_come_from(example):
    found = topic(labels=()).find_labels([example([GOLF]), example({FOOD: 0.0})], [])
    assert found == [FOOD, SPORT, BALL, GOLF]
    task = topic()
    assert task.labels == LABELS and task.columns == list(LABELS)
    assert task.scored_labels == tuple(LEAVES)
    task.set_labels(task.labels)
    assert task.labels == LABELS


def test_without_hierarchy_a_label_has_no_levels(example):
    task = TextCat()
    task.set_labels(task.find_labels([example(["and/or"]), example(["and/not"])], []))
    assert task.labels == ("and/not", "and/or") and task.tree is None
    scores = task.score([example(["and/or"], {"and/or": 1.0, "and/not": 0.0})])
    assert not any("level" in key for key in scores)


def test_levels_that_are_none(example):
    with pytest.warns(UserWarning, match="'topic'.*`hierarchy = \"/\"`.*topic=a, topic=b"):
        topic(labels=()).find_labels([example(["topic=a"]), example(["topic=b"])], [])
    with pytest.raises(MTLError, match="topic=a//b"):
        topic(labels=()).find_labels([example(["topic=a//b"])], [])


# What is learned


def test_a_leaf_may_stand_with_its_parents_or_alone(example, pack):
    task = topic()
    ways = ([GOLF], [GOLF, SPORT], [BALL, SPORT, GOLF], {**dict.fromkeys(LABELS, 0.0), GOLF: 1.0})
    losses = [learned(task, [example(gold)], pack) for gold in ways]
    assert len({loss for loss, _, _ in losses}) == 1
    for _, moved, targets in losses:
        assert moved == [set(LABELS)]
        assert targets.mask.tolist() == [True] and targets.classes.tolist() == [LABELS.index(GOLF)]


def test_a_parent_alone_is_learned_on_its_level(example, pack):
    examples = [example([SPORT]), example([BALL]), example({SPORT: 1.0, FOOD: 0.0}), example([])]
    _, moved, targets = learned(topic(label_smoothing=0.1), examples, pack)
    assert moved == [{FOOD, SPORT}, {FOOD, SPORT, BALL, CHESS}, {FOOD, SPORT}, set()]
    assert targets.n_units == 3 and not targets.mask.any()


def test_labels_that_a_document_has_not(example, pack):
    """They leave the other leaves."""
    examples = [example({SPORT: 0.0}), example({SPORT: 1.0, CHESS: 0.0}), example({GOLF: 0.0})]
    loss, moved, targets = learned(topic(), examples, pack)
    assert moved == [{FOOD, SPORT}, {FOOD, SPORT, BALL, CHESS}, set(LABELS)]
    assert targets.n_units == 3
    known = learned(topic(), [example([FOOD]), example([BALL]), examples[2]], pack)[0]
    assert loss == pytest.approx(known, rel=1e-5)


def test_two_paths_of_an_exclusive_task(example):
    with pytest.raises(MTLError, match="'topic'.*golf.*pool.*exclusive = false"):
        topic().targets([example([SPORT]), example([GOLF, POOL])], OPS)
    with pytest.raises(MTLError, match="'topic'.*food.*sport"):
        topic().is_labelled(example([FOOD, SPORT]))
    assert topic(exclusive=False).targets([example([FOOD, GOLF, POOL])], OPS).n_units == 5


def test_a_label_that_the_task_does_not_know_is_known_by_those_above_it(example, pack):
    hockey = example({"topic=sport/hockey": 1.0, CHESS: 0.0})
    task = topic()
    with pytest.warns(UserWarning, match="topic=sport/hockey"):
        _, moved, _ = learned(task, [hockey, example({"topic=art": 1.0, FOOD: 0.0})], pack)
    assert moved == [{FOOD, SPORT}, set()]
    task = topic(exclusive=False)
    with pytest.warns(UserWarning, match="topic=sport/hockey"):
        assert learned(task, [hockey], pack)[1] == [{SPORT, CHESS}]


def test_any_labels_are_learned_where_those_above_them_apply(example, pack):
    examples = [
        example({GOLF: 1.0, POOL: 0.0}),
        example([SPORT]),
        example({SPORT: 0.0, FOOD: 1.0}),
        example({GOLF: 0.0}),
        example([]),
    ]
    _, moved, targets = learned(topic(exclusive=False), examples, pack)
    assert moved == [{SPORT, BALL, GOLF, POOL}, {SPORT}, {SPORT, FOOD}, {SPORT, BALL, GOLF}, set()]
    known = [[LABELS[i] for i in np.flatnonzero(row)] for row in targets.mask]
    assert known[2] == list(LABELS) and known[3] == [GOLF] and known[4] == []
    assert targets.gold[2].tolist() == [label == FOOD for label in LABELS]


def test_negative_others_are_siblings(example, pack):
    """Below a label that is named alone, nothing is said."""
    task = topic(exclusive=False, others_negative=True)
    targets = task.targets([example([GOLF]), example([SPORT]), example({GOLF: 0.0})], OPS)
    said = np.where(targets.mask, targets.truths, -1).tolist()
    place = LABELS.index
    assert [said[0][place(k)] for k in LABELS] == [0, 1, 0, 0, 1, 1]
    assert [said[1][place(k)] for k in LABELS] == [0, -1, -1, -1, 1, -1]
    assert [said[2][place(k)] for k in LABELS] == [0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("exclusive", [True, False])
def test_what_a_corpus_does_not_know_gets_no_gradient(exclusive, example, pack):
    """A corpus that knows a label knows those above it; one may know the first level alone."""
    coarse, ball, none = example([SPORT]), example([GOLF]), example([CHESS])
    mark(coarse, "x", 0, {"topic": [SPORT, FOOD]})
    mark(ball, "y", 0, {"topic": [GOLF, POOL, FOOD]})
    mark(none, "y", 1, {"topic": [GOLF, POOL, FOOD]})
    task = topic(exclusive)
    _, moved, _ = learned(task, [coarse, ball, none], pack)
    if exclusive:
        assert moved == [{SPORT, FOOD}, {SPORT, FOOD, GOLF, POOL}, set()]
        ball.predicted.cats = coarse.predicted.cats = sure(GOLF)
        assert task.is_scored(ball) and not task.is_scored(coarse)
    else:
        assert moved == [{SPORT}, {SPORT, BALL, GOLF}, set()]
    assert not task.is_labelled(none)
    mark(none, "z", 0, {"topic": ["topic=art"]})
    with pytest.raises(MTLError, match="corpus 'z'.*topic=art"):
        task.targets([none], OPS)


# Predictions


def test_all_labels_are_written_and_the_best_leaf_is_the_decision(pack, make_doc):
    task = topic()
    scores = {SPORT: np.log(2), CHESS: np.log(3), GOLF: np.log(4)}
    (cats,) = guess(task, pack, make_doc, [scores])
    expected = {FOOD: 1 / 3, SPORT: 2 / 3, CHESS: 1 / 2, BALL: 1 / 6, GOLF: 4 / 30, POOL: 1 / 30}
    assert cats == pytest.approx(expected)
    row = np.asarray([[scores.get(label, 0.0) for label in task.labels]], dtype="f")
    decoded = task.decode(row, pack([make_doc("a b")]), OPS)
    assert task.labels[decoded.labels[0]] == CHESS
    assert decoded.confidences.tolist() == pytest.approx([1 / 2])


def test_any_labels_are_consistent_at_every_threshold(pack, make_doc):
    rng = np.random.default_rng(0)
    scores = [dict(zip(LABELS, rng.normal(size=6), strict=True)) for _ in range(20)]
    for threshold in (0.2, 0.5):
        task = topic(exclusive=False, threshold=threshold)
        for cats in guess(task, pack, make_doc, scores):
            assert cats[SPORT] >= max(cats[BALL], cats[CHESS])
            assert cats[BALL] >= max(cats[GOLF], cats[POOL])
    assert task.depends_on_temperature and not topic().depends_on_temperature


def test_thresholds_of_labels_are_at_most_those_below(example, pack, make_doc):
    task = topic(exclusive=False)
    task.label_thresholds = {GOLF: 0.2, CHESS: 0.9, SPORT: 0.8, FOOD: 0.6}
    expected = {FOOD: 0.6, GOLF: 0.2, POOL: 0.5, CHESS: 0.9, SPORT: 0.2, BALL: 0.2}
    assert task.label_thresholds == expected
    scores = np.random.default_rng(0).normal(size=(50, 6)).astype("f")
    decided = task.decode(scores, pack([make_doc("a b")] * 50), OPS).labels
    for node, path in enumerate(task.tree.paths):
        assert decided[decided[:, node]][:, path].all()
    guessed = {FOOD: 0.55, SPORT: 0.3, CHESS: 0.1, BALL: 0.25, GOLF: 0.21, POOL: 0.1}
    found = task.score([example({GOLF: 1.0, FOOD: 0.0, CHESS: 0.0, POOL: 0.0}, guessed)])
    assert [found[f"cats_acc_level_{level}"] for level in (1, 2, 3)] == [1.0, 1.0, 1.0]
    other = topic(exclusive=False)
    other.load_state(task.state())
    assert other.label_thresholds == expected
    task.set_labels([*LABELS, "topic=sport/ball/golf/mini"])
    assert task.label_thresholds == {**expected, "topic=sport/ball/golf/mini": 0.5}
    task.set_labels([FOOD, "topic=food/soup"])
    assert task.label_thresholds == {FOOD: 0.5, "topic=food/soup": 0.5}  # as it is above it now


@pytest.mark.parametrize("exclusive", [True, False])
def test_temperature(exclusive, example, pack):
    """The likelihood of the scores divided by it is that of the probabilities."""
    task = topic(exclusive)
    eg = example([GOLF])
    packed, targets = pack([eg.predicted]), task.targets([eg], OPS)
    scores = np.random.default_rng(0).normal(size=(1, 6))
    task.temperature = 2.0
    P = task.decode(scores, packed, OPS).probabilities[0, LABELS.index(GOLF)]
    nll = task.negative_log_likelihood(scores / 2.0, targets, packed)
    assert nll == pytest.approx(-np.log(P))


def test_outcomes_are_those_of_documents_with_a_leaf(example, pack):
    task = topic()
    examples = [example([GOLF]), example([SPORT]), example([FOOD])]
    scores = np.zeros((3, 6))
    scores[:, LABELS.index(FOOD)] = 1.0
    packed, targets = pack([eg.predicted for eg in examples]), task.targets(examples, OPS)
    confidences, right = task.outcomes(task.decode(scores, packed, OPS), targets)
    assert right.tolist() == [False, True] and confidences == pytest.approx([0.731] * 2, abs=1e-3)


# Scores


def sure(*path, rest=0.05):
    """Predicted classes that are sure of this path, and sum up."""
    task = topic()
    leaves = {leaf: 1 - 3 * rest if leaf in path else rest for leaf in LEAVES}
    for label in (BALL, SPORT):
        below = task.tree.paths[:, task.tree.place[label]] & task.tree.is_leaf
        leaves[label] = sum(leaves[task.labels[i]] for i in np.flatnonzero(below))
    return leaves


def test_scores_per_level(example):
    examples = [
        example([GOLF], sure(GOLF)),
        example([GOLF], sure(POOL)),
        example([CHESS], sure(POOL)),
        example([FOOD], sure(CHESS)),
        example([SPORT], sure(GOLF)),  # known on the first level
        example([BALL], sure(FOOD)),
        example([], sure(FOOD)),
    ]
    scores = topic().score(examples)
    assert scores["cats_acc_level_1"] == 4 / 6
    assert scores["cats_acc_level_2"] == 2 / 4
    assert scores["cats_acc_level_3"] == 1 / 2
    assert scores["cats_acc"] == 1 / 4
    assert scores["cats_macro_f_level_1"] == pytest.approx((8 / 10 + 0) / 2)
    assert scores["cats_macro_f_level_2"] == pytest.approx((4 / 6 + 0) / 2)
    assert scores["cats_macro_f_level_3"] == pytest.approx((2 / 3 + 0) / 2)
    assert set(scores["cats_f_per_type"]) == set(LEAVES)
    assert topic().own_key("cats_acc_level_1") == "acc_level_1"


def test_the_last_level_is_that_of_the_leaves_where_all_are_there(example):
    labels = ["topic=a/x", "topic=a/y", "topic=b/z"]
    rng = np.random.default_rng(0)
    examples = []
    for gold in rng.choice(labels, 30):
        values = dict(zip(labels, rng.dirichlet([1.0, 1.0, 1.0]).tolist(), strict=True))
        above = {
            "topic=a": values["topic=a/x"] + values["topic=a/y"],
            "topic=b": values["topic=b/z"],
        }
        examples.append(example([gold], {**values, **above}))
    scores = topic(labels=labels).score(examples)
    assert 0 < scores["cats_acc"] == scores["cats_acc_level_2"] < scores["cats_acc_level_1"]
    assert scores["cats_macro_f"] == pytest.approx(scores["cats_macro_f_level_2"])


def test_scores_per_level_of_any_labels(example):
    guessed = {FOOD: 0.1, SPORT: 0.9, CHESS: 0.2, BALL: 0.8, GOLF: 0.7, POOL: 0.6}
    examples = [
        example({GOLF: 1.0, POOL: 0.0}, guessed),
        example({SPORT: 0.0, FOOD: 1.0}, guessed),
        example([SPORT], guessed),
    ]
    scores = topic(exclusive=False).score(examples)
    assert scores["cats_acc_level_1"] == 2 / 3
    assert scores["cats_acc_level_2"] == 1 / 2
    assert scores["cats_acc_level_3"] == 0.0
    assert scores["cats_macro_f_level_1"] == pytest.approx((4 / 5 + 0) / 2)


def test_statistics_and_confusion_are_over_leaves(example):
    examples = [example([GOLF], sure(POOL)), example([SPORT], sure(GOLF)), example([FOOD, FOOD])]
    task = topic()
    found = task.statistics(examples)
    assert found.labels == tuple(LEAVES)
    assert found.array.sum(axis=(1, 2)).tolist() == [2, 0, 0]
    confusion = task.confusion(examples)
    assert confusion.rows == LEAVES and confusion.counts.sum() == 1
    assert confusion.counts[LEAVES.index(GOLF), LEAVES.index(POOL)] == 1
    assert list(task.noted_outcomes(examples[0])) == [(pytest.approx(0.85), False)]
    assert list(task.noted_outcomes(examples[1])) == []


@pytest.mark.parametrize("exclusive", [True, False])
def test_always_numbers(exclusive, example):
    task = topic(exclusive)
    for examples in (
        [],
        [example([], sure(GOLF))],
        [example([GOLF])],
        [example([BALL], sure(GOLF))],
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = task.score(examples)
        says_leaf = any(GOLF in each.reference.cats for each in examples)
        for key in ("cats_score", "cats_acc"):  # else no leaf was measured
            assert found[key] == (0.0 if says_leaf else None)
        for key in ("cats_acc_level_3", "cats_macro_f_level_3"):
            assert found[key] == 0.0
    assert topic(exclusive, labels=()).score([example([], sure(GOLF))])["cats_acc"] is None


# A teacher


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("labels", [LEAVES, ["topic=a", "topic=b"]])
def test_a_teacher_is_followed_at_what_is_labelled(exclusive, labels, example, pack):
    task = topic(exclusive, labels)
    examples = [example({labels[0]: 1.0}), example({})]
    packed = pack([each.predicted for each in examples])
    mask = task.targets(examples, OPS).mask
    scores, taught = np.random.default_rng(0).normal(size=(2, 2, len(task.labels))).astype("f")
    same, none = task.distill(taught, taught, mask, packed, OPS)
    assert same == pytest.approx(0) and not none.any()
    loss, d_scores = task.distill(scores, taught, mask, packed, OPS)
    assert loss > 0 and d_scores[0].any() and not d_scores[1].any()
    closer = scores - 0.5 * d_scores
    assert task.distill(closer, taught, mask, packed, OPS)[0] < loss
