import json
import warnings

import numpy as np
import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.standardization import Standardization

VALUES = np.asarray([[1.0, 10.0], [3.0, np.nan], [np.nan, 30.0], [5.0, np.nan]])


@pytest.fixture
def fitted() -> Standardization:
    found = Standardization(["a", "b"])
    found.fit(VALUES, "task")
    return found


def test_mean_and_deviation_of_what_is_there(fitted):
    np.testing.assert_allclose(fitted.means, [3.0, 20.0])
    np.testing.assert_allclose(fitted.scales, [np.sqrt(8 / 3), 10.0])
    standard = fitted.standardized(VALUES)
    np.testing.assert_allclose(np.nanmean(standard, axis=0), [0, 0], atol=1e-12)
    np.testing.assert_allclose(np.nanstd(standard, axis=0), [1, 1])
    np.testing.assert_allclose(fitted.restored(standard), VALUES)
    assert fitted.restored(standard.astype("f")).dtype == np.float64


def test_before_it_is_fitted_nothing_changes():
    found = Standardization(["a", "b"])
    np.testing.assert_array_equal(found.standardized(VALUES), VALUES)
    assert found.state() == {}


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e300])
def test_values_that_are_all_the_same(value):
    found = Standardization(["a"])
    with pytest.warns(UserWarning, match="All examples with a value of 'a' have .* the task 'x'"):
        found.fit(np.full((3, 1), value), "x")
    assert found.scales.tolist() == [1.0]
    assert np.abs(found.standardized(np.full((3, 1), value))).max() <= 1e-9 * max(abs(value), 1)


def test_values_beyond_measure():
    found = Standardization(["a"])
    with pytest.raises(MTLError, match="have a mean and a standard deviation, got up to 1e.308"):
        found.fit(np.asarray([[1e308], [-1e308], [1e308]]), "x")


def test_state_is_json(fitted):
    other = Standardization(["a", "b"])
    other.load_state(json.loads(json.dumps(fitted.state())), "x")
    np.testing.assert_array_equal(other.means, fitted.means)
    np.testing.assert_array_equal(other.scales, fitted.scales)
    other.load_state({}, "x")
    assert other.state() == {}


@pytest.mark.parametrize(
    "state",
    [
        {"means": {"a": 1.0, "b": 1.0}},
        {"means": {"b": 1.0, "a": 1.0}, "scales": {"b": 1.0, "a": 1.0}},  # the head's order
        {"means": {"a": 1.0, "b": 1.0}, "scales": {"a": 1.0, "b": 0.0}},
        {"means": {"a": 1.0, "b": 1.0}, "scales": {"a": 1.0, "b": float("nan")}},
        {"means": {"a": 1.0, "b": "1"}, "scales": {"a": 1.0, "b": 1.0}},
        {"means": [1.0, 2.0], "scales": [1.0, 2.0]},
        {"means": {"a": 1.0, "b": 1.0}, "scales": {"a": 1.0, "b": 1.0}, "more": 1},
    ],
)
def test_a_wrong_state(state, fitted):
    before = fitted.state()
    with pytest.raises(MTLError, match="in the saved state of the task 'x'"):
        fitted.load_state(state, "x")
    assert fitted.state() == before


def test_fitting_warns_of_nothing_else():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Standardization(["a", "b"]).fit(VALUES, "x")
