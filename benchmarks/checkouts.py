"""Two versions of the package on one machine: each in processes of its own, by their folders.

A checkout is a folder with `spacy_mtl/` and `setup.cfg`, such as `git worktree add ../first COMMIT`
makes. Its processes have its own entry points too, whatever version is installed.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from configparser import ConfigParser
from pathlib import Path
from subprocess import CompletedProcess, run
from typing import Annotated

import typer
from typer import Argument, Option

from .one_thread import THREAD_VARIABLES

DEMO = Path(__file__).parents[1] / "assets" / "demo"
Before = Annotated[
    Path, Argument(exists=True, file_okay=False, resolve_path=True, help="Checkout of one version")
]
After = Annotated[
    Path, Argument(exists=True, file_okay=False, resolve_path=True, help="That of the other")
]
Data = Annotated[
    Path,
    Option(
        exists=True,
        file_okay=False,
        resolve_path=True,
        help="Folder that `spacy mtl convert` takes, with classes sentiment and topic; or one of "
        ".spacy files, with train/, dev/ and test/",
    ),
]


class Checkout:
    """A version of the package, and the environment in which Python imports that one.

    name: for messages and the names of files.
    folder: the checkout.
    scratch: a folder to work in, where the entry points of the checkout are written.
    """

    def __init__(self, name: str, folder: Path, scratch: Path) -> None:
        if not (folder / "spacy_mtl").is_dir() or not (folder / "setup.cfg").is_file():
            raise typer.BadParameter(f"{folder} has no spacy_mtl/ and setup.cfg: no checkout")
        self.name = name
        self.folder = folder
        self.scratch = scratch
        self._known = scratch / f"entry_points_{name}"
        self._write_entry_points()
        self._check()

    def environment(self, threads: int = 1) -> dict[str, str]:
        """The variables of a process that imports this version and computes in so many threads."""
        path = os.pathsep.join([str(self._known), str(self.folder)])
        own = {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), **own}

    def spacy(self, *arguments: str | Path) -> None:
        """Run a command of spaCy's in the scratch folder; what it prints is shown if it fails."""
        done = self.python("-m", "spacy", *map(str, arguments))
        if done.returncode:
            typer.echo(f"{done.stdout}\n{done.stderr}", err=True)
            raise typer.Exit(done.returncode)

    def python(self, *arguments: str) -> CompletedProcess[str]:
        """In the scratch folder: Python takes modules from where it is started first."""
        command = [sys.executable, *arguments]
        return run(
            command, cwd=self.scratch, env=self.environment(), capture_output=True, text=True
        )

    def _check(self) -> None:
        """Whatever else is installed, it must be this version that is imported."""
        done = self.python("-c", "import spacy_mtl; print(spacy_mtl.__file__)")
        if Path(done.stdout.strip()).parents[1] != self.folder:
            raise typer.BadParameter(f"{self.folder} is not imported, but {done.stdout.strip()}")

    def _write_entry_points(self) -> None:
        """As installed, but read from setup.cfg: the first metadata on the path count."""
        setup = ConfigParser()
        setup.optionxform = str  # type: ignore[assignment,method-assign]
        setup.read(self.folder / "setup.cfg", encoding="utf8")
        version = runpy.run_path(str(self.folder / "spacy_mtl" / "_version.py"))["__version__"]
        info = self._known / f"spacy_mtl-{version}.dist-info"
        info.mkdir(parents=True)
        header = f"Metadata-Version: 2.1\nName: spacy-mtl\nVersion: {version}\n"
        (info / "METADATA").write_text(header, encoding="utf8")
        groups = setup["options.entry_points"].items()
        text = "\n\n".join(f"[{group}]\n{entries.strip()}" for group, entries in groups)
        (info / "entry_points.txt").write_text(text, encoding="utf8")


def prepare(first: Checkout, data: Path) -> Path:
    """The corpus as .spacy files and a config for it, both made by one version for both.

    Returns the config, beside which is `corpus` with train/, dev/ and test/. Paths in it are
    relative to the scratch folder.
    """
    corpus = first.scratch / "corpus"
    if any((data / "train").glob("*.spacy")):
        shutil.copytree(data, corpus)
    else:
        first.spacy("mtl", "convert", data, "corpus", "--cats-from", "sentiment,topic")
    config = "config.cfg"
    files = ("--train", "corpus/train", "--dev", "corpus/dev")
    first.spacy("mtl", "init-config", config, *files)
    return first.scratch / config
