import numpy as np
import pytest
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks import textcat, textcat_v2
from spacy_mtl.tasks.capable import ThresholdedByLabel
from spacy_mtl.tasks.classes import ClassTask
from spacy_mtl.tasks.thresholds import Thresholds

OPS = NumpyOps()
LABELS = ("A", "B", "C")
OWN = {"A": 0.2, "C": 0.75}
ROWS = [[0.25, 0.6, 0.7], [0.1, 0.5, 0.75], [0.2, 0.4, 0.9]]
GOLD = [{"A": 1.0, "B": 1.0, "C": 0.0}, {"A": 0.0, "C": 1.0}, {"A": 0.25, "B": 1.0, "C": 0.0}]


@pytest.fixture(params=[textcat.TextCat, textcat_v2.TextCat], ids=["v1", "v2"])
def task(request) -> ClassTask:
    task = request.param(exclusive=False)
    task.set_labels(LABELS)
    return task


@pytest.fixture
def examples(make_doc):
    examples = [Example(make_doc("a b"), make_doc("a b")) for _ in ROWS]
    for example, row, gold in zip(examples, ROWS, GOLD, strict=True):
        example.predicted.cats = dict(zip(LABELS, row, strict=True))
        example.reference.cats = dict(gold)
    return examples


def test_thresholds_of_labels():
    thresholds = Thresholds(0.5, OWN)
    assert thresholds.of(LABELS) == {"A": 0.2, "B": 0.5, "C": 0.75}
    assert thresholds.values(LABELS).tolist() == [0.2, 0.5, 0.75]
    assert Thresholds(0.5).values(LABELS) == 0.5
    for wrong in (1.5, -0.1, None, "0.5", float("nan")):
        with pytest.raises(MTLError, match="a threshold of 'A' between 0 and 1"):
            Thresholds(0.5, {"A": wrong})


def test_setting_the_common_one_sets_the_others_aside(task):
    assert isinstance(task, ThresholdedByLabel)
    task.label_thresholds = OWN
    assert task.label_thresholds == {"A": 0.2, "B": 0.5, "C": 0.75}
    with pytest.raises(TypeError):
        task.label_thresholds["B"] = 0.9
    assert task.label_thresholds["B"] == 0.5 and task.threshold == 0.5
    with pytest.raises(MTLError, match="between 0 and 1, got 2"):
        task.threshold = 2
    assert task.label_thresholds["A"] == 0.2
    task.threshold = 0.5
    assert task.label_thresholds == dict.fromkeys(LABELS, 0.5)


def test_what_cannot_be_set(task):
    task.name, task.label_thresholds = "topic", OWN
    with pytest.raises(MTLError, match="'topic', which decides about A, B, C, got D"):
        task.label_thresholds = {"A": 0.1, "D": 0.1}
    with pytest.raises(MTLError, match="'B' between 0 and 1, got 1.1"):
        task.label_thresholds = {"B": 1.1}
    assert task.label_thresholds["A"] == 0.2
    task = type(task)()
    task.set_labels(LABELS)
    assert task.label_thresholds == {}
    with pytest.raises(MTLError, match="no label by itself, got A"):
        task.label_thresholds = OWN


def test_decisions_and_their_confidences(task, make_doc, pack):
    task.label_thresholds = OWN
    P = np.asarray(ROWS, dtype="float32")
    scores = np.log(P / (1 - P))
    decoded = task.decode(scores, pack([make_doc("a")] * 3), OPS)
    expected = [[True, True, False], [False, True, True], [True, False, True]]
    decided = decoded.labels.tolist()
    assert decided[0] == expected[0] and decided[2][1:] == expected[2][1:]
    assert decoded.confidences[0] == pytest.approx([0.25, 0.6, 0.3])
    assert decoded.confidences[1][0] == pytest.approx(0.9)


