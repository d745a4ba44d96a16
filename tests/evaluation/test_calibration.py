import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mtl.errors import MTLError
from spacy_mtl.evaluation.calibration import reliability


def test_by_hand() -> None:
    found = reliability([0.05, 0.1, 0.45, 0.5, 0.9, 1.0], [0, 1, 0, 1, 1, 1], bins=2)
    assert found.edges.tolist() == [0.0, 0.5, 1.0]
    assert found.counts.tolist() == [4, 2]  # a bin has its upper edge
    assert found.confidence.tolist() == pytest.approx([0.275, 0.95])
    assert found.accuracy.tolist() == [0.5, 1.0]
    assert found.ece == pytest.approx(4 / 6 * 0.225 + 2 / 6 * 0.05)
    assert (found.n, found.right) == (6, pytest.approx(4 / 6))


def test_bins_without_decisions() -> None:
    found = reliability([0.9, 0.91], [True, False])
    assert found.counts.tolist() == [0] * 13 + [2, 0]
    assert np.isnan(found.confidence[0]) and np.isnan(found.accuracy[0])
    assert found.ece == pytest.approx(0.405)


def test_nothing() -> None:
    found = reliability([], [])
    assert found.n == 0 and np.isnan(found.ece) and np.isnan(found.right)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50),
    st.integers(1, 20),
)
def test_properties(decisions: list[tuple[float, bool]], bins: int) -> None:
    confidence, correct = (np.asarray(column) for column in zip(*decisions, strict=True))
    found = reliability(confidence, correct, bins)
    assert found.counts.sum() == len(decisions)
    # No binning is worse than none at all can be, and one bin is what all bins do on average.
    whole = abs(confidence.mean() - correct.mean())
    each = np.abs(confidence - correct).mean()
    assert whole - 1e-9 <= found.ece <= each + 1e-9
    for low, high, mean in zip(found.edges[:-1], found.edges[1:], found.confidence, strict=True):
        assert np.isnan(mean) or low - 1e-9 <= mean <= high + 1e-9


def test_calibrated_draws_have_a_small_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(20000)
    correct = rng.random(20000) < confidence
    assert reliability(confidence, correct).ece < 0.02
    assert reliability(confidence**0.5, correct).ece > 0.1


def test_errors() -> None:
    with pytest.raises(MTLError, match="as many confidences as decisions, got 2 and 1"):
        reliability([0.1, 0.2], [True])
    for wrong in (1.1, -0.1, float("nan")):
        with pytest.raises(MTLError, match="from 0 to 1"):
            reliability([wrong], [True])
    with pytest.raises(MTLError, match="at least one bin, got 0"):
        reliability([0.5], [True], bins=0)
