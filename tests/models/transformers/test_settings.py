"""Settings that no transformer can have are refused."""

from typing import Any

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.models.transformers.settings import POOLINGS, PRECISIONS, Settings, check

USUAL: dict[str, Any] = {
    "width": 16,
    "pooling": "mean",
    "layers": 1,
    "mix": False,
    "stacked": False,
    "window": 128,
    "overlap": 0,
    "shape_rows": 0,
    "batch": 512,
    "checkpointing": False,
}


def check_with(precision: str = "fp32", **settings: Any) -> None:
    check(Settings(**{**USUAL, **settings}), precision)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch": 1},
        {"shape_rows": 1},
        {"mix": True},
        {"layers": 3},
        {"layers": 3, "stacked": True},
        {"window": 8, "overlap": 3},
        *({"pooling": pooling} for pooling in POOLINGS),
        *({"precision": precision} for precision in PRECISIONS),
    ],
)
def test_settings_that_are_fine(settings: dict[str, Any]) -> None:
    check_with(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "last"}, "Expected `pooling` to be one of .*'first', .* got 'last'"),
        ({"precision": "fp16"}, "Expected `precision` to be one of .*'int8'.* got 'fp16'"),
        ({"layers": 0}, "Expected `layers` of at least 1, got 0"),
        ({"batch": 0}, "Expected `batch` of at least 1, got 0"),
        ({"shape_rows": -1}, "Expected `shape_rows` of at least 0, got -1"),
        ({"mix": True, "stacked": True}, "Expected `mix` or `stacked`, got both"),
        ({"mix": True, "layers": 2}, "Expected no `layers` beside `mix`.* got 2"),
        ({"window": 7}, "Expected a `window` of at least 8 pieces.* got 7 and 0"),
        ({"window": 8, "overlap": 4}, "`overlap` of less than half of it, got 8 and 4"),
        ({"overlap": -1}, "`overlap` of less than half of it, got 128 and -1"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(MTLError, match=message):
        check_with(**settings)
