"""The section about the course of the training: each task's score, loss and weight."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .charts import Panel, panels
from .content import Chart, Section, Table, row
from .material import Material, Row
from .wording import counted, number, percent

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
        _chart(n, material.results.tasks[task].component, task, histories)
        for n, task in enumerate(material.results.tasks)
    ]
    return Section("training", "During training", intro, [chart for chart in charts if chart])


def _chart(n: int, component: str, task: str, histories: Sequence[list[Row]]) -> Chart | None:
    """None for a task that no row names, as those of an older log."""
    shown = {task, f"{component}.{task}"}  # the second where several components have the name
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
            percent=figure == "score",
            from_zero=figure != "score",
        )
        for figure, title in (("score", "dev score, %"), ("loss", "loss"), ("weight", "weight"))
    ]
    first, last = (
        [_mean([run[place] for run in found[figure] if run]) for figure in found]
        for place in (0, -1)
    )
    name = f"figure-training-{n}"
    scores = f"the dev score goes from {percent(first[0])} to {percent(last[0])} %"
    if not any(math.isfinite(value) for run in found["score"] for value in run):
        scores = "no dev score was measured"
    return Chart(
        name,
        task,
        f"{task}: from the first evaluation to the last, {scores}, the loss from "
        f"{number(first[1])} to "
        f"{number(last[1])}, the weight from {number(first[2])} to {number(last[2])}.",
        panels(name, drawn),
        _table(task, steps, found),
    )


def _figure(rows: Sequence[Row], shown: set[str], figure: str) -> list[float]:
    """A task's figure in each row, NaN where there is none."""
    values = []
    for each in rows:
        of_task = [each["tasks"][name] for name in shown if name in each["tasks"]]
        value = of_task[0].get(figure) if of_task else None
        values.append(math.nan if value is None else float(value))
    return values


def _table(task: str, steps: Sequence[list[int]], found: dict[str, list[list[float]]]) -> Table:
    """Means over the seeds at some of the steps, the last among them."""
    longest = max(steps, key=len)
    every = max(1, math.ceil(len(longest) / _MOST_ROWS))
    places = [n for n in range(len(longest)) if (len(longest) - 1 - n) % every == 0]
    rows = []
    for place in places:
        score, loss, weight = (
            _mean([run[place] for run in runs if place < len(run)]) for runs in found.values()
        )
        rows.append(row(f"{longest[place]:,}", percent(score), number(loss), number(weight)))
    return Table(f"{task}: means over the seeds", ["Step", "Dev score, %", "Loss", "Weight"], rows)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan
