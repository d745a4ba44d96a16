"""A folder of annotated files in several formats, as the splits of one corpus."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import MTLError
from .formats import SUFFIXES, is_annotated

SPLITS = ("train", "dev", "test")

_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "devtest", "testa"), "dev"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "eval", "evaluation"), "dev"),
    **dict.fromkeys(("test", "tests", "testing", "testb", "heldout", "holdout"), "test"),
}
_TWO_WORDS = ("devtest", "heldout", "holdout", "testa", "testb")
# Names that look like those of held-out files, but are not.
_DOUBTFUL = {"validated", "trainval", "traindev"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ENDINGS = re.compile(r"(?<=.)(set|split|data)$")


class Split(NamedTuple):
    """Where a file belongs.

    name: "train", "dev" or "test".
    told_by: The name of the file or folder that says so, "" if nothing does.
    doubt: Why it may belong elsewhere, "" if nothing says so.
    """

    name: str
    told_by: str = ""
    doubt: str = ""


Convert = Callable[[Path, Path, Split], None]


def split_of(path: Path) -> Split:
    """The split that a file's folders and its name tell, else "train".

    The nearest folder whose name tells one goes first, then the file's own name. A name tells it
    by one of its words: "en_ewt-ud-dev.conllu" and "ValSet.csv" are dev, "reviews.csv" is train.

    path: Relative to the folder that is converted.
    """
    names = [*reversed(path.parts[:-1]), _own_name(path)]
    told = [(name, splits) for name in names if (splits := _splits_in(name))]
    if not told:
        doubtful = sorted({word for name in names for word in _words(name)} & _DOUBTFUL)
        return Split("train", doubt=f"it says {doubtful[0]!r}" if doubtful else "")
    name, (*_, split) = told[0]
    others = sorted({each for _, splits in told for each in splits} - {split})
    return Split(split, name, f"it says {' and '.join(others)} too" if others else "")


def _own_name(path: Path) -> str:
    """A file's name without the suffix of a format; in "eng.testa" the suffix is a part of it."""
    return path.stem if path.suffix.lower() in SUFFIXES else path.name


def convert_folder(
    folder: Path, output: Path, convert: Convert, of_one_format: bool = False
) -> None:
    """Convert each annotated file of a folder into the subfolders train, dev and test of `output`.

    Files in its subfolders are converted too. Readers take the subfolders of `output` as a whole.
    Files of other formats are passed over. Either all files are converted or `output` stays as
    it was.

    convert: makes a `.spacy` file, its second argument, of an annotated one, which belongs to the
        split that is the third.
    of_one_format: Whether the format is known, so that files with other suffixes are taken too if
        their own name tells a split, as "eng.testa" does.
    RAISES (MTLError): If there is no annotated file, or `output` has `.spacy` files that would
        not come from this folder.
    """
    placed = _placed(folder, output, of_one_format)
    _check_strangers(output, {output / target for _, target, _ in placed})
    staging = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        for source, target, split in placed:
            convert(source, staging / target, split)
        for _, target, _ in placed:
            (output / target).parent.mkdir(parents=True, exist_ok=True)
            (staging / target).replace(output / target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def passed_over(folder: Path, output: Path, of_one_format: bool = False) -> list[Path]:
    """The files that `convert_folder` passes over: they are in no format that we know, and no other
    file belongs to them."""
    others = [path for path in _files(folder, output) if not _is_wanted(path, of_one_format)]
    return [path for path in others if not _is_text_of_brat(path)]


def _is_wanted(path: Path, of_one_format: bool) -> bool:
    return is_annotated(path) or of_one_format and bool(_splits_in(_own_name(path)))


def _is_text_of_brat(path: Path) -> bool:
    return path.suffix == ".txt" and path.with_suffix(".ann").is_file()


def _placed(folder: Path, output: Path, of_one_format: bool) -> list[tuple[Path, Path, Split]]:
    """Each annotated file, the file to make of it within the output, and its split.

    A file keeps the folders above it, without the one that told its split where that leaves all
    names different.
    """
    files = [path for path in _files(folder, output) if _is_wanted(path, of_one_format)]
    if not files:
        raise MTLError(
            f"Expected files that end in {', '.join(SUFFIXES)} in {folder}, got none of them. With "
            "--format or --columns, files with train, dev or test in their names are read too."
        )
    sources = [path.relative_to(folder) for path in files]
    splits = [split_of(source) for source in sources]
    pairs = list(zip(sources, splits, strict=True))
    targets = [split.name / _shortened(source, split.told_by) for source, split in pairs]
    if len(set(targets)) < len(targets):
        targets = [split.name / source for source, split in pairs]
    renamed = [path.with_name(f"{path.stem}_{path.suffix[1:]}.spacy") for path in targets]
    return list(zip(files, renamed, splits, strict=True))


def _shortened(path: Path, name: str) -> Path:
    """The path without the last of its folders that has this name."""
    folders = list(path.parts[:-1])
    if name in folders:
        del folders[len(folders) - 1 - folders[::-1].index(name)]
    return Path(*folders, path.name)


def _files(folder: Path, output: Path) -> Iterator[Path]:
    """All files below a folder, sorted, through links too.

    Hidden folders and the system's files are left out, and the output's own folders, which may
    be below it.
    """
    seen = {os.path.realpath(output / split) for split in SPLITS} if output != folder else set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(parent, name)) not in seen
        )
        yield from (Path(parent, name) for name in sorted(names) if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    """Whether a file is the system's own, as macOS's "._x.csv" beside "x.csv" is."""
    return name.startswith("._") or (
        name.startswith(".") and Path(name).suffix.lower() not in SUFFIXES
    )


def _splits_in(name: str) -> list[str]:
    """The splits that the words of a name tell, in their order; two words may be one, "test-a"."""
    words = [_ENDINGS.sub("", word) for word in _words(name)]
    splits = []
    while words:
        word = words.pop(0)
        if words and word + words[0] in _TWO_WORDS:
            word += words.pop(0)
        if word in _NAMES:
            splits.append(_NAMES[word])
    return splits


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _check_strangers(output: Path, targets: set[Path]) -> None:
    """Readers would take them along: data of another folder, or of a file that was renamed."""
    found = {path for split in SPLITS for path in (output / split).rglob("*.spacy")}
    strangers = sorted(str(path) for path in found - targets)
    if strangers:
        raise MTLError(
            f"Expected in {output} only what comes from these files, got {', '.join(strangers)} "
            "too. Remove it, or name another folder."
        )
