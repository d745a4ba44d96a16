import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinc.schedules import compounding

from spacy_mtl.errors import MTLError
from spacy_mtl.mixing.samplers import Dynamic, Epoch, RoundRobin, Sampler, sampler_of
from spacy_mtl.mixing.sampling import Shares, equal_part

SIZES = [80, 20]


def shares_of(sampling: Any, alpha: Any = 0.5, max_repeats: float = 0.0) -> Shares:
    return Shares(sampler_of(sampling, alpha, 10.0), max_repeats)


def draws(
    shares: Shares, sizes: Sequence[int] = SIZES, epoch: int = 0, gaps: Sequence[float] = (0.0, 0.0)
) -> list[int]:
    names = [chr(ord("a") + number) for number in range(len(sizes))]
    return shares.draws(Epoch(epoch, names, sizes, lambda: gaps))


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
    assert draws(shares_of(sampling, alpha)) == expected
    assert draws(shares_of(sampling, alpha), epoch=7) == expected


def test_alpha_of_each_epoch() -> None:
    shares = shares_of("annealed", compounding(1.0, 0.25, 0.5))
    expected = [draws(shares_of("temperature", alpha)) for alpha in (1.0, 0.5, 0.25, 0.25)]
    assert [draws(shares, epoch=epoch) for epoch in range(4)] == expected
    later = shares_of("annealed", compounding(1.0, 0.25, 0.5))
    assert draws(later, epoch=2) == expected[2]


def test_repeats_are_capped() -> None:
    assert draws(shares_of("uniform", max_repeats=2)) == [60, 40]
    assert draws(shares_of("uniform", max_repeats=1), [60, 30, 10]) == [60, 30, 10]
    assert draws(shares_of("uniform", max_repeats=1.5), [60, 30, 10]) == [42, 42, 15]
    assert shares_of("uniform", max_repeats=2).limits(SIZES) == [160, 40]
    assert draws(shares_of("uniform", max_repeats=0.25)) == [20, 5]
    assert shares_of("uniform").limits(SIZES) == [100, 100]


def test_every_corpus_is_drawn() -> None:
    assert draws(shares_of("proportional"), [10_000, 1]) == [10_000, 1]
    assert draws(shares_of("temperature", 1.0, max_repeats=0.1), [10_000, 1]) == [1000, 1]


def test_gaps_raise_shares() -> None:
    shares = Shares(Dynamic(0.0, strength=10.0))
    assert draws(shares) == [50, 50]
    assert draws(shares, gaps=[0.0, 0.1]) == [33, 67]  # 1 to 1 + 10 * 0.1
    assert draws(Shares(Dynamic(0.0, strength=0.0)), gaps=[0.0, 0.9]) == [50, 50]


class Given(Sampler):
    """Weights that are given."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def weights(self, epoch: Epoch) -> Sequence[float]:
        return self.given


def test_a_sampler_of_ones_own() -> None:
    sampler = Given([0, 3, 1])
    assert sampler_of(sampler, 0.5, 10.0) is sampler and not Shares(sampler).in_turn
    assert Shares(RoundRobin()).in_turn
    assert draws(Shares(sampler), [50, 30, 20]) == [0, 75, 25]
    assert draws(Shares(sampler, max_repeats=2), [50, 30, 20]) == [0, 60, 40]
    assert draws(Shares(sampler, max_repeats=1), [50, 30, 20]) == [0, 30, 20]


@pytest.mark.parametrize("wrong", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, math.nan], 1.0, None])
def test_wrong_weights(wrong: Any) -> None:
    message = "a weight of 0 or more for each of a, b, and one above 0, from Given, got "
    with pytest.raises(MTLError, match=message):
        draws(Shares(Given(wrong)))


@given(st.lists(st.integers(0, 500), min_size=1, max_size=5), st.integers(1, 7))
def test_parts_add_up(counts: list[int], n_parts: int) -> None:
    parts = [equal_part(counts, part, n_parts) for part in range(n_parts)]
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
    given = {"sampling": "temperature", "alpha": 0.5, "strength": 10.0, **wrong}
    max_repeats = given.pop("max_repeats", 0.0)
    with pytest.raises(MTLError, match=message):
        Shares(sampler_of(**given), max_repeats)


def test_wrong_alpha_of_a_schedule() -> None:
    shares = shares_of("annealed", iter([1.0, 1.5]))
    draws(shares)
    with pytest.raises(MTLError, match="between 0 and 1, got 1.5"):
        draws(shares, epoch=1)
