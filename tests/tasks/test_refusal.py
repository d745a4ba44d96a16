from math import inf, log, nan

import numpy as np
import pytest
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.marks import mark
from spacy_mtl.tasks.capable import Refusing
from spacy_mtl.tasks.refusal import entropy
from spacy_mtl.tasks.textcat import TextCat as TextCatV1
from spacy_mtl.tasks.textcat_v2 import TextCat

OPS = NumpyOps()
A, B, C = LABELS = ("x=A", "x=B", "x=C")
SURE, TORN, NOTHING = [9.0, 0, 0], [9.0, 9, 0], [1.0, 1, 1]  # 0, ln 2 and ln 3 nats, about
NONE = dict.fromkeys(LABELS, 0.0)
BETWEEN = 0.9  # of ln 2 and ln 3


def textcat(refuse_above=BETWEEN, labels=LABELS, **settings):
    task = TextCat(**settings)
    task.name = "x"
    task.set_labels(labels)
    task.refuse_above = refuse_above
    return task


@pytest.fixture
def example(make_doc):
    """An example with these gold classes, and predicted ones."""

    def example(gold, predicted=None):
        x, y = make_doc("a b"), make_doc("a b")
        x.cats, y.cats = dict(predicted or {}), dict(gold)
        return Example(x, y)

    return example


def written(task, scores, pack, docs):
    task.annotate(docs, task.decode(np.asarray(scores, dtype="f"), pack(docs), OPS))
    return [doc.cats for doc in docs]


def test_entropy():
    rows = [[1, 0, 0], [0.5, 0.5, 0], [1 / 3] * 3, [0.7, 0.2, 0.1]]
    expected = [0, log(2), log(3), -(0.7 * log(0.7) + 0.2 * log(0.2) + 0.1 * log(0.1))]
    assert entropy(np.asarray(rows)).tolist() == pytest.approx(expected)
    assert entropy(np.asarray(rows, dtype="f")).tolist() == pytest.approx(expected, abs=1e-6)


# What is annotated


def test_a_document_that_it_is_too_unsure_of_has_no_class(make_doc, pack):
    docs = [make_doc("a b") for _ in range(3)]
    for doc in docs:
        doc.cats["other"] = 1.0
    found = written(textcat(), [SURE, TORN, NOTHING], pack, docs)
    assert found[2] == {**NONE, "other": 1.0}
    same = written(textcat(inf), [SURE, TORN, NOTHING], pack, [make_doc("a b") for _ in range(3)])
    assert found[:2] == [{**each, "other": 1.0} for each in same[:2]]
    assert same[2] == pytest.approx(dict.fromkeys(LABELS, 1 / 3))


def test_it_is_off_by_default(make_doc, pack):
    task = TextCat()
    task.set_labels(LABELS)
    assert task.refuse_above == inf and not task.refuses and task.state() == {}
    v1 = TextCatV1()
    v1.set_labels(LABELS)
    v2s, v1s = (written(t, [TORN, NOTHING], pack, [make_doc("a")] * 2) for t in (task, v1))
    assert v2s == v1s
    assert isinstance(task, Refusing) and not isinstance(v1, Refusing)


def test_temperature_changes_nothing_of_it(make_doc, pack):
    task = textcat()
    task.temperature = 20.0
    sure, nothing = written(task, [SURE, NOTHING], pack, [make_doc("a b"), make_doc("a b")])
    assert sure[A] < 0.5 and nothing == NONE


def test_what_is_on_the_document_stays_there(make_doc, pack):
    doc = make_doc("a b")
    doc.cats = {B: 0.75}
    assert written(textcat(overwrite=False), [NOTHING], pack, [doc]) == [{**NONE, B: 0.75}]


def test_calibration_measures_the_best_class_as_without(make_doc, pack, example):
    scores = np.asarray([SURE, NOTHING], dtype="f")
    targets = textcat().targets([example({A: 1.0}), example({A: 1.0})], OPS)
    docs = [make_doc("a b")] * 2
    outcomes = []
    for task in (textcat(), textcat(inf)):
        decoded = task.decode(scores, pack(docs), OPS)
        outcomes.append([part.tolist() for part in task.outcomes(decoded, targets)])
    assert outcomes[0] == outcomes[1]


def test_levels(make_doc, pack, example):
    """The entropy is that of the leaves, and a refused document has no label on any level."""
    leaves = ["x=a/b", "x=a/c", "x=d"]
    task = textcat(hierarchy="/", labels=leaves)
    assert task.labels == (*leaves, "x=a")
    docs = [make_doc("a b"), make_doc("a b")]
    scores = np.asarray([[0, 0, 0, 9], [0, 0, 0, log(2)]], dtype="f")
    assert task.doubt(scores).tolist() == pytest.approx([log(2), log(3)], abs=0.01)
    found = written(task, scores, pack, docs)
    assert found[0]["x=a"] > 0.99 and found[1] == dict.fromkeys(task.labels, 0.0)
    none = dict.fromkeys(task.labels, 0.0)
    examples = [
        example({"x=a/b": 1.0}, none),
        example({"x=a/b": 1.0}, found[0]),
        example(none, none),
    ]
    scores = task.score(examples)
    assert scores["cats_acc_level_1"] == scores["cats_acc_level_2"] == 0.5
    assert scores["cats_acc"] == pytest.approx(2 / 3)
    only_above = {"x=a": 1.0, **dict.fromkeys(leaves, 0.0)}
    assert task.has_class(example(only_above)) and not task.is_scored(example(only_above, none))


# What the annotation says


@pytest.mark.parametrize(
    "gold, expected",
    [
        ({A: 1.0}, True),
        ({**NONE, B: 1.0}, True),
        (NONE, False),
        ({**NONE, "y=D": 1.0}, False),
        ({"x=D": 1.0}, False),  # a class of the group that is none of the labels
        ({A: 0.0, B: 0.0}, None),
        ({"x=D": 0.0}, None),
        ({"y=D": 1.0}, None),
        ({}, None),
    ],
)
def test_documents_of_no_class(example, gold, expected):
    task, off = textcat(), textcat(inf)
    one = example(gold, NONE)
    assert task.has_class(one) is off.has_class(one) is expected
    assert task.is_labelled(one) is task.is_scored(one) is (expected is not None)
    assert off.is_labelled(one) is off.is_scored(one) is (expected is True)
    assert not task.is_scored(example(gold))  # nothing is predicted


def test_a_corpus_that_knows_some_labels_does_not_know_that_there_is_none(example):
    one = example(NONE, NONE)
    mark(one, "corpus", 0, {"x": [A, B]})
    assert textcat().has_class(one) is None and not textcat().is_labelled(one)


def test_nothing_is_learned_of_them(example):
    assert textcat().targets([example(NONE)], OPS).n_units == 0


# Scores


def guess(label):
    return {**dict.fromkeys(LABELS, 0.2), label: 0.6}


def test_scores(example):
    """Classes A, A, B and twice none; two are refused, one of them rightly."""
    examples = [
        example({A: 1.0}, guess(A)),
        example({A: 1.0}, NONE),
        example({B: 1.0}, guess(A)),
        example(NONE, NONE),
        example(NONE, guess(B)),
    ]
    task = textcat()
    scores = task.score(examples)
    assert scores["cats_acc"] == pytest.approx(2 / 5)
    assert scores["cats_f_per_type"][A] == {"p": 0.5, "r": 0.5, "f": 0.5}
    assert scores["cats_f_per_type"][B] == {"p": 0.0, "r": 0.0, "f": 0.0}
    assert scores["cats_micro_p"] == pytest.approx(1 / 3) == scores["cats_micro_r"]
    assert scores["cats_score"] == scores["cats_macro_f"] == pytest.approx(0.5 / 3)
    assert task.statistics(examples).array.sum(axis=0).tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 0]]
    confusion = task.confusion(examples)
    assert confusion.columns == [*LABELS, "(no class)"] and confusion.rows == [*LABELS]
    assert confusion.counts.tolist() == [[1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    outcomes = [outcome for eg in examples for outcome in task.noted_outcomes(eg)]
    assert outcomes == [(0.6, True), (0.6, False), (0.6, False)]


def test_scores_where_nothing_is_refused_are_those_without(example):
    examples = [
        example({A: 1.0}, guess(A)),
        example({B: 1.0}, guess(A)),
        example({A: 1.0}, guess(C)),
    ]
    on, off = textcat(), textcat(inf)
    assert on.score(examples) == off.score(examples)
    assert on.confusion(examples).columns == [*LABELS]
    assert off.score([*examples, example(NONE, guess(A))]) == off.score(examples)


def test_scores_of_no_documents():
    assert textcat().score([])["cats_score"] == 0.0
    assert textcat(labels=()).score([])["cats_acc"] == 0.0


# Setting and saving


@pytest.mark.parametrize("value", [-0.1, nan, "1", None])
def test_no_entropy(value):
    with pytest.raises(MTLError, match="`refuse_above`.*0"):
        textcat(value)


def test_multilabel_groups_cannot_refuse(example):
    task = textcat(inf, exclusive=False)
    assert not task.can_refuse and task.is_labelled(example(NONE))
    with pytest.raises(MTLError, match="exclusive.*'x'.*threshold"):
        task.refuse_above = 1.0


def test_state():
    task, other = textcat(0.1 + 0.2), textcat()
    other.load_state(task.state())
    assert other.refuse_above == 0.1 + 0.2
    other.load_state({})
    assert other.refuse_above == inf
    for wrong in ({"refuse_above": "much"}, {"refuse_above": 1.0, "more": 1}):
        with pytest.raises(MTLError):
            other.load_state(wrong)
