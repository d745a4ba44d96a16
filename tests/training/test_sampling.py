import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinc.schedules import compounding

from spacy_mtl.errors import MTLError
from spacy_mtl.training.sampling import Shares, part_of

SIZES = [80, 20]


@pytest.mark.parametrize(
    ("sampling", "alpha", "expected"),
    [
        ("proportional", 0.5, [80, 20]),
        ("uniform", 0.5, [50, 50]),
        ("round_robin", 0.5, [50, 50]),
        ("temperature", 0.5, [67, 33]),
        ("temperature", 0.8, [75, 25]),
        ("temperature", 1.0, [80, 20]),
        ("dynamic", 0.5, [67, 33]),
    ],
)
def test_shares(sampling: str, alpha: float, expected: list[int]) -> None:
    assert Shares(sampling, alpha).draws(SIZES, 0) == expected
    assert Shares(sampling, alpha).draws(SIZES, 7) == expected


def test_alpha_of_each_epoch() -> None:
    shares = Shares("annealed", compounding(1.0, 0.25, 0.5))
    expected = [Shares("temperature", alpha).draws(SIZES, 0) for alpha in (1.0, 0.5, 0.25, 0.25)]
    assert [shares.draws(SIZES, epoch) for epoch in range(4)] == expected
    assert Shares("annealed", compounding(1.0, 0.25, 0.5)).draws(SIZES, 2) == expected[2]


def test_repeats_are_capped() -> None:
    assert Shares("uniform", 0.0, max_repeats=2).draws(SIZES, 0) == [60, 40]
    assert Shares("uniform", 0.0, max_repeats=1).draws([60, 30, 10], 0) == [60, 30, 10]
    assert Shares("uniform", 0.0, max_repeats=1.5).draws([60, 30, 10], 0) == [42, 42, 15]
    assert Shares("uniform", 0.0, max_repeats=2).limits(SIZES) == [160, 40]
    assert Shares("uniform", 0.0, max_repeats=0.25).draws(SIZES, 0) == [20, 5]
    assert Shares("uniform", 0.0).limits(SIZES) == [100, 100]


def test_every_corpus_is_drawn() -> None:
    assert Shares("proportional", 1.0).draws([10_000, 1], 0) == [10_000, 1]
    assert Shares("temperature", 1.0, max_repeats=0.1).draws([10_000, 1], 0) == [1000, 1]


def test_gaps_raise_shares() -> None:
    shares = Shares("dynamic", 0.0, strength=10.0)
    assert shares.draws(SIZES, 0, [0.0, 0.0]) == [50, 50]
    assert shares.draws(SIZES, 0, [0.0, 0.1]) == [33, 67]  # 1 to 1 + 10 * 0.1
    assert Shares("dynamic", 0.0, strength=0.0).draws(SIZES, 0, [0.0, 0.9]) == [50, 50]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=5), st.integers(1, 7))
def test_parts_add_up(counts: list[int], n_parts: int) -> None:
    parts = [part_of(counts, part, n_parts) for part in range(n_parts)]
    assert [sum(column) for column in zip(*parts, strict=True)] == counts
    for count, column in zip(counts, zip(*parts, strict=True), strict=True):
        assert max(column) - min(column) <= 1 and abs(column[0] - count / n_parts) < 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sampling": "random"}, "`sampling` to be one of .*'dynamic'.*, got 'random'"),
        ({"alpha": 2.0}, "`alpha` between 0 and 1, got 2.0"),
        ({"alpha": math.nan}, "`alpha` between 0 and 1, got nan"),
        ({"sampling": "proportional", "alpha": -1.0}, "`alpha` between 0 and 1, got -1.0"),
        ({"alpha": True}, "number or a schedule .*`alpha`, got True"),
        ({"max_repeats": -1}, "`max_repeats` of 0 or more, got -1"),
        ({"max_repeats": math.nan}, "`max_repeats` of 0 or more, got nan"),
        ({"strength": math.inf}, "`strength` of 0 or more, got inf"),
        ({"sampling": "annealed"}, 'a schedule as `alpha` with sampling = "annealed", got 0.5'),
        ({"alpha": [1.0, 0.5]}, 'a number as `alpha` with sampling = "temperature", got'),
    ],
)
def test_wrong_settings(wrong: dict, message: str) -> None:
    with pytest.raises(MTLError, match=message):
        Shares(**{"sampling": "temperature", "alpha": 0.5, **wrong})


def test_wrong_alpha_of_a_schedule() -> None:
    shares = Shares("annealed", iter([1.0, 1.5]))
    shares.draws(SIZES, 0)
    with pytest.raises(MTLError, match="between 0 and 1, got 1.5"):
        shares.draws(SIZES, 1)
