"""By default every task is stopped when its score rises no more, and its best head comes back."""

import warnings
from typing import Any

import numpy as np
import pytest
from pipeline.helpers import head_bytes, make_examples, make_nlp, multitask, step
from spacy.language import Language
from thinc.api import Adam

from spacy_mtl.errors import MTLError
from spacy_mtl.optimizing.unfreeze import create_unfreeze, create_unfreeze_v2

NAMES = ["tagger", "ner", "sentiment"]
Scores = dict[int, float | None]


def pipeline() -> tuple[Language, Any]:
    nlp = make_nlp(NAMES)
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    return nlp, Adam(0.01)


def run(
    nlp: Language, optimizer: Any, callback: Any, scores: dict[str, Scores], steps: Any
) -> dict[int, dict[str, bytes]]:
    """Train, with these main scores at evaluations after some steps; the heads evaluated there."""
    heads = {}
    for number in steps:
        callback(nlp, {"step": number, "epoch": 0})
        step(nlp, optimizer, make_examples(nlp, NAMES))
        if any(number in own for own in scores.values()):
            with nlp.use_params(optimizer.averages):
                heads[number] = head_bytes(nlp)
                multitask(nlp).history.record({n: own.get(number) for n, own in scores.items()})
    return heads


RISING: Scores = {0: 0.1, 2: 0.2, 4: 0.3, 6: 0.4, 8: 0.5}
FALLING: Scores = {0: 0.5, 2: 0.6, 4: 0.5, 6: 0.4, 8: 0.9}
NEVER: Scores = {0: 0.5, 2: 0.4, 4: 0.3, 6: 0.2, 8: 0.1}


def test_the_best_head_comes_back(caplog):
    nlp, optimizer = pipeline()
    callback = create_unfreeze_v2(patience=4)
    scores = {"tagger": RISING, "ner": FALLING, "sentiment": NEVER}
    with caplog.at_level("WARNING", "spacy"), warnings.catch_warnings():
        warnings.simplefilter("error")
        heads = run(nlp, optimizer, callback, scores, range(10))
    assert multitask(nlp).stopped_tasks == {"ner"}
    with nlp.use_params(optimizer.averages):
        found = head_bytes(nlp)
    assert found["ner"] == heads[2]["ner"]
    for task in ("tagger", "sentiment"):
        assert found[task] not in [at[task] for at in heads.values()]
    assert caplog.messages == [
        "The task 'ner' is stopped at step 6: its score has not risen for 4 steps. "
        "Its head of step 2 is put back."
    ]


@pytest.mark.parametrize("first", [0.0, 0.06])
def test_patience_waits_until_a_task_has_begun_to_learn(first):
    """A head that has not learned anything is not put back, whatever it scored by chance."""
    nlp, optimizer = pipeline()
    slow: Scores = {0: first, 2: 0.0, 4: 0.0, 6: 0.05, 8: 0.7, 10: 0.6, 12: 0.6}
    callback = create_unfreeze_v2(patience=4, tasks={"tagger": {"patience": None}})
    heads = run(nlp, optimizer, callback, {"tagger": RISING, "ner": slow}, range(8))
    assert multitask(nlp).stopped_tasks == set()
    later = {step: score for step, score in slow.items() if step >= 8}
    heads = run(nlp, optimizer, callback, {"tagger": RISING, "ner": later}, range(8, 14))
    assert multitask(nlp).stopped_tasks == {"ner"}
    with nlp.use_params(optimizer.averages):
        assert head_bytes(nlp)["ner"] == heads[8]["ner"]


def test_tasks_have_a_patience_of_their_own():
    nlp, optimizer = pipeline()
    tasks = {"ner": {"patience": None}, "sentiment": {"patience": 6}, "tagger": {"start": 4}}
    callback = create_unfreeze_v2(patience=2, tasks=tasks)
    late: Scores = {0: 0.1, 2: 0.6, 4: 0.1, 6: 0.2, 8: 0.1}
    scores = dict.fromkeys(NAMES, late)
    run(nlp, optimizer, callback, scores, range(7))
    assert multitask(nlp).stopped_tasks == set()
    run(nlp, optimizer, callback, scores, range(7, 10))
    assert multitask(nlp).stopped_tasks == {"tagger", "sentiment"}


def test_smoothing_looks_past_a_lucky_evaluation():
    lucky: Scores = {0: 0.1, 2: 0.5, 4: 0.3, 6: 0.4, 8: 0.5, 10: 0.6}
    for smoothing, stopped in ((1, True), (3, False)):
        nlp, optimizer = pipeline()
        callback = create_unfreeze_v2(patience=4, smoothing=smoothing)
        scores = {"tagger": RISING, "ner": lucky, "sentiment": RISING}
        run(nlp, optimizer, callback, scores, range(9))
        assert ("ner" in multitask(nlp).stopped_tasks) == stopped


