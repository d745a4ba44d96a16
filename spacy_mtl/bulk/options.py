"""How to annotate, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import MTLError

PART_SIZE = 1000  # documents


@dataclass(frozen=True)
class Options:
    """How to annotate.

    input_format: one of jsonl, csv, parquet, text, spacy, or "auto": as the suffix tells.
    output_format: one of jsonl, parquet, spacy, or "auto": as the suffix tells; spacy in a folder.
    text_field: the field or column that holds the text.
    tokens: whether JSONL and Parquet have the tokens and what is said of each.
    resume: whether to go on with a run that was stopped.
    overwrite: whether to replace an output, or an unfinished run, that is there.
    processes: how many annotate.
    batch_size: documents in a batch, None for the pipeline's own.
    part_size: documents after which what is done is committed, and memory freed.
    gpu_id: the GPU, -1 for the CPU.
    code: a Python file to import before, with functions that the pipeline needs.
    progress: whether to show a bar, if stderr is a terminal.
    """

    input_format: str = "auto"
    output_format: str = "auto"
    text_field: str = "text"
    tokens: bool = True
    resume: bool = False
    overwrite: bool = False
    processes: int = 1
    batch_size: int | None = None
    part_size: int = PART_SIZE
    gpu_id: int = -1
    code: Path | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise MTLError("Expected to go on or to begin anew, got --resume and --overwrite.")
        for name in ("processes", "part_size", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise MTLError(f"Expected 1 or more as {name}, got {value}.")


DEFAULTS = Options()


@dataclass(frozen=True)
class Summary:
    """What became of the input.

    documents: annotated, in this run and in those that it went on with.
    failed: documents in the side file.
    words: tokens of the annotated documents.
    before: how many documents, failed ones included, were done when this run began.
    output: the file or folder with the annotated ones.
    errors: the side file, None if there is none.
    """

    documents: int
    failed: int
    words: int
    before: int
    output: Path
    errors: Path | None
