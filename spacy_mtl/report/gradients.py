"""The sections about how tasks stand to each other: conflict and affinity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..wording import NOTHING, number, percent, signed
from .content import Chart, Section, Table, row
from .material import Material, Row
from .matrices import heat_map

Matrix = NDArray[np.float64]
FULL = 0.5  # the cosine from which on a cell has its full colour


def conflict_section(material: Material) -> Section:
    """The mean cosines between the tasks' gradients in the joint trainings."""
    intro = [
        "Cosines between the gradients that two tasks send to the shared encoder, means over the "
        "joint trainings: negative where they pull against each other, around 0 where they have "
        "nothing to do with each other, positive where they pull alike. The colour is full from "
        f"{FULL:g} on."
    ]
    histories = material.histories(material.joint)
    charts, shares = [], []
    for n, component in enumerate(_components(material)):
        tasks = [t for t, info in material.results.tasks.items() if info.component == component]
        reports = [found for found in _reports(histories, component) if found.get("steps")]
        if not reports or len(tasks) < 2:
            continue
        cosines = mean_cosines(tasks, reports)
        steps = sum(found["steps"] for found in reports)
        share = sum(found["steps"] * found["conflict"] for found in reports) / steps
        title = component if len(_components(material)) > 1 else "Cosines between gradients"
        charts.append(_matrix_chart(f"figure-conflict-{n}", title, tasks, cosines))
        shares.append(
            f"In {percent(share, 0)} % of the {steps:,} measured steps of {component}, "
            f"{_negative_beside_chance(int(np.isfinite(cosines).sum()) // 2)}."
        )
        shares += _apart(tasks, cosines)
    if not charts:
        intro = [
            "The logs of the trainings have no measurements of conflict. There are some of tasks "
            "that have labels in the same batch and learn from the same output of an encoder."
        ]
    return Section("conflict", "Conflict between gradients", [*intro, *shares], charts)


def _apart(tasks: Sequence[str], cosines: Matrix) -> list[str]:
    """Which pairs cannot be compared, as a sentence if there are any."""
    pairs = [
        f"{tasks[j]} and {tasks[i]}"
        for i in range(len(tasks))
        for j in range(i)
        if np.isnan(cosines[i, j])
    ]
    if not pairs:
        return []
    return [
        f"Not measured of these pairs, which never have labels in the same batch or do not learn "
        f"from the same output of an encoder: {'; '.join(pairs)}."
    ]


def _negative_beside_chance(pairs: int) -> str:
    """Of many pairs, some are below 0 at almost every step without any conflict to speak of."""
    if pairs == 1:
        return "the cosine was negative; by chance alone, it is in 50 %"
    chance = percent(1 - 0.5**pairs, 0)
    return (
        "the cosine of at least one pair of tasks was negative; by chance alone, with "
        f"{pairs} pairs, that is so in up to {chance} %"
    )


def mean_cosines(tasks: Sequence[str], reports: Sequence[dict[str, Any]]) -> Matrix:
    """(n_tasks, n_tasks) means over what `ConflictMeter.report` gave, by its steps; NaN for a
    pair that was never measured, and on the diagonal."""
    n = len(tasks)
    means = np.full((n, n), np.nan)
    for i in range(n):
        for j in range(i):
            key = " ".join(sorted((tasks[i], tasks[j])))
            found = [(r["cosine"][key], r["steps"]) for r in reports if key in r["cosine"]]
            if found:
                values, steps = zip(*found, strict=True)
                means[i, j] = means[j, i] = np.average(values, weights=steps)
    return means


def affinity_section(material: Material) -> Section:
    """By how much a step for one task lowers the loss of another; in words if not measured."""
    title = "Affinity of tasks"
    if material.affinity is None:
        intro = [
            f"Not measured. `spacy mtl affinity {material.results.config} --output affinity` "
            "measures it; then give `--affinity affinity/affinity.json` to this report."
        ]
        return Section("affinity", title, intro)
    tasks = [str(task) for task in material.affinity["tasks"]]
    Z = 100 * np.asarray(material.affinity["affinity"], dtype="float64")
    intro = [
        "By how many per cent a step for the task of a row alone lowers the loss of the task of a "
        "column: negative where it raises it. What helps another task is worth training with it."
    ]
    name = "figure-affinity"
    largest = np.nanmax(np.abs(Z)) if np.isfinite(Z).any() else 1.0
    svg = heat_map(
        name, tasks, tasks, Z / max(largest, 1e-12), _texts(Z), "lowers the loss of", "a step for"
    )
    off = [(a, b) for a in range(len(tasks)) for b in range(len(tasks)) if a != b]
    said = "; ".join(f"{tasks[a]} on {tasks[b]} {_signed(Z[a, b])}" for a, b in off)
    chart = Chart(
        name,
        "Effect of a step, %",
        f"A step for one task lowers the loss of another by, in per cent: {said}.",
        svg,
        _matrix_table("A step for the row lowers the loss of the column by, %", tasks, Z),
    )
    return Section("affinity", title, intro, [chart])


def _components(material: Material) -> list[str]:
    return list(dict.fromkeys(info.component for info in material.results.tasks.values()))


def _reports(histories: Sequence[Sequence[Row]], component: str) -> Iterator[dict[str, Any]]:
    for rows in histories:
        for each in rows:
            yield each.get("conflict", {}).get(component, {})


def _matrix_chart(name: str, title: str, tasks: Sequence[str], cosines: Matrix) -> Chart:
    pairs = [(i, j) for i in range(len(tasks)) for j in range(i)]
    said = "; ".join(f"{tasks[j]} and {tasks[i]} {_signed(cosines[i, j])}" for i, j in pairs)
    return Chart(
        name,
        title,
        f"Mean cosines between the gradients: {said}.",
        heat_map(name, tasks, tasks, cosines / FULL, _texts(cosines), "", ""),
        _matrix_table("Mean cosines", tasks, cosines),
    )


def _matrix_table(caption: str, tasks: Sequence[str], matrix: Matrix) -> Table:
    rows = [
        row(task, *(number(value) for value in values))
        for task, values in zip(tasks, matrix.tolist(), strict=True)
    ]
    return Table(caption, ["", *tasks], rows)


def _texts(matrix: Matrix) -> Any:
    def text(i: int, j: int) -> str:
        return _signed(matrix[i, j])

    return text


def _signed(value: float) -> str:
    return NOTHING if np.isnan(value) else signed(value, 2)
