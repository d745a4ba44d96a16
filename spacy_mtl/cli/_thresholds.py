"""What `spacy mtl calibrate` prints of the thresholds of labels."""

from __future__ import annotations

from pathlib import Path

from wasabi import Printer

from ..evaluation.thresholds import LabelDecisions
from ._printing import print_table

HEADER = ("Label", "Threshold", "Gold", "F", "-> F")


def print_thresholds(name: str, path: Path, found: LabelDecisions) -> None:
    """A task's labels that occur: the threshold of each, and F with the task's one and with it."""
    task = found.task
    one = found.counts(dict.fromkeys(found.labels, task.threshold))
    own = found.counts()
    before, after = one.per_label(), own.per_label()
    rows = []
    for label in found.labels:
        either = after.get(label) or before.get(label)
        if either is None:
            continue
        shown = [f"{side[label]['f']:.3f}" if label in side else "-" for side in (before, after)]
        rows.append((label, f"{task.label_thresholds[label]:.3f}", f"{either['gold']:,}", *shown))
    rows.append(("mean", "", "", f"{one.score():.3f}", f"{own.score():.3f}"))
    Printer().divider(f"{name}: thresholds, {path}")
    print_table(HEADER, rows)
