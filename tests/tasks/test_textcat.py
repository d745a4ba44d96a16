import warnings

import numpy as np
import pytest
from spacy.lang.en import English
from spacy.scorer import Scorer
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.marks import mark
from spacy_mtl.tasks.ner import NER
from spacy_mtl.tasks.tagger import Tagger
from spacy_mtl.tasks.textcat import TextCat

OPS = NumpyOps()
LABELS = ["A", "B", "C"]


def textcat(exclusive=True, **settings):
    task = TextCat(exclusive, **settings)
    task.set_labels(LABELS)
    return task


@pytest.fixture
def example(make_doc):
    """An example with these gold classes, and predicted ones."""

    def example(gold, predicted=None, words="a b"):
        x, y = make_doc(words), make_doc(words)
        x.cats, y.cats = dict(predicted or {}), dict(gold)
        return Example(x, y)

    return example


def write(task, docs, scores, pack):
    scores = np.asarray(scores, dtype="f").reshape(len(docs), len(task.labels))
    task.annotate(docs, task.decode(scores, pack(docs), OPS))


# Targets


def test_exclusive_targets(example):
    examples = [
        example({"A": 0.0, "B": 1.0, "C": 0.0}),
        example({}),
        example({"C": 1.0}),  # the positive class alone says all
        example({"A": 0.0, "B": 0.0, "C": 0.0}),  # no positive: the class is not known
        example({"other": 1.0}),
        example({"A": True, "other": 1.0}, words=""),
    ]
    targets = textcat().targets(examples, OPS)
    assert targets.mask.tolist() == [True, False, True, False, False, True]
    assert targets.classes[targets.mask].tolist() == [1, 2, 0]
    assert targets.n_units == 3 and targets.possible is None


def test_an_exclusive_document_can_be_known_not_to_have_classes(example, pack):
    """It learns -log of the probability of the classes that are left."""
    cats = [{"A": 0.0}, {"B": 1.0}, {"A": 0.0, "C": 0.0}, {}, {"A": 0.0, "B": 0.0, "C": 0.0}]
    examples = [example(each) for each in cats]
    task = textcat()
    targets = task.targets(examples, OPS)
    assert targets.mask.tolist() == [False, True, False, False, False]
    assert targets.n_units == 3
    scores = np.random.default_rng(0).normal(size=(5, 3)).astype("f")
    P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss, d_scores = task.loss(scores, targets, pack([eg.predicted for eg in examples]))
    expected = -np.log(1 - P[0, 0]) - np.log(P[1, 1]) - np.log(P[2, 1])
    assert loss == pytest.approx(float(expected), rel=1e-5)
    assert d_scores.dtype == np.float32 and not d_scores[3:].any()
    assert d_scores[0, 0] == pytest.approx(P[0, 0]) and (d_scores[0, 1:] < 0).all()
    np.testing.assert_allclose(d_scores[2], P[2] - [0, 1, 0], atol=1e-6)


def test_classes_that_are_left_are_those_that_the_corpus_knows(example, pack):
    left, nothing_left = example({"A": 0.0}), example({"B": 0.0, "A": 0.0})
    for each in (left, nothing_left):
        mark(each, "x", 0, {"textcat": ["A", "B"]})
    task = textcat()
    targets = task.targets([left, nothing_left], OPS)
    assert targets.n_units == 1
    scores = np.asarray([[1.0, -1.0, 9.0], [0.0, 0.0, 0.0]], dtype="f")
    loss, d_scores = task.loss(scores, targets, pack([left.predicted, nothing_left.predicted]))
    assert loss == pytest.approx(np.log1p(np.exp(2.0)))
    assert d_scores[0, 2] == 0.0 and not d_scores[1].any()


def test_a_class_that_the_task_does_not_know_leaves_none_of_its_own(example):
    task = textcat()
    task.set_labels(["textcat=A", "textcat=B"])
    foreign = example({"textcat=C": 1.0, "textcat=A": 0.0})
    with pytest.warns(UserWarning, match="textcat=C"):
        assert task.targets([foreign], OPS).n_units == 0


