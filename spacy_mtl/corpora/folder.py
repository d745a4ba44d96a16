"""A folder of annotated files in several formats, as the splits of one corpus."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ..errors import MTLError
from .formats import SUFFIXES

Convert = Callable[[Path, Path], None]

_SPLITS = {"dev": "dev", "devel": "dev", "valid": "dev", "validation": "dev", "test": "test"}


def split_of(path: Path) -> str:
    """The split that a file's name tells: "dev" or "test" if a part of it says so, else "train".

    "en_ewt-ud-dev.conllu" is dev, "reviews.csv" is train.
    """
    for word in re.split(r"[^a-z]+", path.stem.lower()):
        if word in _SPLITS:
            return _SPLITS[word]
    return "train"


def convert_folder(folder: Path, output: Path, convert: Convert) -> None:
    """Convert each annotated file of a folder into the subfolders train, dev and test of `output`.

    Readers take these subfolders as a whole. Files of other formats are passed over. Either all
    files are converted or `output` stays as it was.

    convert: makes a `.spacy` file, its second argument, of an annotated one.
    RAISES (MTLError): If there is no annotated file, or `output` has `.spacy` files that would
        not come from this folder.
    """
    pairs = _pairs(folder, output)
    _check_strangers(output, {target for _, target in pairs})
    staging = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        for source, target in pairs:
            convert(source, staging / target.relative_to(output))
        for _, target in pairs:
            target.parent.mkdir(parents=True, exist_ok=True)
            (staging / target.relative_to(output)).replace(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def passed_over(folder: Path) -> list[Path]:
    """The files of a folder whose suffix tells no format, and that no other file belongs to."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    others = (path for path in files if path.suffix.lower() not in SUFFIXES)
    return [path for path in others if not _is_text_of_brat(path)]


def _is_text_of_brat(path: Path) -> bool:
    return path.suffix == ".txt" and path.with_suffix(".ann").is_file()


def _pairs(folder: Path, output: Path) -> list[tuple[Path, Path]]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise MTLError(
            f"Expected files that end in {', '.join(SUFFIXES)} in {folder}, got none of them."
        )
    names = {path: f"{path.stem}_{path.suffix[1:]}.spacy" for path in files}
    return [(path, output / split_of(path) / name) for path, name in names.items()]


def _check_strangers(output: Path, targets: set[Path]) -> None:
    """Readers would take them along: data of another folder, or of a file that was renamed."""
    splits = {"train", *_SPLITS.values()}
    found = {path for split in splits for path in (output / split).glob("*.spacy")}
    strangers = sorted(str(path) for path in found - targets)
    if strangers:
        raise MTLError(
            f"Expected in {output} only what comes from these files, got {', '.join(strangers)} "
            "too. Remove it, or name another folder."
        )
