"""One score of a component, which chooses the same checkpoint in any training."""

import math

import pytest

from pipeline.helpers import make_examples, make_nlp, multitask, trained
from spacy_mtl.errors import MTLError
from spacy_mtl.pipeline.history import ScoreHistory
from spacy_mtl.pipeline.selection import LOWEST, Selection

TASKS = ("tagger", "ner")


def scores(selection: Selection, **tasks: list[float | None]) -> list[float | None]:
    """The component's score at each evaluation of these main scores."""
    history, found = ScoreHistory(), []
    for row in zip(*tasks.values(), strict=True):
        history.record(dict(zip(tasks, row, strict=True)))
        found.append(selection.score(history))
    return found


def test_arithmetic_mean():
    found = scores(Selection("mean"), tagger=[0.25, 0.5], ner=[0.75, 0.25])
    assert found == [0.5, 0.375]


def test_the_geometric_mean_rises_with_the_relative_gains():
    tagger, ner = [0.8, 0.84], [0.1, 0.2]
    before, after = scores(Selection("geometric"), tagger=tagger, ner=ner)
    assert math.log(after / before) == pytest.approx((math.log(0.84 / 0.8) + math.log(2)) / 2)


def test_a_task_that_learns_nothing_does_not_hide_the_others():
    first, second = scores(Selection("geometric"), tagger=[0.25, 0.5], ner=[0.0, -0.5])
    assert second == pytest.approx(2**0.5 * first) == pytest.approx((0.5 * LOWEST) ** 0.5)


def test_the_worst_task_counts_by_what_it_has_kept():
    best = [(0.9 * 0.4) ** 0.5] * 3
    found = scores(Selection("worst"), tagger=[0.9, 0.9, 0.45], ner=[0.4, 0.3, 0.38])
    assert found == pytest.approx([best[0], best[1] * 0.75, best[2] * 0.5])
    rising = scores(Selection("worst"), tagger=[0.1, 0.5, 0.6], ner=[0.0, 0.2, 0.3])
    assert rising == sorted(rising)


@pytest.mark.parametrize("rule", ["mean", "geometric", "worst"])
def test_no_score_is_above_1(rule):
    assert scores(Selection(rule), tagger=[1.0, 1.0], ner=[1.0, 0.0])[0] == 1.0
    assert scores(Selection(rule, decay=0.5), tagger=[1.0], ner=[1.0]) == [1.0]


def test_means_over_evaluations():
    tagger: list[float | None] = [0.1, 0.5, None, 0.6]
    found = scores(Selection("mean", evaluations=2), tagger=tagger)
    assert found == pytest.approx([0.1, 0.3, 0.3, 0.55])
    found = scores(Selection("mean", decay=0.5), tagger=[0.1, 0.4, 0.6])
    assert found == pytest.approx([0.1, 0.45 / 1.5, 0.825 / 1.75])


def test_nothing_measured_is_no_score():
    assert scores(Selection(), tagger=[None, 0.5], ner=[None, None]) == [None, 0.5]


def test_the_component_has_it_in_training_alone():
    nlp = trained(make_nlp(TASKS, selection={"rule": "mean"}))
    found = nlp.evaluate(make_examples(nlp))
    assert found["multitask_score"] == (found["tagger_acc"] + found["ner_f"]) / 2
    again = make_nlp(TASKS, selection={"rule": "mean"}).from_bytes(nlp.to_bytes())
    assert "multitask_score" not in again.evaluate(make_examples(again))
    assert multitask(make_nlp(TASKS)).selection is None


def test_it_remembers_the_evaluations():
    nlp = trained(make_nlp(TASKS, selection={"rule": "mean", "evaluations": 2}), steps=1)
    first = nlp.evaluate(make_examples(nlp))
    multitask(nlp).history.record({"tagger": 0.0, "ner": 0.0})
    second = nlp.evaluate(make_examples(nlp))
    assert second["multitask_score"] == pytest.approx(first["multitask_score"] / 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rule": "best"}, "Expected `rule` out of mean, geometric, worst, got 'best'"),
        ({"evaluations": 0}, "at least 1 and `decay` .* got 0 and 0.0"),
        ({"decay": 1.0}, "got 1 and 1.0"),
        ({"evaluations": 2, "decay": 0.5}, "got both"),
        ({"rules": "mean"}, r"in \[components.multitask.selection\], got \{'rules': 'mean'\}"),
        ({"evaluations": 1.5}, r"got \{'evaluations': 1.5\}"),
    ],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(MTLError, match=message):
        make_nlp(TASKS, selection=wrong)


def test_a_name_that_another_score_has():
    with pytest.raises(MTLError, match="got that of a score of the task 'multitask'. Rename"):
        make_nlp({"multitask": {"@mtl_tasks": "spacy_mtl.NER.v1"}}, selection={})
    with pytest.raises(MTLError, match="name 'cats_score' .* got that of one of spaCy's scores"):
        make_nlp(TASKS, name="cats", selection={})
    make_nlp({"multitask": {"@mtl_tasks": "spacy_mtl.NER.v1"}})


def test_no_selection_for_a_score_that_chooses():
    nlp = make_nlp(TASKS)
    nlp.config["training"]["score_weights"] = {"multitask_score": 1.0}
    with pytest.raises(MTLError, match=r"a `selection` in \[components.multitask\], by which"):
        trained(nlp, steps=1)
