"""The charts of numbers on a line or over an axis; `matrices.py` has those of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..comparison.results import COSTS, GAINS, NONE
from ..evaluation.calibration import Reliability
from ..wording import short
from .svg import INK, JOINT, MUTED, RULE, SINGLE, check_matplotlib, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told by their shape too: what gains points up, what costs points down.
_MARKERS = {GAINS: (JOINT, "^"), COSTS: (SINGLE, "v"), NONE: (MUTED, "o")}
_ROW = 30  # px
_DASHED = (0, (4, 2))


Bar = tuple[str, float, str]  # its name, its length, and the text behind it


@dataclass(frozen=True)
class Interval:
    """A value with its interval, and what it shows: see `Gain`."""

    name: str
    value: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Line:
    """A line over an axis. spread: half the length of the bar at each point.

    single: whether it is of the single-task systems, which are drawn dashed.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    spread: Sequence[float] = ()
    single: bool = False


@dataclass(frozen=True)
class Panel:
    """One of several drawings above each other, of several runs over the same steps.

    runs: of each, the steps and values; NaN for what there is not. from_zero: where the axis
    begins.
    """

    title: str
    runs: Sequence[tuple[Sequence[float], Sequence[float]]]
    percent: bool = False
    from_zero: bool = False


def intervals(name: str, rows: Sequence[Interval], xlabel: str) -> str:
    """Values with their intervals, below each other, and where zero is."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=MUTED, linewidth=1)
        for place, row in enumerate(rows):
            color, marker = _MARKERS[row.verdict]
            axes.plot([row.low, row.high], [place, place], color=color, linewidth=2.5)
            axes.plot([row.value], [place], color=color, marker=marker, markersize=8)
        axes.set_yticks(range(len(rows)), [short(row.name) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(xlabel)
        _horizontal(axes)

    return draw(name, paint, 62 + _ROW * len(rows))


def curves(name: str, lines: Sequence[Line], xlabel: str, ylabel: str) -> str:
    """Scores over the share of the training data; both in per cent."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for line in lines:
            axes.errorbar(
                line.x,
                line.y,
                yerr=line.spread or None,
                label=line.name,
                color=SINGLE if line.single else JOINT,
                linestyle=_DASHED if line.single else "-",
                marker="s" if line.single else "o",
                markersize=5,
                elinewidth=1.2,
                capsize=3,
            )
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.margins(x=0.06, y=0.12)
        axes.set_xticks(sorted({x for line in lines for x in line.x}))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=2)

    return draw(name, paint, 230)


def panels(name: str, drawn: Sequence[Panel]) -> str:
    """Panels below each other, over the steps of a training: the runs, and their mean."""

    def paint(figure: Figure) -> None:
        rows = figure.subplots(len(drawn), sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(rows, drawn, strict=True):
            _paint_runs(axes, panel)
            axes.set_title(panel.title, loc="left", color=INK)
            axes.grid(axis="y")
        rows[-1].set_xlabel("step")

    return draw(name, paint, 30 + 105 * len(drawn))


def reliability_diagram(name: str, found: Reliability) -> str:
    """Accuracy over confidence, with the diagonal on which both agree, and how many there are."""

    check_matplotlib()
    from matplotlib.ticker import MaxNLocator

    def paint(figure: Figure) -> None:
        above, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        width = found.edges[1] - found.edges[0]
        centers = 100 * (found.edges[:-1] + width / 2)
        above.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=_DASHED)
        above.bar(centers, 100 * found.accuracy, 92 * width, color=JOINT, alpha=0.3)
        seen = found.counts > 0
        places = 100 * found.confidence[seen], 100 * found.accuracy[seen]
        above.plot(*places, color=JOINT, marker="o", markersize=5, linewidth=1.5)
        above.set_ylabel("right, %")
        above.set_ylim(0, 104)
        above.grid(axis="y")
        below.bar(centers, found.counts, 92 * width, color=MUTED, alpha=0.6)
        below.set_ylabel("number")
        below.set_xlabel("confidence, %")
        below.set_xlim(0, 100)
        below.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
        figure.align_ylabels()

    return draw(name, paint, 290)


def bars(name: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """A few bars under each title, the first of them of the joint pipeline."""

    def paint(figure: Figure) -> None:
        rows = figure.subplots(len(groups), squeeze=False)[:, 0]
        for axes, (title, group) in zip(rows, groups, strict=True):
            for place, (_, length, text) in enumerate(group):
                color = SINGLE if place else JOINT
                hatch = {"hatch": "///", "fill": False} if place else {}
                axes.barh(place, length, 0.68, color=color, edgecolor=color, linewidth=1, **hatch)
                axes.annotate(
                    text, (length, place), (5, 0), textcoords="offset points", va="center"
                )
            axes.set_title(title, loc="left", color=INK)
            axes.set_yticks(range(len(group)), [short(bar[0], 20) for bar in group])
            axes.set_ylim(len(group) - 0.5, -0.5)
            axes.set_xlim(0, 1.3 * max(max(bar[1] for bar in group), 1e-9))
            axes.set_xticks([])
            axes.spines[["bottom", "left"]].set_visible(False)
            axes.tick_params(axis="y", length=0)

    return draw(name, paint, len(groups) * (34 + 24 * len(groups[0][1])))


def _paint_runs(axes: Axes, panel: Panel) -> None:
    """Each run as a thin line, and the mean as a thick one where they have the same steps."""
    from matplotlib.ticker import MaxNLocator

    scale = 100 if panel.percent else 1
    for steps, values in panel.runs:
        axes.plot(steps, [scale * v for v in values], color=JOINT, linewidth=1, alpha=0.45)
    if len({tuple(steps) for steps, _ in panel.runs}) == 1:
        columns = zip(*(values for _, values in panel.runs), strict=True)
        means = [scale * math.fsum(column) / len(column) for column in columns]
        axes.plot(panel.runs[0][0], means, color=JOINT, linewidth=2, marker="o", markersize=3.5)
    axes.margins(y=0.15)
    if panel.from_zero:
        known = [v for _, values in panel.runs for v in values if math.isfinite(v)]
        axes.set_ylim(0, 1.2 * max(known, default=1.0) or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))


def _horizontal(axes: Axes) -> None:
    """Rows of things, whose names need no axis."""
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE)
