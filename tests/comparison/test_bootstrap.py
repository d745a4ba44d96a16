"""Intervals and tests against what is known of simple cases."""

import math

import numpy as np
import pytest

from spacy_mtl.comparison.bootstrap import delta_m, difference, estimate, holm, resample
from spacy_mtl.errors import MTLError
from spacy_mtl.metrics.correlation import RankCorrelation
from spacy_mtl.metrics.errors import Errors
from spacy_mtl.metrics.f_score import Counts


def _accuracy(right: np.ndarray, total: int = 10) -> Counts:
    """Documents of so many units, of which so many are right."""
    wrong = total - right
    array = np.stack([right, wrong, wrong], axis=1)[:, None, :]
    return Counts(array, ("x",), "micro", "accuracy")


def _documents(rng: np.random.Generator, p: float, n: int = 400) -> Counts:
    return _accuracy(rng.binomial(10, p, size=n))


def test_the_interval_is_that_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    counts = _documents(rng, 0.8)
    found = resample({"a": [counts]}, samples=4000)["a"]
    assert found.mean == pytest.approx(counts.array[:, 0, 0].mean() / 10)
    se = counts.array[:, 0, 0].std() / 10 / math.sqrt(400)
    assert found.samples.std() == pytest.approx(se, rel=0.1)
    assert found.std == 0.0


@pytest.mark.parametrize(("n", "t"), [(3, 4.303), (5, 2.776), (20, 2.093)])
def test_seeds_alone_give_the_interval_of_student(n: int, t: float) -> None:
    levels = np.round(50 + 5 * np.linspace(-1.6, 1.6, n)).astype(int)
    seeds = [_accuracy(np.full(20, level), total=100) for level in levels]
    found = resample({"a": seeds}, samples=20_000)["a"]
    std = (levels / 100).std(ddof=1)
    assert found.std == pytest.approx(std)
    low, high = np.percentile(found.samples, [2.5, 97.5])
    assert (high - low) / 2 == pytest.approx(t * std / math.sqrt(n), rel=0.15)


def test_few_seeds_of_one_sign_show_nothing() -> None:
    full = np.full(1000, 50)
    joint = [_accuracy(full + gain, total=100) for gain in (1, 3)]
    found = resample({"a": joint, "b": [_accuracy(full, total=100)] * 2}, samples=2000)
    assert difference(found["a"], found["b"]).p > 0.05


def test_pairing_removes_what_systems_have_in_common() -> None:
    rng = np.random.default_rng(1)
    easy = rng.binomial(10, rng.uniform(0.2, 1.0, size=300))
    better = np.minimum(easy + (rng.uniform(size=300) < 0.2), 10)
    found = resample({"a": [_accuracy(better)], "b": [_accuracy(easy)]}, samples=2000)
    gain = difference(found["a"], found["b"])
    unpaired = math.hypot(found["a"].samples.std(), found["b"].samples.std())
    assert 0 < gain.low < gain.value < gain.high
    assert gain.high - gain.low < unpaired
    assert gain.p == pytest.approx(2 / 2001)


def test_chance_is_seldom_taken_for_a_difference() -> None:
    rng = np.random.default_rng(2)
    ps = []
    for _ in range(100):
        pair = {name: [_documents(rng, 0.8, 60) for _ in range(3)] for name in "ab"}
        found = resample(pair, samples=200)
        ps.append(difference(found["a"], found["b"]).p)
    assert np.mean(np.asarray(ps) < 0.05) <= 0.07
    assert np.mean(ps) > 0.4


def test_the_same_system_twice() -> None:
    counts = [_documents(np.random.default_rng(seed), 0.8) for seed in range(2)]
    found = resample({"a": counts, "b": counts}, samples=200)
    assert difference(found["a"], found["b"]) == estimate(0.0, np.zeros(200))
    assert difference(found["a"], found["b"]).p == 1.0