def test_multilabel_targets_are_masked_key_by_key(example):
    examples = [example({"A": 1.0, "C": 0.0}), example({}), example({"B": 0.25, "other": 1.0})]
    targets = textcat(exclusive=False).targets(examples, OPS)
    expected = [[True, False, True], [False, False, False], [False, True, False]]
    assert targets.mask.tolist() == expected
    assert targets.truths.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0.25, 0]]
    assert targets.n_units == 3


def test_two_positives_of_an_exclusive_task(example):
    task = textcat()
    task.name = "topic"
    examples = [example({"A": 1.0}), example({"A": 1.0, "B": 0.0, "C": 1.0})]
    with pytest.raises(MTLError, match=r"task 'topic'.*\['A', 'C'\].*exclusive = false"):
        task.targets(examples, OPS)
    assert textcat(exclusive=False).targets(examples, OPS).n_units == 4


@pytest.mark.parametrize("exclusive", [True, False])
def test_no_examples(exclusive):
    targets = textcat(exclusive).targets([], OPS)
    assert targets.n_units == 0 and targets.mask.shape == ((0,) if exclusive else (0, 3))


# Loss


def test_loss_of_unlabelled_documents_is_exactly_zero(example, pack):
    examples = [example({"A": 1.0}), example({}), example(dict.fromkeys(LABELS, 0.0))]
    scores = np.random.default_rng(0).normal(size=(3, 3)).astype("f")
    packed = pack([eg.x for eg in examples])
    task = textcat()
    loss, d_scores = task.loss(scores, task.targets(examples, OPS), packed)
    assert loss == pytest.approx(np.logaddexp.reduce(scores[0]) - scores[0, 0], rel=1e-5)
    assert d_scores[0].all() and not d_scores[1:].any()
    task = textcat(exclusive=False)
    examples[2] = example({"B": 0.0})
    loss, d_scores = task.loss(scores, task.targets(examples, OPS), packed)
    expected = np.log1p(np.exp(-scores[0, 0])) + np.log1p(np.exp(scores[2, 1]))
    assert loss == pytest.approx(expected, rel=1e-5)
    assert (d_scores != 0).tolist() == [[True, False, False], [False] * 3, [False, True, False]]


# Annotation


def test_exclusive_round_trip(example, pack, make_doc):
    docs = [make_doc("a b"), make_doc(""), make_doc("c")]
    task = textcat()
    write(task, docs, np.log([[0.2, 0.7, 0.1], [0.8, 0.1, 0.1], [0.25, 0.25, 0.5]]), pack)
    assert docs[0].cats == pytest.approx({"A": 0.2, "B": 0.7, "C": 0.1})
    assert docs[1].cats == pytest.approx({"A": 0.8, "B": 0.1, "C": 0.1})
    targets = task.targets([Example(make_doc("a b"), docs[0])], OPS)
    assert targets.classes.tolist() == [1]
    assert all(type(value) is float for doc in docs for value in doc.cats.values())


def test_multilabel_round_trip(pack, make_doc):
    docs = [make_doc("a b")]
    task = textcat(exclusive=False, threshold=0.7)
    scores = np.asarray([[0.0, np.log(4), 50.0]], dtype="f")
    decoded = task.decode(scores, pack(docs), OPS)
    assert decoded.labels.tolist() == [[False, True, True]]
    task.annotate(docs, decoded)
    assert docs[0].cats == pytest.approx({"A": 0.5, "B": 0.8, "C": 1.0})


@pytest.mark.parametrize("overwrite", [True, False])
def test_overwrite(overwrite, make_doc, pack):
    doc = make_doc("a")
    doc.cats = {"B": 1.0, "other": 0.3}
    write(textcat(False, overwrite=overwrite), [doc], [[0.0, 0.0, 0.0]], pack)
    assert doc.cats == {"A": 0.5, "B": 0.5 if overwrite else 1.0, "C": 0.5, "other": 0.3}


def test_other_annotation_survives(make_doc, pack):
    doc = make_doc("a b", tags=["NN", ""], ents=["B-PER", "O"], heads=[0, 0], deps=["ROOT", "x"])
    doc.user_data["key"] = "value"
    doc.cats = {"other": 1.0}
    before = doc.to_json()
    write(textcat(), [doc], [[1.0, 0.0, 0.0]], pack)
    after = doc.to_json()
    assert after.pop("cats").items() >= before.pop("cats").items()
    assert after == before
    assert doc.user_data == {"key": "value"}


# Labels


def test_labels_of_the_only_task_of_the_kind(example):
    examples = [example({"B": 1.0}), example({}), example({"A": 0.0})]
    assert TextCat().find_labels(iter(examples), []) == ["A", "B"]
    task = TextCat()
    assert task.find_labels(examples, [task, NER(), Tagger()]) == ["A", "B"]
    assert TextCat().find_labels([], []) == []


def named(name, **settings):
    task = TextCat(**settings)
    task.name = name
    return task


def test_groups_by_prefix(example):
    topic, mood = named("topic"), named("sentiment", group="mood")
    tasks = [topic, mood]
    examples = [
        example({"topic=art": 1.0, "mood=good": 1.0}),
        example({"topic=sport": 1.0, "mood=bad": 0.0}),
        example({"topical": 1.0, "moody": 0.0}),
    ]
    assert topic.find_labels(examples, tasks) == ["topic=art", "topic=sport"]
    assert mood.find_labels(examples, tasks) == ["mood=bad", "mood=good"]


def test_two_tasks_and_keys_without_prefix(example):
    topic, mood = named("topic"), named("mood", group="feeling")
    examples = [example({"good": 1.0})]
    with pytest.raises(MTLError, match="begin with 'feeling='.*'mood'.*got good.*topic"):
        mood.find_labels(examples, [topic, mood])
    assert mood.find_labels([example({})], [topic, mood]) == []


def test_impossible_settings():
    for settings in ({"threshold": 1.5}, {"ngram_size": 0}, {"ngram_rows": 0}):
        with pytest.raises(MTLError, match=next(iter(settings))):
            TextCat(**settings)
    with pytest.raises(MTLError, match="ngram_attr.*'TEXT'"):
        TextCat(ngram_attr="TEXT")


# Scores


def one(label, sure=1.0):
    rest = (1.0 - sure) / 2
    return {key: sure if key == label else rest for key in LABELS}


@pytest.fixture
def exclusive_examples(example):
    pairs = [("A", "A"), ("B", "A"), ("C", "C"), ("A", "A"), ("B", "B"), ("A", "C")]
    return [example(one(gold), one(guess, 0.6)) for gold, guess in pairs]


@pytest.fixture
def multilabel_examples(example):
    gold = [(1, 0, 0), (1, 1, 0), (0, 0, 0), (0, 1, 1)]
    guess = [(0.9, 0.2, 0.6), (0.8, 0.4, 0.1), (0.1, 0.3, 0.2), (0.2, 0.9, 0.9)]
    return [
        example(dict(zip(LABELS, map(float, y), strict=True)), dict(zip(LABELS, x, strict=True)))
        for x, y in zip(guess, gold, strict=True)
    ]


def test_exclusive_scores_are_those_of_spacy(exclusive_examples):
    found = textcat().score(exclusive_examples)
    assert found.pop("cats_acc") == pytest.approx(4 / 6)
    expected = Scorer.score_cats(exclusive_examples, "cats", labels=LABELS, multi_label=False)
    assert found == expected
    assert 0 < found["cats_score"] < 1


@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_multilabel_scores_are_those_of_spacy(threshold, multilabel_examples):
    found = textcat(False, threshold=threshold).score(multilabel_examples)
    assert found.pop("cats_acc") == 0.5
    assert found == Scorer.score_cats(
        multilabel_examples, "cats", labels=LABELS, multi_label=True, threshold=threshold
    )


