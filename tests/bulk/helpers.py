"""Texts, and calls at the places where a run changes files."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from pipeline.helpers import TEXTS

from spacy_mtl.bulk import Options, Summary, annotate_file

WORDS = " ".join(TEXTS).split()
# What changes a file or folder, of what Python's audit hooks tell.
EVENTS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate")


def texts(n: int, also: str = "", seed: int = 0) -> list[str]:
    """Different texts of known words, numbered, with a word that each has."""
    random = Random(seed)
    return [" ".join([*random.choices(WORDS, k=8), also, str(i)]).strip() for i in range(n)]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def annotate(model: Path, source: Path, output: Path, **options: Any) -> Summary:
    """Annotate, in small parts, what is there to be annotated."""
    settings = Options(**{"part_size": 4, **options})
    summary = annotate_file(str(model), str(source), str(output), settings)
    assert summary is not None
    return summary


def call_at_change(folder: Path, number: int, call: Callable[[], Any]) -> None:
    """From now on, call a function before the n-th time that this process changes the folder."""

    def is_it(event: str, args: Any) -> bool:
        return event in EVENTS and str(args[0]).startswith(str(folder))

    call_at(is_it, number, call)


def call_behind_two_parts(output: Path, call: Callable[[], Any]) -> None:
    """From now on, call a function when the output has a third part and the journal two."""
    journal = str(output.with_name(f"{output.name}.partial") / "journal.json")
    call_at(lambda event, args: event == "os.rename" and str(args[1]) == journal, 4, call)


def call_at(is_it: Callable[[str, Any], bool], number: int, call: Callable[[], Any]) -> None:
    """From now on, call a function before the n-th event of some kind."""
    left = number

    def hook(event: str, args: Any) -> None:
        nonlocal left
        if is_it(event, args):
            left -= 1
            if left == 0:
                call()

    sys.addaudithook(hook)  # for good, and so only for a process that ends
