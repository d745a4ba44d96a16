"""The section about confidences: whether of decisions with 80 %, 80 % are right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..evaluation.calibration import Reliability, reliability
from ..wording import NOTHING, counted, joined, percent
from .charts import reliability_diagram
from .content import Chart, Section, Table, row
from .judged import Judged
from .material import Material

BINS = 10


def calibration_section(material: Material) -> Section:
    """A diagram for each task whose confidences the predictions have."""
    intro = [
        "How sure the joint pipeline was of each entity, class and tag that it gave on the test "
        "documents, and how often it was right, over all seeds. Points below the dashed line are "
        "too sure, points above it not sure enough. The expected calibration error (ECE) is the "
        f"mean distance from the line, in percentage points, over {BINS} bins."
    ]
    charts, rows, without = [], [], []
    for n, name in enumerate(material.tasks):
        found = task_reliability(material.judged(material.joint, name))
        if found is None:
            without.append(name)
            continue
        alone = task_reliability(material.judged(material.results.single[name], name))
        charts.append(_chart(f"figure-calibration-{n}", name, found))
        rows.append(
            row(
                name,
                f"{found.n:,}",
                percent(mean_confidence(found)),
                percent(found.right),
                percent(found.ece),
                percent(alone.ece) if alone else NOTHING,
            )
        )
    if without:
        intro.append(f"The predictions do not say how sure they are of {joined(without)}.")
    header = ["Task", "Decisions", "Mean confidence", "Right", "ECE together", "ECE alone"]
    tables = [Table("Calibration, in per cent", header, rows)] if rows else []
    return Section("calibration", "Calibration", intro, charts, tables)


def task_reliability(seeds: Sequence[Judged], bins: int = BINS) -> Reliability | None:
    """Over the decisions of all seeds; None if it is not known how sure they are."""
    sure = np.concatenate([each.sure for each in seeds])
    right = np.concatenate([each.right for each in seeds])
    return reliability(np.clip(sure, 0.0, 1.0), right, bins) if len(sure) else None


def mean_confidence(found: Reliability) -> float:
    """Over all decisions."""
    return float(np.nansum(found.counts * found.confidence) / found.n)


def _chart(name: str, task: str, found: Reliability) -> Chart:
    rows = [
        row(
            f"{percent(low, 0)} to {percent(high, 0)}",
            f"{count:,}",
            percent(float(confidence)),
            percent(float(accuracy)),
        )
        for low, high, count, confidence, accuracy in zip(
            found.edges[:-1].tolist(),
            found.edges[1:].tolist(),
            found.counts.tolist(),
            found.confidence,
            found.accuracy,
            strict=True,
        )
        if count
    ]
    return Chart(
        name,
        task,
        f"Reliability diagram of {task}: {counted(found.n, 'decision')} with a mean confidence of "
        f"{percent(mean_confidence(found))} %, of which {percent(found.right)} % are right; the "
        f"expected calibration error is {percent(found.ece)} points.",
        reliability_diagram(name, found),
        Table(f"{task}, by confidence", ["Confidence, %", "Decisions", "Mean", "Right, %"], rows),
        f"ECE {percent(found.ece)} points",
    )
