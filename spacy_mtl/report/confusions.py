"""The sections about labels: which are taken for which, and the scores of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.f_score import Counts
from ..tasks.capable import Confused
from ..tasks.confusion import Confusion
from ..wording import counted, joined, percent, points, printable
from .content import Cell, Chart, Section, Table, row
from .judged import Judged
from .material import Material
from .matrices import heat_map

MOST = 12  # labels in a matrix
_LONG = 14  # rows of a table that is open


def confusion_section(material: Material) -> Section:
    """A matrix for each task whose units have one label each."""
    intro = [
        "Rows are what the test documents say, columns what the joint pipeline says, added up "
        "over the seeds. Blue is right, orange is wrong; the more of a row a cell has, the "
        "stronger it is. An entity with other borders counts as not found, and as one where there "
        "is none."
    ]
    charts: list[Chart] = []
    several: list[str] = []
    without: list[str] = []
    for n, (name, task) in enumerate(material.tasks.items()):
        found = total_confusion(material.judged(material.joint, name))
        if found is not None:
            charts.append(_chart(f"figure-confusion-{n}", name, found))
        else:
            (several if isinstance(task, Confused) else without).append(name)
    if several:
        intro.append(
            f"There is no matrix of {joined(several)}, where a unit can have several labels; see "
            "the scores of each label."
        )
    if without:
        intro.append(
            f"There is no matrix of {joined(without)}, which cannot say what is taken for what."
        )
    return Section("confusions", "Confusion matrices", intro, charts)


def total_confusion(seeds: Sequence[Judged]) -> Confusion | None:
    """Over all seeds; None for a task that has none."""
    found = [each.confusion for each in seeds if each.confusion is not None]
    return Confusion.added(found) if found else None


def most_confused(found: Confusion, most: int = MOST) -> tuple[Confusion, int]:
    """With those labels alone that occur, and of many those with the most mistakes; and how many
    labels that occur are left out."""
    names = list(dict.fromkeys([*found.rows, *found.columns]))
    wrong, any_ = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for place in np.ndindex(*found.counts.shape):
        pair = {found.rows[place[0]], found.columns[place[1]]}
        for label in pair:
            any_[label] += int(found.counts[place])
            wrong[label] += int(found.counts[place]) if len(pair) > 1 else 0
    there = [label for label in names if any_[label]]
    none = set(found.rows) ^ set(found.columns)  # what stands for none is always shown
    labels = [label for label in there if label not in none]
    ranked = sorted(labels, key=lambda x: (-wrong[x], -any_[x], x))[:most]
    kept = {*ranked, *none}.intersection(there)
    rows = [n for n, label in enumerate(found.rows) if label in kept]
    columns = [n for n, label in enumerate(found.columns) if label in kept]
    shown = Confusion(
        [found.rows[n] for n in rows],
        [found.columns[n] for n in columns],
        found.counts[np.ix_(rows, columns)],
    )
    return shown, len(there) - len(kept)


def label_section(material: Material) -> Section:
    """Precision, recall and F of each label, together and alone."""
    intro = [
        "Scores of each label in per cent, counted over all seeds; F alone is that of the "
        "single-task pipelines. Gold is how often the label is in the test documents."
    ]
    tables, without = [], []
    for name in material.tasks:
        together = label_counts(material.judged(material.joint, name))
        alone = label_counts(material.judged(material.results.single[name], name))
        if together is None or alone is None:
            without.append(name)
        else:
            n_seeds = len(material.results.full.seeds)
            tables.append(_label_table(name, n_seeds, together.per_label(), alone.per_label()))
    if without:
        intro.append(f"There is no table of {joined(without)}: the score is not one of labels.")
    return Section("labels", "Scores of each label", intro, tables=tables)


def label_counts(seeds: Sequence[Judged]) -> Counts | None:
    """What is right and wrong of each label, over all seeds; None for a task of which that is not
    known."""
    found: Any = [each.statistics for each in seeds if isinstance(each.statistics, Counts)]
    return Counts.concatenated(found) if found else None


def _chart(name: str, task: str, everything: Confusion) -> Chart:
    found, left_out = most_confused(everything)
    totals = found.counts.sum(axis=1, keepdims=True)
    same = np.asarray([[a == b for b in found.columns] for a in found.rows], dtype=bool)
    shares = np.where(same, 1, -1) * found.counts / np.maximum(totals, 1)
    # Roots, so that rare mistakes are seen.
    shares = np.sign(shares) * np.sqrt(np.abs(shares))

    def text(i: int, j: int) -> str:
        count = int(found.counts[i, j])
        return f"{count / 1000:.0f}k" if count >= 10_000 else str(count or "")

    note = ""
    if left_out:
        note = f"The labels with the most mistakes; {left_out} others are not shown."
    return Chart(
        name,
        task,
        _said(task, found, same),
        heat_map(name, *without_group(found), shares, text, "predicted", "gold"),
        Table(
            f"{task}: gold labels by predicted ones",
            ["Gold", *map(printable, found.columns)],
            [
                row(printable(label), *(f"{count:,}" for count in counts))
                for label, counts in zip(found.rows, found.counts.tolist(), strict=True)
            ],
        ),
        note,
    )


def without_group(found: Confusion) -> tuple[list[str], list[str]]:
    """The labels at both sides without the group's name that all have before a "="."""
    groups = {label.partition("=")[0] for label in found.rows if "=" in label}
    if len(groups) != 1 or any("=" not in label for label in (*found.rows, *found.columns)):
        return found.rows, found.columns
    rows, columns = ([x.partition("=")[2] for x in side] for side in (found.rows, found.columns))
    return rows, columns


def _said(task: str, found: Confusion, same: NDArray[np.bool_]) -> str:
    """How much is right, and the most frequent mistakes."""
    right, total = int(found.counts[same].sum()), int(found.counts.sum())
    wrong = sorted(
        (-int(found.counts[i, j]), found.rows[i], found.columns[j])
        for i, j in zip(*np.nonzero(~same & (found.counts > 0)), strict=True)
    )[:3]
    mistakes = [f"{gold} taken for {guess} {counted(-n, 'time')}" for n, gold, guess in wrong]
    worst = f" Most often wrong: {joined(mistakes)}." if mistakes else ""
    return f"Confusion matrix of {task}: {right:,} of {total:,} are right.{worst}"


def _label_table(
    name: str,
    n_seeds: int,
    together: dict[str, dict[str, float]],
    alone: dict[str, dict[str, float]],
) -> Table:
    labels = sorted({*together, *alone}, key=lambda x: (-_gold(x, together, alone), x))
    nothing = {"p": 0.0, "r": 0.0, "f": 0.0}
    rows = []
    for label in labels:
        a, b = together.get(label, nothing), alone.get(label, nothing)
        rows.append(
            row(
                printable(label),
                f"{_gold(label, together, alone) / n_seeds:,.0f}",
                percent(a["p"]),
                percent(a["r"]),
                Cell(percent(a["f"]), bar=a["f"]),
                percent(b["f"]),
                points(a["f"] - b["f"]),
            )
        )
    header = ["Label", "Gold", "Precision", "Recall", "F together", "F alone", "Difference"]
    caption = f"{name}: {counted(len(labels), 'label')}"
    return Table(caption, header, rows, folded=len(rows) > _LONG)


def _gold(label: str, *found: dict[str, dict[str, float]]) -> float:
    return max(each[label]["gold"] for each in found if label in each)
