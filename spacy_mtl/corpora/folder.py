"""A folder of annotated files in several formats, as the splits of one corpus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import MTLError
from .formats import SUFFIXES

_SPLITS = {"dev": "dev", "devel": "dev", "valid": "dev", "validation": "dev", "test": "test"}


def split_of(path: Path) -> str:
    """The split that a file's name tells: "dev" or "test" if a part of it says so, else "train".

    "en_ewt-ud-dev.conllu" is dev, "reviews.csv" is train.
    """
    for word in re.split(r"[^a-z]+", path.stem.lower()):
        if word in _SPLITS:
            return _SPLITS[word]
    return "train"


def conversions(folder: Path, output: Path) -> Iterator[tuple[Path, Path]]:
    """Each annotated file of a folder, and the `.spacy` file that it is to become.

    The `.spacy` files go to the subfolders train, dev and test of `output`, which readers take
    as a whole. Files of other formats, such as a README, are passed over.
    RAISES (MTLError): If there is no annotated file.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise MTLError(
            f"Expected files that end in {', '.join(SUFFIXES)} in {folder}, got none of them."
        )
    for path in files:
        name = f"{path.stem}_{path.suffix[1:]}.spacy"
        yield path, output / split_of(path) / name
