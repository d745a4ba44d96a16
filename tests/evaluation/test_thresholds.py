import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipeline.helpers import make_examples, make_nlp, multitask, trained

from spacy_mtl.errors import MTLError
from spacy_mtl.evaluation import thresholds
from spacy_mtl.evaluation.temperature import labelled_scores
from spacy_mtl.evaluation.thresholds import best_thresholds, label_decisions

NOTHING = np.nan


def one_label(probabilities: list[float], gold: list[float], **settings: float) -> float:
    found = best_thresholds(np.asarray([probabilities]).T, np.asarray([gold]).T, **settings)
    return float(found[0])


def f(P: NDArray, gold: NDArray, threshold: float) -> float:
    known = ~np.isnan(gold)
    assigned, positive = (threshold <= P) & known, gold >= 0.5
    return 2 * float((assigned & positive).sum()) / max(int(assigned.sum() + positive.sum()), 1)


def test_by_hand() -> None:
    P = [0.9, 0.4, 0.3, 0.2, 0.1]
    assert one_label(P, [1, 1, 0, 0, 0], prior=0) == pytest.approx(0.35)
    assert one_label(P, [1, 1, 0, 1, 0], prior=0) == pytest.approx(0.15)  # 6/7 beats 4/5
    assert one_label(P, [1, 0, 0, 0, 0], prior=0) == 0.5  # nothing is better
    assert one_label(P, [1, 0, 0, 0, 0], common=0.2, prior=0) == pytest.approx(0.65)
    assert one_label(P, [1, 0, 0, 0, 0], common=0.45, prior=0) == 0.45  # decides alike


def test_many_units_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    P = rng.random((30, 7)).astype("f")
    gold = (rng.random(P.shape) < P).astype("f")
    whole = best_thresholds(P, gold)
    assert len({*whole.tolist()}) > 3
    for cells in (1, 70):
        monkeypatch.setattr(thresholds, "CELLS", cells)
        np.testing.assert_array_equal(best_thresholds(P, gold), whole)
    assert best_thresholds(np.zeros((4, 0)), np.zeros((4, 0))).shape == (0,)


def test_what_is_not_known_does_not_count() -> None:
    P, gold = [0.9, 0.4, 0.35, 0.3, 0.0], [1, 1, NOTHING, 0, NOTHING]
    assert one_label(P, gold, prior=0) == pytest.approx(0.35)
    assert one_label([0.9, 0.4], [NOTHING, NOTHING]) == 0.5


def test_a_label_without_positives_keeps_the_common_threshold() -> None:
    assert one_label([0.4, 0.3, 0.2], [0, 0, 0], common=0.7) == 0.7


def test_rare_labels_go_by_what_the_probabilities_expect() -> None:
    """One hit far below, which gold annotation alone would follow, is chance."""
    P = [0.9, 0.8, 0.7] + [0.01] * 96 + [0.005]
    gold = [1, 1, 0] + [0] * 96 + [1]
    assert one_label(P, gold, prior=20) == 0.5
    gold = [0] * 99 + [1]
    assert one_label(P, gold, prior=0) < 0.005
    assert one_label(P, gold, prior=20) == 0.5


def test_equal_and_neighbouring_probabilities() -> None:
    assert one_label([0.3, 0.3, 0.3], [1, 0, 0], prior=0) < 0.3  # all or none
    next_one = float(np.nextafter(0.3, 1))
    assert one_label([next_one, 0.3], [1, 0], prior=0, common=0.9) == next_one
    assert one_label([1.0, 1.0, 0.0], [1, 0, 1]) == 0.5
    assert one_label([0.0, 0.0], [1, 0]) == 0.5  # what is 0 is never assigned


def test_calibrated_probabilities_of_rare_labels() -> None:
    """On fresh documents, the mixture is better than gold annotation alone, and than 0.5."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> tuple[NDArray, NDArray]:
        P = 1 / (1 + np.exp(-rng.normal(-4, 2, size=(n, 200))))
        return P, (rng.random(P.shape) < P).astype("float64")

    (P, gold), (fresh, truth) = draw(100), draw(2000)

    def mean_f(thresholds: NDArray) -> float:
        columns = zip(fresh.T, truth.T, thresholds, strict=True)
        return float(np.mean([f(*column) for column in columns]))

    mixed, alone = (mean_f(best_thresholds(P, gold, prior=prior)) for prior in (20, 0))
    assert mixed > alone + 0.01 and mixed > mean_f(np.full(200, 0.5)) + 0.05


cells = st.tuples(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    st.sampled_from([0.0, 0.25, 0.5, 1.0, NOTHING]),
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), max_size=12),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    st.sampled_from([0.0, 1.0, 20.0]),
)
def test_f_is_never_lower_where_they_were_chosen(
    rows: list[list[tuple[float, float]]], common: float, prior: float
) -> None:
    P, gold = np.asarray(rows, dtype="float64").reshape(-1, 3, 2).transpose(2, 0, 1)
    found = best_thresholds(P, gold, common, prior)
    assert ((found >= 0) & (found <= 1)).all()
    for own, each, truth in zip(found, P.T, gold.T, strict=True):
        assert f(each, truth, own) >= f(each, truth, common)
        if prior == 0:  # and there is no better one
            assert f(each, truth, own) >= max((f(each, truth, t) for t in each if t), default=0)


def test_errors() -> None:
    P, gold = np.full((2, 3), 0.5), np.ones((2, 3))
    with pytest.raises(MTLError, match=r"same documents and labels, got \(2, 3\) and \(1, 3\)"):
        best_thresholds(P, gold[:1])
    with pytest.raises(MTLError, match="probabilities from 0 to 1"):
        best_thresholds(P * 3, gold)
    for wrong in ({"common": 1.5}, {"prior": -1.0}):
        with pytest.raises(MTLError, match="prior of at least 0"):
            best_thresholds(P, gold, **wrong)


def test_of_a_pipeline() -> None:
    nlp = trained(make_nlp(["topic", "sentiment", "tagger"]), 3)
    examples = make_examples(nlp, [["topic", "sentiment"]] * 5 + [["sentiment"]])
    topic, *others = labelled_scores(nlp, examples)
    assert [label_decisions(each) for each in others] == [None, None]  # exclusive; no gold
    found = label_decisions(topic)
    task = multitask(nlp).tasks["topic"]
    assert found is not None and found.task is task and found.labels == task.labels
    docs = list(nlp.pipe(eg.predicted for eg in examples))
    assert found.probabilities.tolist() == [
        [doc.cats[label] for label in task.labels] for doc in docs
    ]
    gold = [[eg.reference.cats[label] for label in task.labels] for eg in examples[:5]]
    assert found.gold[:5].tolist() == gold and np.isnan(found.gold[5]).all()
    before = found.counts()
    found.choose()
    own = task.label_thresholds
    assert set(own.values()) != {0.5}
    assert found.counts().score() > before.score()
    assert found.counts(dict.fromkeys(found.labels, 0.5)).array.tolist() == before.array.tolist()
    for eg, doc in zip(examples, docs, strict=True):
        eg.predicted = doc
    counted = task.statistics(examples)
    assert counted.array.tolist() == found.counts().array.tolist()


def test_documents_that_say_nothing() -> None:
    nlp = trained(make_nlp(["topic"]), 2)
    (found,) = labelled_scores(nlp, make_examples(nlp, [[]] * 6))
    assert label_decisions(found) is None
