"""Checkpoints on disk: folders of arrays (safetensors) and a document (JSON), whole or not at all.

Each has a file with the checksums of the others. No pickle is written or read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..digests import digest
from ..errors import MTLError
from ..files import write_folder_whole
from ..state import State

ARRAYS, DOCUMENT, CHECKSUMS = "arrays.safetensors", "state.json", "checksums.json"
_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}


@dataclass(frozen=True)
class Checkpoint:
    """What was written after so many steps: arrays by name, and what JSON can hold."""

    path: Path
    arrays: State
    document: dict[str, Any]


class Checkpoints:
    """The checkpoints of a training: one folder for each, in a folder of their own.

    keep: how many of the last are kept.
    """

    def __init__(self, folder: Path, keep: int = 3) -> None:
        if keep < 1:
            raise MTLError(f"Expected to keep 1 checkpoint or more, got {keep}.")
        self.folder = folder
        self.keep = keep

    def paths(self) -> list[Path]:
        """All, the oldest first, damaged ones among them."""
        return sorted(self.folder.glob("step-*"))

    def write(self, steps: int, arrays: State, document: Mapping[str, Any]) -> Path:
        """Write what is known after so many steps, and remove the oldest, and any that claim more.

        RAISES (MTLError): If it cannot be written; then all others are as they were.
        """
        path = self.folder / f"step-{steps:08}"
        write_folder_whole(path, lambda beside: _fill(beside, arrays, document))
        older = [other for other in self.paths() if other.name <= path.name]
        for other in self.paths():
            if other not in older[-self.keep :]:
                _remove(other)
        return path

    def latest(self) -> tuple[Checkpoint | None, list[str]]:
        """The last one that is not damaged, and what is wrong with those after it.

        None if there is none at all.
        RAISES (MTLError): If there are some, and all are damaged.
        """
        problems: list[str] = []
        for path in reversed(self.paths()):
            try:
                return read_checkpoint(path), problems
            except MTLError as error:
                problems.append(str(error))
        if problems:
            raise MTLError(
                f"Expected a checkpoint in {self.folder} that is not damaged, got none: "
                f"{' '.join(problems)} Begin anew with --overwrite."
            )
        return None, problems

    def clear(self) -> None:
        """Remove all, and what was left behind by runs that were killed while they wrote."""
        for path in [*self.paths(), *self.folder.glob(".step-*")]:
            _remove(path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    RAISES (MTLError): If it is damaged, with its name.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        checksums = json.loads((path / CHECKSUMS).read_text(encoding="utf-8"))
        for name in (ARRAYS, DOCUMENT):
            if digest([("", path / name)]) != checksums[name]:
                raise MTLError(f"{name} is not what was written.")
        document = json.loads((path / DOCUMENT).read_text(encoding="utf-8"))
        return Checkpoint(path, load_file(path / ARRAYS), document)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise MTLError(f"The checkpoint {path} is damaged: {error}") from error


def _fill(folder: Path, arrays: State, document: Mapping[str, Any]) -> None:
    _write_arrays(folder / ARRAYS, arrays)
    (folder / DOCUMENT).write_text(json.dumps(document, default=float), encoding="utf-8")
    checksums = {name: digest([("", folder / name)]) for name in (ARRAYS, DOCUMENT)}
    (folder / CHECKSUMS).write_text(json.dumps(checksums, indent=2), encoding="utf-8")


def _write_arrays(path: Path, arrays: State) -> None:
    """Write a safetensors file array by array: its own writer needs twice the memory of all."""
    header: dict[str, Any] = {}
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        kind = _DTYPES[array.dtype.name]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(_bytes(array))


def _bytes(array: NDArray) -> Any:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view("uint8").data


def _remove(path: Path) -> None:
    """Remove a folder; a kill meanwhile leaves none that looks like a checkpoint."""
    gone = path.with_name(f".{path.name.lstrip('.')}.gone")
    if path != gone:
        rmtree(gone, ignore_errors=True)
        path.rename(gone)
    rmtree(gone, ignore_errors=True)
