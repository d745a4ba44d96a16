import json

import numpy as np
import pytest

from spacy_mtl.affinity.lookahead import Measurement
from spacy_mtl.affinity.result import Affinity, Means, Period

NAN = np.nan


def measurement(affinity: list[list[float]], same: bool = True) -> Measurement:
    matrix = np.array(affinity)
    return Measurement(matrix / 2, matrix, np.full(matrix.shape, same))


def means(*found: Measurement) -> Means:
    total = Means(2)
    for each in found:
        total.add(each)
    return total


def test_means_pass_over_what_is_missing() -> None:
    total = means(
        measurement([[0.2, NAN], [0.1, 0.4]]),
        measurement([[0.4, NAN], [NAN, 0.4]], same=False),
    )
    np.testing.assert_allclose(total.affinity, [[0.3, NAN], [0.1, 0.4]])
    np.testing.assert_allclose(total.cosines, [[0.15, NAN], [0.05, 0.2]])
    assert total.count.tolist() == [[2, 0], [1, 2]]
    assert total.same_batch.tolist() == [[1, 0], [1, 1]]


def test_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=8)
    total = means(*(measurement([[float(v), NAN], [NAN, 1.0]]) for v in values))
    assert total.error[0, 0] == pytest.approx(values.std(ddof=1) / np.sqrt(8))
    assert np.isnan(total.error[0, 1]) and total.error[1, 1] == 0.0
    assert np.isnan(means(measurement([[1.0, 1.0], [1.0, 1.0]])).error).all()


def test_document() -> None:
    found = measurement([[0.2, NAN], [0.1, 0.4]])
    affinity = Affinity(["a", "b"], 30, 10, means(found, found), [Period(20, means(found))])
    document = json.loads(json.dumps(affinity.document(), allow_nan=False))
    assert document == {
        "version": 1,
        "tasks": ["a", "b"],
        "steps": 30,
        "every": 10,
        "cosines": [[0.1, None], [0.05, 0.2]],
        "affinity": [[0.2, None], [0.1, 0.4]],
        "affinity_error": document["affinity_error"],
        "counts": [[2, 0], [2, 2]],
        "same_batch": [[2, 0], [2, 2]],
        "trajectory": [
            {
                "step": 20,
                "cosines": [[0.1, None], [0.05, 0.2]],
                "affinity": [[0.2, None], [0.1, 0.4]],
            }
        ],
    }
    assert document["affinity_error"][0] == [pytest.approx(0.0, abs=1e-6), None]


def test_effects_are_those_beyond_the_noise() -> None:
    found = [measurement([[0.9, 0.1 + noise], [-0.2, 0.9]]) for noise in (0.01, -0.01, 0.0)] * 4
    clear = Affinity(["a", "b"], 30, 10, means(*found), [])
    assert [(i, j) for i, j, _ in clear.effects()] == [("a", "b"), ("b", "a")]
    assert clear.effects()[1][2] == pytest.approx(-0.2)
    assert Affinity(["a", "b"], 30, 10, means(*found[:9]), []).effects() == []
    loud = [measurement([[0.9, 0.1 + noise], [NAN, 0.9]]) for noise in (0.5, -0.5)] * 5
    assert Affinity(["a", "b"], 30, 10, means(*loud), []).effects() == []
