import tracemalloc

import numpy as np
import pytest

from spacy_mtl.metrics.correlation import RankCorrelation


def rho(gold: list[float], guess: list[float]) -> float:
    return RankCorrelation.of_units(range(len(gold)), gold, guess, len(gold)).score()


def test_rho_by_hand() -> None:
    assert rho([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert rho([1, 2, 3], [30, 20, -5]) == pytest.approx(-1)
    assert rho([0.1, 5, 70], [1, 10, 100]) == pytest.approx(1)
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: a covariance of 4.5 over the root of 4.5 * 5.
    assert rho([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


def test_where_nothing_is_ranked_it_is_0() -> None:
    assert rho([1, 2, 3], [5, 5, 5]) == rho([1, 1], [1, 2]) == rho([1], [1]) == 0
    drawn = RankCorrelation.of_units([0, 1], [1, 2], [3, 4], 2)
    assert drawn.score(np.asarray([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]])).tolist() == [0, 1, 0]


def test_what_is_no_number_gives_none() -> None:
    assert np.isnan(rho([1, 2, 3], [1, np.nan, 3]))


def test_units_of_a_document_are_drawn_together() -> None:
    found = RankCorrelation.of_units([0, 0, 1, 1], [1, 2, 3, 4], [2, 1, 3, 4], 2)
    rows = np.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert found.score(rows) == pytest.approx([-1, 1, 0.8])


def test_the_memory_is_bounded() -> None:
    n = 20_000
    rng = np.random.default_rng(0)
    found = RankCorrelation.of_units(np.arange(n) % 50, rng.normal(size=n), rng.normal(size=n), 50)
    rows = rng.multinomial(50, [1 / 50] * 50, size=500).astype(float)
    tracemalloc.start()
    found.score(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6 < 8 * 500 * n * 8  # all samples at once take more than the last
