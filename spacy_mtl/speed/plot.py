"""A bar chart of how many words a second each system annotates."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MTLError
from ..files import write_whole
from .measure import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS = {
    "words_per_second_docs": ("from tokens", "#4878a8"),
    "words_per_second_text": ("from raw text", "#e0a03c"),
}

_HEIGHT = 0.36


def check_plot(path: Path) -> None:
    """Find out whether `write_plot` could write this file, before there is anything to plot.

    RAISES (MTLError): If matplotlib is not installed, or has no format of the file's suffix.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MTLError(
            "Expected matplotlib to draw with, but it is not installed. Install the extra "
            "`report`: pip install spacy-mtl[report]"
        ) from error
    formats = Figure().canvas.get_supported_filetypes()
    if path.suffix.lower().lstrip(".") not in formats:
        raise MTLError(
            f"Expected the name of an image that ends in one of {', '.join(formats)}, got {path}."
        )


def write_plot(report: Report, path: Path) -> None:
    """Draw words per second of each system, medians with whiskers from the least to the greatest
    round, from tokens and from raw text; the suffix tells the format.

    RAISES (MTLError): If matplotlib is missing, or the file cannot be written.
    """
    check_plot(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.6 + 0.8 * len(report.systems)), layout="constrained")
    axes = figure.subplots()
    for bar, figure_name in enumerate(BARS):
        _draw_bars(axes, bar, figure_name, report)
    _label(axes, report)
    figure.legend(loc="outside upper right", ncols=len(BARS), frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format=path.suffix.lower().lstrip("."), dpi=150)
    write_whole(path, image.getvalue())


def _draw_bars(axes: Axes, bar: int, figure_name: str, report: Report) -> None:
    """Draw one figure of every system, with whiskers, and the median's number behind them."""
    label, color = BARS[figure_name]
    summaries = [system.summary(figure_name) for system in report.systems]
    places = [system + (bar - 0.5) * (_HEIGHT + 0.03) for system in range(len(summaries))]
    medians = [one.median for one in summaries]
    below = [one.median - one.min for one in summaries]
    above = [one.max - one.median for one in summaries]
    whiskers = {"elinewidth": 1.2, "capsize": 3, "ecolor": "#333333"}
    axes.barh(
        places, medians, _HEIGHT, label=label, color=color, xerr=[below, above], error_kw=whiskers
    )
    for place, one in zip(places, summaries, strict=True):
        axes.annotate(
            f"{one.median:,.0f}",
            (one.max, place),
            (6, 0),
            textcoords="offset points",
            verticalalignment="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )


def _label(axes: Axes, report: Report) -> None:
    names = [_wrap(system.name) for system in report.systems]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    machine = report.environment["accelerator"] or report.environment["cpu"]
    axes.set_xlabel(
        "words per second, median; whiskers: slowest and fastest round\n"
        f"({report.data.name}, {machine}, threads: {report.settings.threads})"
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)


def _wrap(name: str) -> str:
    """The name in lines, of which each pipeline begins a new one."""
    parts = name.replace("+", "+\n").split("\n")
    return "\n".join(textwrap.fill(part, 32, break_on_hyphens=False) for part in parts)