def test_stock_component_agrees(exclusive_examples):
    stock = English().add_pipe("textcat")
    for label in LABELS:
        stock.add_label(label)
    expected = stock.score(exclusive_examples, **stock.cfg)
    found = textcat().score(exclusive_examples)
    assert found["cats_macro_f"] == expected["cats_macro_f"]
    assert found["cats_macro_auc"] == expected["cats_macro_auc"]


def test_documents_without_annotation_are_left_out(
    exclusive_examples, multilabel_examples, example
):
    unlabelled = [example({}, one("A")), example({"other": 1.0}, one("B"))]
    for task, examples in (
        (textcat(), exclusive_examples),
        (textcat(False), multilabel_examples),
    ):
        assert task.score([*examples, *unlabelled]) == task.score(examples)


def test_exclusive_documents_without_positive_are_left_out(exclusive_examples, example):
    """They are masked in training too."""
    more = [*exclusive_examples, example({"A": 0.0, "B": 0.0}, one("C"))]
    assert textcat().score(more) == textcat().score(exclusive_examples)


def test_missing_keys_are_left_out(example):
    examples = [
        example({"A": 1.0}, {"A": 0.9, "B": 0.9, "C": 0.1}),
        example({"A": 0.0, "B": 1.0}, {"A": 0.2, "B": 0.8, "C": 0.9}),
    ]
    found = textcat(False).score(examples)
    assert found["cats_acc"] == 1.0
    assert found["cats_micro_p"] == found["cats_micro_r"] == 1.0


def test_classes_of_other_tasks_are_left_out(exclusive_examples):
    expected = textcat().score(exclusive_examples)
    for eg in exclusive_examples:
        eg.x.cats["other"], eg.y.cats["other"] = 1.0, 0.0
    assert textcat().score(exclusive_examples) == expected


@pytest.mark.parametrize("exclusive", [True, False])
def test_what_a_corpus_does_not_know_is_not_scored(
    exclusive, exclusive_examples, multilabel_examples
):
    examples = exclusive_examples if exclusive else multilabel_examples
    task = textcat(exclusive)
    before = task.score(examples)
    for eg in examples:
        mark(eg, "a", 0, {"textcat": ["A", "B"], "other": []})
    declared = task.score(examples)
    for eg in examples:
        eg.y.user_data.clear()
        del eg.y.cats["C"]
    assert before != declared == task.score(examples)


@pytest.mark.parametrize("exclusive", [True, False])
def test_always_numbers(exclusive, example):
    task = textcat(exclusive)
    unlabelled, unpredicted = example({}, one("A")), example(one("A"))
    for examples in ([], [unlabelled], [unpredicted], [example(one("A"), one("B"))]):
        found = task.score(examples)
        for key in ("cats_score", "cats_macro_f", "cats_micro_f", "cats_macro_auc", "cats_acc"):
            assert found[key] == 0.0


@pytest.mark.parametrize("exclusive", [True, False])
def test_component_gives_numbers_where_something_is_annotated(exclusive, example):
    config = {"@mtl_tasks": "spacy_mtl.TextCat.v1", "exclusive": exclusive}
    component = English().add_pipe("multitask", config={"tasks": {"c": config}})
    component.set_labels({"c": LABELS})
    rejected, guess = dict.fromkeys(LABELS, 0.0), one("B", 0.8)
    nothing = [{}, {"other": 1.0}, *([rejected] if exclusive else [])]
    for predicted in ({}, guess):
        found = component.score([example(gold, predicted) for gold in nothing])
        assert found["c_score"] is found["cats_macro_f"] is found["c_acc"] is None
        assert isinstance(found["cats_score_desc"], str)
        found = component.score([example({}, predicted), example(one("A"), predicted)])
        assert found["c_score"] == found["cats_macro_f"] == found["c_acc"] == 0.0
        assert None not in found.values()


def test_documents_without_prediction_are_left_out(exclusive_examples, example):
    """Of a task that is not active, which could be credited with its first class."""
    more = [*exclusive_examples, example(one("A"))]
    assert textcat().score(more) == textcat().score(exclusive_examples)


def test_own_keys():
    assert TextCat().own_key("cats_macro_f") == "macro_f"


