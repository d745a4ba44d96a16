"""The charts of matrices: a colour and a number in each cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..wording import short
from .svg import INK, JOINT, SINGLE, STRONGEST, WIDTH, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 30  # px
_LETTER = 6.5  # px, of the labels at the sides


def heat_map(
    name: str,
    rows: Sequence[str],
    columns: Sequence[str],
    shares: NDArray[np.float64],
    text: Callable[[int, int], str],
    xlabel: str,
    ylabel: str,
) -> str:
    """A matrix, blue where cells are positive and orange where they are negative.

    shares: (n_rows, n_columns) from -1 to 1, how strong the colour is; NaN for none.
    text: of each cell.
    """
    row_labels, column_labels = (
        [short(label, 14) for label in labels] for labels in (rows, columns)
    )
    side = _LETTER * max(map(len, row_labels)) + 34
    top = _LETTER * max(map(len, column_labels)) + 34
    cell = max(_CELL, min(56.0, (WIDTH - side) / len(columns)))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        _paint_cells(axes, shares, text)
        axes.set_xticks(range(len(columns)), column_labels, rotation=90)
        axes.set_yticks(range(len(rows)), row_labels)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xlabel(xlabel, labelpad=8)
        axes.set_ylabel(ylabel)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)

    return draw(name, paint, top + cell * len(rows), max(WIDTH, side + cell * len(columns)))


def _paint_cells(axes: Axes, shares: NDArray[np.float64], text: Callable[[int, int], str]) -> None:
    from matplotlib.patches import Rectangle

    for place in np.ndindex(*shares.shape):
        i, j = int(place[0]), int(place[1])
        share: Any = shares[i, j]
        if share and not np.isnan(share):
            color = JOINT if share > 0 else SINGLE
            opacity = STRONGEST * min(1.0, abs(float(share)))
            corner = (j - 0.47, i - 0.47)
            axes.add_patch(Rectangle(corner, 0.94, 0.94, color=color, alpha=opacity, linewidth=0))
        axes.text(j, i, text(i, j), ha="center", va="center", color=INK, fontsize=10)
