"""Files of finished runs, a line of JSON for each."""

from __future__ import annotations

import hashlib
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


def fingerprint(config: Any) -> str:
    """A short hash of a config without its paths, which are others on another machine."""
    text = json.dumps(_without_paths(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _without_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_paths(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_paths(inner) for inner in value]
    return None if isinstance(value, str) and len(Path(value).parts) > 1 else value


def read_runs(path: Path, make: Callable[..., R]) -> dict[Any, R]:
    """The runs of a file by their keys; none if there is no file. make: of the fields of one."""
    lines = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    runs = [make(**json.loads(line)) for line in lines]
    return {run.key: run for run in runs}


def write_runs(runs: Mapping[Any, Any], path: Path) -> None:
    """Replace the file, with the runs in the order of their keys, without fields of None."""
    rows = [{k: v for k, v in vars(runs[key]).items() if v is not None} for key in sorted(runs)]
    lines = [json.dumps(row, separators=(",", ":")) for row in rows]
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())
