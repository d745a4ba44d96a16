"""The section about the course of the training: each task's score, loss and weight."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..comparison.results import TaskInfo
from ..wording import counted, number, score
from .charts import Panel, panels
from .content import Chart, Section, Table, row
from .material import Material, Row

_MOST_ROWS = 12  # of the table beside a chart


def training_section(material: Material) -> Section:
    """Dev score, loss and weight of each task in the joint trainings."""
    histories = material.histories(material.joint)
    intro = [
        f"The joint pipeline with all of the data, {counted(len(histories), 'seed')}: the thin "
        "lines; the thick line is their mean. Scores are of the dev data, the loss is the mean "
        "over labelled tokens or documents before weighting, and the weight is the balancer's, "
        "where 1 is neutral."
    ]
    charts = [
        _chart(n, info, task, histories)
        for n, (task, info) in enumerate(material.results.tasks.items())
    ]
    return Section("training", "During training", intro, [chart for chart in charts if chart])


def _chart(n: int, info: TaskInfo, task: str, histories: Sequence[list[Row]]) -> Chart | None:
    """None for a task that no row names, as those of an older log."""
    shown = {task, f"{info.component}.{task}"}  # the second where several components have the name
    found = {
        figure: [_figure(rows, shown, figure) for rows in histories]
        for figure in ("score", "loss", "weight")
    }
    steps = [[int(row["step"]) for row in rows] for rows in histories]
    if not any(math.isfinite(value) for runs in found.values() for run in runs for value in run):
        return None
    drawn = [
        Panel(
            title,
            list(zip(steps, found[figure], strict=True)),
            percent=figure == "score" and info.is_share,
            from_zero=figure != "score",
        )
        for figure, title in (("score", _title(info)), ("loss", "loss"), ("weight", "weight"))
    ]
    first, last = (
        [_mean([run[place] for run in found[figure] if run]) for figure in found]
        for place in (0, -1)
    )
    name = f"figure-training-{n}"
    ends = [score(each[0], info.is_share) for each in (first, last)]
    scores = f"the dev score goes from {ends[0]} to {ends[1]}{' %' if info.is_share else ''}"
    if not any(math.isfinite(value) for run in found["score"] for value in run):
        scores = "no dev score was measured"
    return Chart(
        name,
        task,
        f"{task}: from the first evaluation to the last, {scores}, the loss from "
        f"{number(first[1])} to "
        f"{number(last[1])}, the weight from {number(first[2])} to {number(last[2])}.",
        panels(name, drawn),
        _table(task, info, steps, found),
    )


def _title(info: TaskInfo) -> str:
    """Of the main score on the dev data, which is at most 1, and of an error 1 / (1 + error)."""
    return "dev score, %" if info.is_share else "dev score"


def _figure(rows: Sequence[Row], shown: set[str], figure: str) -> list[float]:
    """A task's figure in each row, NaN where there is none."""
    values = []
    for each in rows:
        of_task = [each["tasks"][name] for name in shown if name in each["tasks"]]
        value = of_task[0].get(figure) if of_task else None
        values.append(math.nan if value is None else float(value))
    return values


def _table(
    task: str, info: TaskInfo, steps: Sequence[list[int]], found: dict[str, list[list[float]]]
) -> Table:
    """Means over the seeds at some of the steps, the last among them."""
    longest = max(steps, key=len)
    every = max(1, math.ceil(len(longest) / _MOST_ROWS))
    places = [n for n in range(len(longest)) if (len(longest) - 1 - n) % every == 0]
    rows = []
    for place in places:
        dev, loss, weight = (
            _mean([run[place] for run in runs if place < len(run)]) for runs in found.values()
        )
        figures = score(dev, info.is_share), number(loss), number(weight)
        rows.append(row(f"{longest[place]:,}", *figures))
    header = ["Step", _title(info).capitalize(), "Loss", "Weight"]
    return Table(f"{task}: means over the seeds", header, rows)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan
