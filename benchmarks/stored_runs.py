"""Files of finished runs, a line of JSON for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from spacy_mtl.files import write_whole


class Keyed(Protocol):
    """A run that is found by its key."""

    @property
    def key(self) -> Any: ...


R = TypeVar("R", bound=Keyed)


def read_runs(path: Path, make: Callable[..., R]) -> dict[Any, R]:
    """The runs of a file by their keys; none if there is no file. make: of the fields of one."""
    lines = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    runs = [make(**json.loads(line)) for line in lines]
    return {run.key: run for run in runs}


def write_runs(runs: Mapping[Any, Any], path: Path) -> None:
    """Replace the file, with the runs in the order of their keys."""
    lines = [json.dumps(vars(runs[key]), separators=(",", ":")) for key in sorted(runs)]
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())
