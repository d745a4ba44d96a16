"""Every command on pipelines with foreign parts: a process of its own for each way to have them.

`python -m extension.session FOLDER [foreign.py]`: with the file as --code, or with the package
on the path. What the commands say is in FOLDER/said.json.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import catalogue
import pytest
from conftest import pytest_configure
from evaluation.in_process import train_in_process
from spacy.cli._util import app
from spacy.tokens import Doc, Token
from spacy.util import import_file, load_config, load_model_from_config, registry
from thinc.api import Config
from training.runs import Killed, killed_at
from typer.testing import CliRunner

from . import corpora

CODE = "python_code"  # what spaCy calls a module that is given as --code
CONFIG = Path(__file__).with_name("config.cfg")
STACKED = {"@architectures": "foreign.Stacked.v1", "lower": "tagger", "upper": ["distance", "ner"]}
Said = dict[str, dict[str, Any]]


class Session:
    """Runs commands and keeps what they say."""

    def __init__(self, code: str | None) -> None:
        self._code = code
        self.said: Said = {}

    def run(self, name: str, *arguments: str) -> None:
        """Call `spacy` with these arguments, and with --code where the parts come from a file."""
        given = [*arguments, *(["--code", self._code] if self._code else [])]
        started = time.perf_counter()
        with unknown_again():
            result = CliRunner().invoke(app, given)
        error = result.exception
        self.said[name] = {
            "exit_code": result.exit_code,
            "output": result.output,
            "seconds": time.perf_counter() - started,
            "killed": isinstance(error, Killed),
            "error": "".join(traceback.format_exception(error)[-6:]) if error else "",
        }


@contextmanager
def unknown_again() -> Iterator[None]:
    """Afterwards nothing of a file of code is known, so that the next command has to read it."""
    yield
    for key, value in list(catalogue.REGISTRY.items()):
        if getattr(value, "__module__", "") == CODE:
            del catalogue.REGISTRY[key]
    if sys.modules.pop(CODE, None) is None:
        return
    for owner, name in ((Token, "distance"), (Doc, "pairs")):
        if owner.has_extension(name):
            owner.remove_extension(name)


def prepare(folder: Path) -> None:
    """Corpora, and configs of two topologies."""
    corpora.write(folder / "data")
    config = load_config(CONFIG, {"paths.data": str(folder / "data")})
    model = config["components"]["multitask"]["model"]
    _write(config, folder / "config.cfg")
    config["components"]["multitask"]["model"] = {**STACKED, "tok2vec": model["tok2vec"]}
    _write(config, folder / "stacked.cfg")


def _write(config: Config, path: Path) -> None:
    """With all that `spacy init fill-config` adds."""
    load_model_from_config(config, auto_fill=True).config.to_disk(path)


def run_all(session: Session) -> None:
    run = session.run
    files = [f"data/{name}.spacy" for name in ("mentions", "names", "topics")]
    run("inspect", "mtl", "inspect", *files, "--dev", "data/dev.spacy")
    run("inspect bare", "mtl", "inspect", "data/bare.spacy")
    given = [part for file in files for part in ("--train", file)]
    run("init-config", "mtl", "init-config", "made.cfg", *given, "--dev", "data/dev.spacy")
    run("convert", "mtl", "convert", "data/labelled.jsonl", "converted.spacy")
    run("convert slashes", "mtl", "convert", "data/tagged.txt", "tagged.spacy", "-f", "slashes")
    run("spacy train", "train", "config.cfg", "--output", "stock")
    run("train", "mtl", "train", "config.cfg", "--output", "whole")
    again = ["mtl", "train", "config.cfg", "--output", "parts", "--checkpoint-steps", "2"]
    with killed_at(5):
        run("train killed", *again)
    run("train resumed", *again, "--resume")
    run("train stacked", "mtl", "train", "stacked.cfg", "--output", "stacked")
    stacked = ["mtl", "train", "stacked.cfg", "--output", "stacked parts"]
    with killed_at(7):
        run("train stacked killed", *stacked, "--checkpoint-steps", "3")
    run("train stacked resumed", *stacked, "--checkpoint-steps", "3", "--resume")
    short = ["--training.max_steps", "4", "--training.eval_frequency", "2"]
    run("affinity", "mtl", "affinity", "config.cfg", "-o", "affinity", "--every", "2", *short)
    with pytest.MonkeyPatch.context() as patch:
        train_in_process(patch)
        compared = ["--test", "data/test.spacy", "--output", "comparison", "--seeds", "1"]
        run("compare", "mtl", "compare", "config.cfg", *compared, *short)
    run("report", "mtl", "report", "comparison", "--affinity", "affinity/affinity.json")
    model, test = "pipeline", ["data/test.spacy"]
    copytree("whole/model-best", model)  # `card` writes into it
    run("card", "mtl", "card", model, "--test", *test, "--comparison", "comparison")
    run("calibrate", "mtl", "calibrate", model, *test, "--output", "calibrated")
    for suffix in ("jsonl", "parquet"):
        run(f"annotate {suffix}", "mtl", "annotate", model, "data/texts.jsonl", f"out.{suffix}")
    run("evaluate", "evaluate", model, *test, "--output", "scores.json")
    run("mtl evaluate", "mtl", "evaluate", model, *test)
    Path("packages").mkdir()  # which `spacy package` does not make
    run("package", "package", model, "packages", "--name", "foreign", "--build", "none")


def main(folder: Path, code: str | None) -> None:
    os.chdir(folder)
    pytest_configure()
    registry.cli.get_all()  # as `spacy` does, which puts `mtl` below it
    session = Session(code)
    with unknown_again():
        if code:
            import_file(CODE, code)
        prepare(folder)
    run_all(session)
    Path("said.json").write_text(json.dumps(session.said, indent=1), "utf8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:] or [None])
