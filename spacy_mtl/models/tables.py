"""Gradients of tables of which a batch looks up few rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thinc.api import Model


def add_to_rows(model: Model, name: str, rows: Sequence[Any], gradient: Any) -> None:
    """Add to the gradient of a table, (n_rows, width), in some of its rows.

    rows: arrays of (n,) row numbers; gradient: (n, width), of the rows in each of them. Adding
    to the gradient that is there spares a table of zeros and its sum.
    """
    known = model.has_grad(name)
    table: Any = model.get_grad(name) if known else model.ops.alloc2f(*model.get_param(name).shape)
    for each in rows:
        model.ops.scatter_add(table, each, gradient)
    if not known:
        model.inc_grad(name, table)