def test_the_head_is_that_of_the_best_mean():
    nlp, optimizer = pipeline()
    callback = create_unfreeze_v2(patience=2, smoothing=2)
    dented: Scores = {0: 0.1, 2: 0.6, 4: 0.5, 6: 0.1, 8: 0.1}
    heads = run(nlp, optimizer, callback, {"ner": dented}, range(10))
    with nlp.use_params(optimizer.averages):
        assert head_bytes(nlp)["ner"] == heads[4]["ner"]


def test_of_equal_evaluations_patience_counts_from_the_first_and_the_last_is_the_best():
    nlp, optimizer = pipeline()
    equal: Scores = {0: 0.1, 2: 0.5, 4: 0.5, 6: 0.4, 8: 0.4}
    heads = run(nlp, optimizer, create_unfreeze_v2(patience=4), {"ner": equal}, range(8))
    assert multitask(nlp).stopped_tasks == {"ner"}
    with nlp.use_params(optimizer.averages):
        assert head_bytes(nlp)["ner"] == heads[4]["ner"]


def test_a_score_that_is_no_number_is_not_measured():
    nlp, optimizer = pipeline()
    broken: Scores = {0: 0.1, 2: 0.5, 4: float("nan"), 6: float("nan"), 8: 0.4}
    heads = run(nlp, optimizer, create_unfreeze_v2(patience=4), {"ner": broken}, range(10))
    with nlp.use_params(optimizer.averages):
        assert head_bytes(nlp)["ner"] == heads[2]["ner"]


def test_a_task_that_is_not_measured_goes_on():
    nlp, optimizer = pipeline()
    scores = {"tagger": RISING, "ner": dict.fromkeys(RISING), "sentiment": RISING}
    with pytest.warns(UserWarning, match="'ner' has `patience`, but no score"):
        run(nlp, optimizer, create_unfreeze_v2(patience=2), scores, range(8))
    assert multitask(nlp).stopped_tasks == set()


def test_a_task_that_is_zero_throughout_goes_on():
    nlp, optimizer = pipeline()
    scores = {"tagger": RISING, "ner": dict.fromkeys(RISING, 0.0), "sentiment": RISING}
    run(nlp, optimizer, create_unfreeze_v2(patience=4), scores, range(10))
    assert multitask(nlp).stopped_tasks == set()


def test_the_first_version_leaves_heads_as_they_are():
    nlp, optimizer = pipeline()
    callback: Any = create_unfreeze(tasks={"ner": {"patience": 4}})
    heads = run(nlp, optimizer, callback, {"ner": FALLING}, range(10))
    assert multitask(nlp).stopped_tasks == {"ner"}
    with nlp.use_params(optimizer.averages):
        assert head_bytes(nlp)["ner"] == heads[6]["ner"] != heads[2]["ner"]
    assert callback.state().keys() == {"multitask"}


def test_a_second_training_begins_anew(caplog):
    nlp, optimizer = pipeline()
    callback = create_unfreeze_v2(patience=4)
    run(nlp, optimizer, callback, {"ner": FALLING}, range(8))
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    optimizer = Adam(0.01)
    with caplog.at_level("WARNING", "spacy"):
        heads = run(nlp, optimizer, callback, {"ner": FALLING}, range(8))
    with nlp.use_params(optimizer.averages):
        assert head_bytes(nlp)["ner"] == heads[2]["ner"]
    assert ["step 6: its" in message for message in caplog.messages] == [True] * 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"patience": 0}, r"1 or more, for patience in \[training.before_update\], got 0"),
        ({"smoothing": 0}, "1 evaluation or more, got 0"),
        ({"protect": "pray"}, "out of none, freeze, slow, distill, got 'pray'"),
        ({"slow": 0.0}, "up to 1, got 0.0"),
        ({"encoder": -2}, "got -2"),
        ({"encoder": -1, "gradual": 5}, "got 5 and -1"),
    ],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(MTLError, match=message):
        create_unfreeze_v2(**wrong)


def test_the_state_is_in_arrays():
    nlp, optimizer = pipeline()
    callback: Any = create_unfreeze_v2(patience=4)
    run(nlp, optimizer, callback, {"ner": FALLING}, range(4))
    state = callback.state()
    np.testing.assert_array_equal(state["multitask"], [0, 2])
    assert "best_heads/head/0/multitask.ner.output.W" in state
    assert all(array.dtype != object for array in state.values())
