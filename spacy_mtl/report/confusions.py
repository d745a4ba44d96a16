"""The sections about labels: which are taken for which, and the scores of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example

from ..metrics.f_score import UNSEEN, Counts
from ..tasks.base import Task
from ..tasks.capable import Measurable, labels_of
from ..tasks.ner import NER
from ..tasks.tagger import Tagger
from ..tasks.textcat import TextCat
from .content import Cell, Chart, Section, Table, row
from .material import Material
from .matrices import heat_map
from .wording import counted, joined, percent, points, printable

NOT_FOUND = "(not found)"
NO_ENTITY = "(no entity)"
NO_TAG = "(no tag)"
MOST = 12  # labels in a matrix
_LONG = 14  # rows of a table that is open


@dataclass(frozen=True)
class Confusion:
    """How often units of each gold label got each label.

    counts: (n_rows, n_columns), rows are gold labels, columns predicted ones.
    left_out: labels that are not shown, as they are confused less.
    """

    rows: list[str]
    columns: list[str]
    counts: NDArray[np.int64]
    left_out: int = 0


def confusion_section(material: Material) -> Section:
    """A matrix for each task whose units have one label each."""
    intro = [
        "Rows are what the test documents say, columns what the joint pipeline says, added up "
        "over the seeds. Blue is right, orange is wrong; the more of a row a cell has, the "
        "stronger it is. An entity with other borders counts as not found, and as one where there "
        "is none."
    ]
    charts, without = [], []
    for n, (name, task) in enumerate(material.tasks.items()):
        found = confusion(task, chain.from_iterable(material.examples(material.joint)))
        if found is None:
            without.append(name)
        else:
            charts.append(_chart(f"figure-confusion-{n}", name, most_confused(found)))
    if without:
        intro.append(
            f"There is no matrix of {joined(without)}, where a unit can have several labels; see "
            "the scores of each label."
        )
    return Section("confusions", "Confusion matrices", intro, charts)


def confusion(task: Task, examples: Iterable[Example]) -> Confusion | None:
    """Of all labels that a task has; None for one whose units can have several labels."""
    if isinstance(task, NER):
        return _of_spans(task, examples)
    if isinstance(task, Tagger):
        labels = [*task.labels, UNSEEN, NO_TAG]
        pairs = [task.gold_and_guess(example) for example in examples]
        gold, guess = (
            np.concatenate([np.zeros(0, "int64"), *side]) for side in zip(*pairs, strict=True)
        )
        guess = np.where(guess < 0, len(labels) - 1, guess)  # of white space
        found = _square(labels, gold[gold >= 0], guess[gold >= 0])
        return Confusion(labels[:-1], labels, found.counts[:-1])
    if isinstance(task, TextCat) and task.exclusive:
        classes = [
            [best_class(task, doc.cats) for doc in (example.reference, example.predicted)]
            for example in examples
            if task.is_scored(example)
        ]
        gold, guess = np.asarray(classes, dtype="int64").reshape(-1, 2).T
        return _square(list(task.labels), gold, guess)
    return None


def best_class(task: Task, cats: dict[str, float]) -> int:
    """The number of the label that scores highest, the first of equals."""
    return int(np.argmax([cats.get(label, 0.0) for label in labels_of(task)]))


def most_confused(found: Confusion, most: int = MOST) -> Confusion:
    """With those labels alone that occur, and of many those with the most mistakes."""
    names = list(dict.fromkeys([*found.rows, *found.columns]))
    wrong, any_ = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for place in np.ndindex(*found.counts.shape):
        pair = {found.rows[place[0]], found.columns[place[1]]}
        for label in pair:
            any_[label] += int(found.counts[place])
            wrong[label] += int(found.counts[place]) if len(pair) > 1 else 0
    there = [label for label in names if any_[label]]
    special = [label for label in there if label in (NOT_FOUND, NO_ENTITY, NO_TAG)]
    ranked = sorted(set(there) - set(special), key=lambda x: (-wrong[x], -any_[x], x))[:most]
    kept = {*ranked, *special}
    rows = [n for n, label in enumerate(found.rows) if label in kept]
    columns = [n for n, label in enumerate(found.columns) if label in kept]
    return Confusion(
        [found.rows[n] for n in rows],
        [found.columns[n] for n in columns],
        found.counts[np.ix_(rows, columns)],
        len(there) - len(kept),
    )


def label_section(material: Material) -> Section:
    """Precision, recall and F of each label, together and alone."""
    intro = [
        "Scores of each label in per cent, counted over all seeds; F alone is that of the "
        "single-task pipelines. Gold is how often the label is in the test documents."
    ]
    tables, without = [], []
    for name, task in material.tasks.items():
        together = label_counts(task, material.examples(material.joint))
        alone = label_counts(task, material.examples(material.results.single[name]))
        if together is None or alone is None:
            without.append(name)
        else:
            n_seeds = len(material.results.full.seeds)
            tables.append(_label_table(name, n_seeds, together.per_label(), alone.per_label()))
    if without:
        intro.append(f"There is no table of {joined(without)}: the score is not one of labels.")
    return Section("labels", "Scores of each label", intro, tables=tables)


def label_counts(task: Task, seeds: Iterable[Sequence[Example]]) -> Counts | None:
    """What is right and wrong of each label, over all seeds; None for a task of which that is not
    known."""
    if not isinstance(task, Measurable) or not isinstance(task.statistics([]), Counts):
        return None
    found: Any = [task.statistics(examples) for examples in seeds]
    return Counts.concatenated(found)


def _of_spans(task: NER, examples: Iterable[Example]) -> Confusion:
    labels = [*task.labels, UNSEEN]
    place = {label: number for number, label in enumerate(labels)}
    none = len(labels)
    counts = np.zeros((none + 1, none + 1), dtype="int64")
    for example in examples:
        gold, guess = (
            {(start, end): place.get(label, none - 1) for label, start, end in spans}
            for spans in task.scored_spans(example)
        )
        for borders in gold.keys() | guess.keys():
            counts[gold.get(borders, none), guess.get(borders, none)] += 1
    return Confusion([*labels, NO_ENTITY], [*labels, NOT_FOUND], counts)


def _square(labels: list[str], gold: NDArray[np.int64], guess: NDArray[np.int64]) -> Confusion:
    counts = np.zeros((len(labels), len(labels)), dtype="int64")
    np.add.at(counts, (gold, guess), 1)
    return Confusion(labels, labels, counts)


def _chart(name: str, task: str, found: Confusion) -> Chart:
    totals = found.counts.sum(axis=1, keepdims=True)
    same = np.asarray([[a == b for b in found.columns] for a in found.rows], dtype=bool)
    shares = np.where(same, 1, -1) * found.counts / np.maximum(totals, 1)
    # Roots, so that rare mistakes are seen.
    shares = np.sign(shares) * np.sqrt(np.abs(shares))

    def text(i: int, j: int) -> str:
        count = int(found.counts[i, j])
        return f"{count / 1000:.0f}k" if count >= 10_000 else str(count or "")

    note = ""
    if found.left_out:
        note = f"The labels with the most mistakes; {found.left_out} others are not shown."
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