def test_macro_scores_leave_out_labels_without_gold(example):
    task = textcat(exclusive=False)
    examples = [
        example({"A": 1.0}, {"A": 0.9, "B": 0.2, "C": 0.7}),
        example({"A": 0.0}, {"A": 0.1, "B": 0.2, "C": 0.7}),
    ]
    scores = task.score(examples)
    assert scores["cats_macro_f"] == scores["cats_macro_auc"] == scores["cats_score"] == 1.0


def test_others_are_negative_where_a_document_names_any(example):
    task = textcat(exclusive=False, others_negative=True)
    gold = [{"A": 1.0}, {}, {"B": 0.0}, {"other": 1.0}]
    targets = task.targets([example(cats) for cats in gold], OPS)
    assert targets.truths[[0, 2]].tolist() == [[1, 0, 0], [0, 0, 0]]
    assert targets.mask.tolist() == [[True] * 3, [False] * 3, [True] * 3, [False] * 3]
    assert targets.n_units == 6


def test_others_that_the_corpus_does_not_know_are_not_negative(example):
    task = textcat(exclusive=False, others_negative=True)
    eg = example({"A": 1.0}, {"A": 1.0, "B": 1.0, "C": 1.0})
    mark(eg, "x", 0, {task.name: ["A", "B"]})
    assert task.targets([eg], OPS).mask.tolist() == [[True, True, False]]
    assert task.gold_classes(eg.reference) == {"A": 1.0, "B": 0.0}


def test_negative_others_are_scored(example):
    examples = [
        example({"A": 1.0}, {"A": 0.9, "B": 0.8, "C": 0.1}),
        example({"B": 1.0}, {"A": 0.2, "B": 0.9, "C": 0.1}),
    ]
    task = textcat(exclusive=False, others_negative=True)
    scores = task.score(examples)
    assert scores["cats_micro_p"] == 2 / 3
    assert scores["cats_acc"] == 1 / 2
    assert scores["cats_auc_per_type"]["A"] == 1.0
    assert task.statistics(examples).array.sum(axis=0)[:, 1].tolist() == [0, 1, 0]
    with pytest.warns(UserWarning, match="No class of the task 'textcat' is 0.0"):
        assert textcat(exclusive=False).score(examples)["cats_micro_p"] == 1.0


def test_negative_others_of_an_exclusive_task():
    with pytest.raises(MTLError, match="`others_negative = true` with `exclusive = false`"):
        textcat(exclusive=True, others_negative=True)


def test_classes_that_are_never_denied_are_told_once(example):
    yes, no = example({"A": 1.0}, {"A": 0.9}), example({"A": 0.0}, {"A": 0.9})
    task = textcat(exclusive=False)
    task.score([yes, no])
    with pytest.warns(UserWarning, match="in the evaluated documents.*others_negative = true"):
        task.score([yes, yes])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.score([yes, yes])
        textcat(exclusive=True).score([yes, example({"B": 1.0}, {"B": 1.0})])


def test_training_classes_that_are_never_denied_are_told(example):
    yes, no = example({"A": 1.0}, {"A": 0.9}), example({"A": 0.0}, {"A": 0.9})
    task = textcat(exclusive=False)
    task.targets([yes] * 19, OPS)
    task.score([yes, no])
    task.targets([yes], OPS)
    with pytest.warns(UserWarning, match="in the training documents"):
        task.score([yes, no])
    denied = textcat(exclusive=False)
    denied.targets([yes] * 30 + [no], OPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denied.score([yes, no])


def test_area_of_a_class_that_is_always_there_is_left_out(example):
    examples = [
        example({"A": 1.0, "B": 0.0}, {"A": 0.9, "B": 0.1, "C": 0.0}),
        example({"A": 0.0, "B": 1.0}, {"A": 0.2, "B": 0.8, "C": 0.0}),
    ]
    assert textcat().score(examples)["cats_macro_auc"] == 1.0
    assert textcat().score(examples[:1])["cats_macro_auc"] == 0.0
