"""What `spacy mtl calibrate --refuse` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wasabi import Printer

from ..evaluation.refusal import Doubts
from ._printing import print_table

HEADER = ("Task", "Above", "With a class", "Refused", "Without", "Refused", "AUROC")


def print_refused(path: Path, names: Sequence[str], found: Sequence[Doubts]) -> None:
    """What each task refuses of the documents of a file."""
    Printer().divider(f"Refused: {path}")
    print_table(HEADER, [_row(*pair) for pair in zip(names, found, strict=True)])


def _row(name: str, found: Doubts) -> tuple[str, ...]:
    row = [name, f"{found.task.refuse_above:.3f}"]
    for documents, share in zip((found.known, found.unknown), found.refused(), strict=True):
        row += [f"{len(documents):,}", f"{share:.1%}" if documents else "-"]
    return (*row, f"{found.auroc():.3f}" if found.known and found.unknown else "-")
