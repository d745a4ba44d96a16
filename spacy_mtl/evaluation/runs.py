"""Train and score a configuration once: results are cached by what determines them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

from ..config_files import path_setting
from ..digests import digest
from ..errors import MTLError
from .sources import code_of, used_sources

RESULT = "result.json"
PREDICTIONS = "predictions.spacy"
SPEC = "run.json"
MODEL = "model"
LOG = "log.txt"
HISTORY = "training.jsonl"

# What in a config shows that it uses these packages.
_MARKS = {
    "spacy-transformers": ["spacy-transformers.", '"factory": "transformer"'],
    "torch": ["spacy_mtl.TransformerEncoder"],
    "transformers": ["spacy_mtl.TransformerEncoder"],
    "torchjd": ["spacy_mtl.Scalarization", "spacy_mtl.GramianWeighting"],
}


class RunError(MTLError):
    """A run's process failed; the message ends with the last lines of its log."""


Spawn = Callable[["Run", Path, int, bool], None]  # see `spawn`


@dataclass(frozen=True)
class Run:
    """One configuration to train with one seed and to score on one test file.

    name: what people call it; it is not part of the key.
    config: the complete training config, as nested plain values.
    test: a `.spacy` file or a folder of them, scored on its own tokens with the best checkpoint.
    code: a Python file with registered functions, imported before.
    """

    name: str
    config: dict[str, Any]
    seed: int
    test: str
    code: str | None = None

    def key(self) -> str:
        """The hash of everything that determines the result, the versions of packages too."""
        return _hash({**self._given(), "versions": _versions(json.dumps(self.config))})

    def given(self) -> str:
        """The hash of what is given: config, data, seed, and code file, whatever the versions."""
        return _hash(self._given())

    def _given(self) -> dict[str, Any]:
        """Paths count by the content of the files, so that a moved corpus stays a hit."""
        parts = {
            "config": _by_content(self.config),
            "test": _content_hash(Path(self.test)),
            "seed": self.seed,
        }
        if self.code is not None:
            parts["code"] = _content_hash(Path(self.code))
        return parts


@dataclass(frozen=True)
class Result:
    """What a run yielded: test `scores`, and the folder with log and predictions.

    words_per_second: of prediction, on the test documents. bytes: of the saved pipeline.
    history: the rows of the training log, see `spacy_mtl.training.log.logger`.
    """

    name: str
    seed: int
    scores: dict[str, Any]
    train_seconds: float
    words_per_second: float
    bytes: int
    history: list[dict[str, Any]]
    folder: Path

    @property
    def predictions(self) -> Path:
        """The annotated test documents, a `.spacy` file in the test file's order."""
        return self.folder / PREDICTIONS

    @property
    def model(self) -> Path:
        """The pipeline that was best on the development data, if it was kept."""
        return self.folder / MODEL


def execute(
    runs: Iterable[Run],
    cache: Path,
    *,
    jobs: int = 1,
    threads: int = 1,
    keep_models: bool = False,
    on_start: Callable[[Run, Path], None] | None = None,
    on_done: Callable[[Run, Result], None] | None = None,
    carry_out: Spawn | None = None,
) -> list[Result]:
    """Carry out those `runs` that the cache does not hold, each in a process of its own.

    jobs: how many at once; threads: of linear algebra in each. A killed call continues
    where it stopped, as finished runs are found in the cache; of equal runs, one is trained.
    keep_models: keep the trained pipelines too; a run that was finished without is repeated.
    on_start: called with the folder of a run that has to be trained. on_done: of every run.
    Both are called by several threads. carry_out: in place of `spawn`.
    RAISES (RunError): After all the others are done, if one of them failed.
    """
    path_setting(cache)  # where the log is, as a setting of the logger
    runs = list(runs)
    keys = [run.key() for run in runs]
    locks = {key: Lock() for key in keys}

    def start(run: Run, folder: Path) -> None:
        if (folder / (MODEL if keep_models else RESULT)).exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        (folder / HISTORY).unlink(missing_ok=True)
        if on_start is not None:
            on_start(run, folder)
        (folder / SPEC).write_text(json.dumps(vars(run)), encoding="utf8")
        (carry_out or spawn)(run, folder, threads, keep_models)

    def one(run: Run, key: str) -> Result | RunError:
        try:
            with locks[key]:
                start(run, cache / key)
                result = _result(run, cache / key)
        except RunError as error:
            return error
        if on_done is not None:
            on_done(run, result)
        return result

    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        outcomes = list(pool.map(one, runs, keys))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a signal waits for no run
    results = []
    for outcome in outcomes:
        if isinstance(outcome, RunError):
            raise outcome
        results.append(outcome)
    return results


def _result(run: Run, folder: Path) -> Result:
    stored = json.loads((folder / RESULT).read_text(encoding="utf8"))
    return Result(
        name=run.name,
        seed=run.seed,
        scores=stored["scores"],
        train_seconds=stored["train_seconds"],
        words_per_second=stored.get("words_per_second", 0.0),
        bytes=stored.get("bytes", 0),
        history=stored["history"],
        folder=folder,
    )


def spawn(run: Run, folder: Path, threads: int, keep_model: bool) -> None:
    """Carry out the run whose folder this is, in a process.

    RAISES (RunError): If the process fails.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
    env = {**os.environ, **{name: str(threads) for name in names}}
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    with (folder / LOG).open("w", encoding="utf8") as log:
        command = [sys.executable, "-m", "spacy_mtl.evaluation.worker", str(folder)]
        command += ["--keep-model"] if keep_model else []
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=env
        )
        code = process.wait()  # the pipe stays open: the worker ends when it closes
    if code != 0:
        tail = (folder / LOG).read_text(encoding="utf8", errors="replace")[-2000:]
        raise RunError(
            f"Run '{run.name}' (seed {run.seed}) ended with exit code {code}. "
            f"Its log is {folder / LOG}; the end of it:\n{tail}"
        )


def _hash(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _versions(config: str) -> dict[str, str]:
    """The versions of what the config uses; of this package the code, as it is at hand."""
    found = {"spacy": version("spacy"), "thinc": version("thinc")}
    for package, marks in _MARKS.items():
        if any(mark in config for mark in marks):
            found[package] = version(package)
    for module, path in used_sources(config).items():
        found[module] = hashlib.sha256(code_of(path).encode()).hexdigest()
    return found


def _by_content(value: Any, key: str = "") -> Any:
    """The value with the files and folders that it names replaced by a hash of their content."""
    if isinstance(value, dict):
        return {name: _by_content(inner, name) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_by_content(inner) for inner in value]
    return _content_hash(Path(value)) if isinstance(value, str) and _is_path(value, key) else value


def _is_path(text: str, key: str) -> bool:
    """Whether a setting names a file or folder; a word could by chance be the name of a folder."""
    if not text or len(text) > 1023 or "\0" in text:
        return False
    path = Path(text)
    return path.is_file() or ((os.sep in text or key == "path") and path.is_dir())


def _content_hash(path: Path) -> str:
    return digest((_label(file, path), file) for file in _files(path))


def _label(file: Path, folder: Path) -> str:
    if file == folder:
        return ""
    return f"{file.relative_to(folder).as_posix()} {file.stat().st_size}\n"


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
    else:
        yield path