def test_scores_go_by_them(task, examples):
    task.label_thresholds = OWN
    scores = task.score(examples)
    # A: 0.2 reaches its threshold, and gold 0.25 is a little of A, as spaCy counts it
    assert scores["cats_f_per_type"]["A"] == {"p": 1.0, "r": 1.0, "f": 1.0}
    assert scores["cats_f_per_type"]["B"]["r"] == 0.5
    assert scores["cats_f_per_type"]["C"] == pytest.approx({"p": 0.5, "r": 1.0, "f": 2 / 3})
    assert scores["cats_acc"] == pytest.approx(2 / 3)
    counts = task.statistics(examples).array.sum(axis=0).tolist()
    assert counts == [[1, 1, 0], [1, 0, 1], [1, 1, 0]]
    outcomes = [outcome for example in examples for outcome in task.noted_outcomes(example)]
    assert outcomes[0] == (0.25, True) and outcomes[2] == (pytest.approx(0.3), True)
    alone = type(task)(exclusive=False)
    alone.set_labels(LABELS)
    areas = {key: value for key, value in alone.score(examples).items() if "auc" in key}
    assert areas == {key: value for key, value in scores.items() if "auc" in key}


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.6, 1.0])
def test_the_same_for_all_is_one_for_all(task, examples, threshold):
    del examples[1].predicted.cats["B"]  # as if another component had written it
    task.label_thresholds = dict.fromkeys(LABELS, threshold)
    by_label, counted = task.score(examples), task.statistics(examples).array.tolist()
    task.threshold = threshold
    assert task.score(examples) == by_label
    assert task.statistics(examples).array.tolist() == counted


def test_dependence_on_the_temperature(task):
    assert not task.depends_on_temperature
    task.label_thresholds = OWN
    assert task.depends_on_temperature
    task.threshold = 0.5
    assert not task.depends_on_temperature
    task.threshold = 0.4
    assert task.depends_on_temperature
    assert not type(task)(threshold=0.4).depends_on_temperature


def test_they_are_saved_with_what_they_were_chosen_beside(task):
    assert task.state() == {}
    task.label_thresholds = OWN
    saved = task.state()
    assert saved == {"thresholds": {"common": 0.5, "own": OWN, "configured": 0.5}}
    other = type(task)(exclusive=False)
    other.set_labels(LABELS)
    other.load_state(saved)
    assert other.label_thresholds == task.label_thresholds
    other.load_state({})
    assert other.label_thresholds == dict.fromkeys(LABELS, 0.5)
    changed = type(task)(exclusive=False, threshold=0.4)  # in the config, since then
    changed.set_labels(LABELS)
    changed.load_state(saved)
    assert changed.label_thresholds == dict.fromkeys(LABELS, 0.4)
    task.set_labels(["A", "B"])
    assert task.state()["thresholds"]["own"] == {"A": 0.2}
    task.set_labels(LABELS)
    assert task.label_thresholds == {"A": 0.2, "B": 0.5, "C": 0.5}


@pytest.mark.parametrize(
    "state, message",
    [
        ({"mean": 1.0}, "the thresholds of its labels, got {'mean'"),
        ({"thresholds": [1]}, "calibrate the pipeline again"),
        ({"thresholds": {"common": 0.5}}, "the thresholds of its labels"),
        ({"thresholds": {"common": 0.5, "own": 3}}, "the thresholds of its labels"),
        ({"thresholds": {"common": 0.5, "own": {"D": 0.3}}}, "got D"),
        ({"thresholds": {"common": 0.5, "own": {"A": 3}}}, "between 0 and 1, got 3"),
    ],
)
def test_damaged_states(task, state, message):
    with pytest.raises(MTLError, match=message):
        task.load_state(state)


@pytest.mark.parametrize(("config", "common", "of_a"), [(0.5, 0.3, 0.2), (0.7, 0.7, 0.7)])
def test_thresholds_set_in_code_are_kept_unless_the_config_changes(config, common, of_a):
    task = textcat_v2.TextCat(exclusive=False)
    task.set_labels(LABELS)
    task.threshold = 0.3
    task.label_thresholds = {"A": 0.2}
    other = textcat_v2.TextCat(exclusive=False, threshold=config)
    other.set_labels(LABELS)
    other.load_state(task.state())
    assert (other.threshold, other.label_thresholds["A"]) == (common, of_a)