def test_macro_f_of_resamples_leaves_out_labels_that_do_not_occur() -> None:
    array = np.zeros((2, 2, 3), dtype="int64")
    array[0, 0] = [1, 0, 0]
    array[1, 1] = [0, 0, 1]
    found = resample({"a": [Counts(array, ("x", "y"), "macro", "macro F")]}, samples=500)["a"]
    assert found.mean == 0.5
    assert set(np.round(found.samples, 6)) == {0.0, 0.5, 1.0}


def test_delta_m_is_the_mean_relative_gain() -> None:
    full = np.full(50, 5)
    pairs = {
        "joint one": [_accuracy(full + 1)],
        "single one": [_accuracy(full)],
        "joint two": [_accuracy(full - 1)],
        "single two": [_accuracy(full)],
    }
    found = resample(pairs, samples=100)
    total = delta_m(
        [found["joint one"], found["joint two"]], [found["single one"], found["single two"]]
    )
    assert total.value == pytest.approx(100 * (0.2 - 0.2) / 2, abs=1e-9)
    one = delta_m([found["joint one"]], [found["single one"]])
    assert (one.value, one.low, one.high) == pytest.approx((20, 20, 20))


def test_delta_m_is_not_defined_for_tasks_that_score_nothing_alone() -> None:
    none, some = np.zeros(50, dtype=int), np.full(50, 5)
    found = resample({"joint": [_accuracy(some)], "single": [_accuracy(none)]}, samples=50)
    with pytest.raises(MTLError, match="scores above 0"):
        delta_m([found["joint"]], [found["single"]])


def test_delta_m_of_errors_is_by_how_much_they_are_lower() -> None:
    def errors(each: float) -> list[Errors]:
        return [Errors(np.tile([each, 1.0], (30, 1)), "mean absolute error")]

    found = resample({"joint": errors(1.5), "single": errors(2.0)}, samples=50)
    assert not found["joint"].higher_is_better
    assert difference(found["joint"], found["single"]).value == pytest.approx(-0.5)
    gain = delta_m([found["joint"]], [found["single"]])
    assert (gain.value, gain.low, gain.high) == pytest.approx((25, 25, 25))
    worse = delta_m([found["single"]], [found["joint"]])
    assert worse.value == pytest.approx(-100 / 3)


def test_resamples_without_a_labelled_document_are_left_out() -> None:
    array = np.zeros((3, 2))
    array[0] = [2.0, 1]
    found = resample({"a": [Errors(array, "mean absolute error")]}, samples=200)["a"]
    undrawn = float(np.isnan(found.samples).mean())
    assert undrawn == pytest.approx((2 / 3) ** 3, abs=0.1)
    shown = estimate(found.mean, found.samples)
    assert (shown.value, shown.low, shown.high) == (2.0, 2.0, 2.0)


def test_a_rank_correlation_has_an_interval() -> None:
    rng = np.random.default_rng(0)
    gold = rng.normal(size=150)
    guess = gold + rng.normal(size=150)
    systems = {
        "good": [RankCorrelation.of_units(range(150), gold, guess, 150)],
        "bad": [RankCorrelation.of_units(range(150), gold, -guess / 9, 150)],
    }
    found = resample(systems, samples=1000)
    shown = estimate(found["good"].mean, found["good"].samples)
    assert shown.low < shown.value < shown.high < 1
    # The standard error of Fisher's z is about 1.03 / sqrt(n - 3).
    spread = np.arctanh(found["good"].samples).std()
    assert spread == pytest.approx(1.03 / math.sqrt(147), rel=0.2)
    assert difference(found["bad"], found["good"]).high < 0
    with pytest.raises(MTLError, match="scores above 0"):
        delta_m([found["good"]], [found["bad"]])


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({"a": 0.7, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_other_documents_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(MTLError, match="same seeds and documents"):
        resample({"a": [_documents(rng, 0.5, 10)], "b": [_documents(rng, 0.5, 11)]})
