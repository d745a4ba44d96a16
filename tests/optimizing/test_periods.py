"""When a task is trained, and which evaluation was its best."""

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.optimizing.periods import TrainingPeriod, periods, risen, smoothed

RISES_AND_FALLS = [(0, 0.1), (2, 0.5), (4, 0.5), (6, 0.4), (8, 0.9)]


@pytest.mark.parametrize(
    ("patience", "end", "best"),
    [(None, None, 4), (1, 4, 2), (2, 4, 2), (3, 6, 2), (4, 6, 2), (5, None, 4)],
)
def test_patience_counts_from_the_best(patience, end, best):
    period = TrainingPeriod(patience=patience)
    assert period.exhausted(RISES_AND_FALLS) == end
    assert period.best(RISES_AND_FALLS) == best
    assert period.stopped(RISES_AND_FALLS) == (end is not None)


def test_what_was_before_the_start_does_not_count():
    period = TrainingPeriod(start=4, patience=4)
    assert period.exhausted(RISES_AND_FALLS) is None
    assert period.best(RISES_AND_FALLS[:4]) == 2
    assert period.best(RISES_AND_FALLS[:2]) is period.best([]) is None


def test_a_task_that_is_over_is_not_stopped_by_patience():
    assert not TrainingPeriod(stop=6, patience=4).stopped(RISES_AND_FALLS)
    assert TrainingPeriod(stop=7, patience=4).stopped(RISES_AND_FALLS)
    assert [TrainingPeriod(2, 4).includes(step) for step in range(5)] == [0, 0, 1, 1, 0]


def test_smoothed():
    assert smoothed(RISES_AND_FALLS, 1) == RISES_AND_FALLS
    means = [score for _, score in smoothed(RISES_AND_FALLS, 2)]
    assert means == pytest.approx([0.1, 0.3, 0.5, 0.45, 0.65])
    assert smoothed([], 3) == []


def test_from_when_on_a_score_has_risen():
    assert risen(RISES_AND_FALLS) == RISES_AND_FALLS[1:]
    assert risen([(0, 0.3), (2, 0.0), (4, 0.3), (6, 0.4), (8, 0.1)]) == [(6, 0.4), (8, 0.1)]
    assert risen([(0, 0.0), (2, 0.0)]) == risen([(0, 0.5), (2, 0.1)]) == risen([]) == []


def test_periods_of_settings():
    tasks = {"ner": {"start": 2}, "tagger": {"patience": None}, "topic": {"patience": 7}}
    assert periods(tasks, 5) == {
        "ner": TrainingPeriod(2, patience=5),
        "tagger": TrainingPeriod(),
        "topic": TrainingPeriod(patience=7),
    }
    assert periods(None, 5) == {}
    with pytest.raises(MTLError, match="Expected start, stop, patience in .*tasks.ner], got 5"):
        periods({"ner": 5}, None)
