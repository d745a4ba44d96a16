"""What a report is made from: the results, the runs, and the test documents of a comparison."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..comparison.results import Results, SystemResult
from ..corpora.coverage import files_of
from ..corpora.stored import stored_docs
from ..errors import MTLError, one_line
from ..evaluation.runs import PREDICTIONS, RESULT, SPEC
from ..languages import blank
from ..registry import registry
from ..tasks.base import Task
from ..tasks.capable import Labelled
from .judged import Judged, judge

AFFINITY = "affinity.json"
_MATRICES = ("cosines", "affinity")

Row = dict[str, Any]


@dataclass(frozen=True)
class Material:
    """A comparison, with what its runs have written.

    tasks: as the joint config has them, with their labels. gold: the test documents.
    affinity: the document that `spacy mtl affinity` writes, if there is one.
    """

    folder: Path
    results: Results
    nlp: Language
    tasks: dict[str, Task]
    gold: list[Doc]
    affinity: dict[str, Any] | None = None
    _judged: dict[str, list[dict[str, Judged]]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    @property
    def joint(self) -> str:
        """The joint system of the config."""
        return self.results.joint[0]

    @property
    def direction(self) -> str:
        """In which the language is written: "ltr" or "rtl"."""
        return str(self.nlp.vocab.writing_system.get("direction", "ltr"))

    def system(self, name: str) -> SystemResult:
        """With the largest part of the data."""
        return self.results.full.systems[name]

    def judged(self, system: str, task: str) -> list[Judged]:
        """What one of a system's tasks did with each seed, with the largest part of the data.

        Each run's predictions are read once, for all its tasks, and not kept. Spans are those of
        the joint system's first seed alone.
        RAISES (MTLError): If the predictions are not of these test documents.
        """
        if system not in self._judged:
            runs = self.system(system).runs
            self._judged[system] = [self._judge(system, run) for run in runs]
        return [tasks[task] for tasks in self._judged[system]]

    def examples(self, run: str) -> list[Example]:
        """The documents as a run predicted them, beside the gold ones.

        RAISES (MTLError): If the predictions are not of these test documents.
        """
        path = self.folder / run / PREDICTIONS
        docs = list(stored_docs(path, self.nlp.vocab))
        same = len(docs) == len(self.gold) and all(
            [token.text for token in doc] == [token.text for token in gold]
            for doc, gold in zip(docs, self.gold, strict=True)
        )
        if not same:
            raise MTLError(
                f"Expected the test documents that {path} has predictions for, got others in "
                f"{self.results.test}. Name the right ones with --test."
            )
        return [Example(doc, gold) for doc, gold in zip(docs, self.gold, strict=True)]

    def histories(self, system: str) -> list[list[Row]]:
        """The rows of the training log of each seed, with the largest part of the data."""
        return [_history(self.folder / run / RESULT) for run in self.system(system).runs]

    def _judge(self, system: str, run: str) -> dict[str, Judged]:
        """All tasks of the system, from one reading of the run's predictions."""
        examples = self.examples(run)
        is_joint = system in self.results.joint
        is_shown = run == self.system(self.joint).runs[0]
        return {
            name: judge(task, examples, with_spans=is_shown)
            for name, task in self.tasks.items()
            if is_joint or self.results.single[name] == system
        }


def gather(folder: Path, test: Path | None = None, affinity: Path | None = None) -> Material:
    """Read what `spacy mtl compare` has written to a folder.

    test: where the test documents are, if they have moved. affinity: the file of
    `spacy mtl affinity`; None for `affinity.json` in the folder, if there is one.
    RAISES (MTLError): If something is missing or damaged.
    """
    results = Results.load(folder)
    config = _config(folder / results.full.systems[results.joint[0]].runs[0] / SPEC)
    try:
        nlp = blank(config["nlp"]["lang"])
        tasks = {name: _task(config, results, name) for name in results.tasks}
        for task in tasks.values():
            task.meet(tasks)
    except MTLError:
        raise
    except Exception as error:  # of the registry and of functions of others
        raise MTLError(
            "Expected the tasks of the comparison's config to be there to be made again, got: "
            f"{one_line(error)}. If they are code of yours, give it with --code."
        ) from error
    place = Path(results.test) if test is None else test
    if not place.exists():
        raise MTLError(
            f"Expected the test documents in {place}, where they were at the comparison, got "
            "nothing there. Say where they are with --test."
        )
    gold = [doc for file in files_of([place]) for doc in stored_docs(file, nlp.vocab)]
    path = folder / AFFINITY if affinity is None else affinity
    measured = None
    try:
        if affinity is not None or path.exists():
            measured = _affinity(path, results.tasks)
    except MTLError as error:
        if affinity is not None:
            raise
        warnings.warn(f"{error} This page does without it.", stacklevel=2)
    return Material(folder, results, nlp, tasks, gold, measured)


def _config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MTLError(
            f"Expected the description of a run in {path}, got: {one_line(error)}. Keep the "
            "folder `runs` beside results.json."
        ) from error
    return config


def _task(config: dict[str, Any], results: Results, name: str) -> Task:
    info = results.tasks[name]
    block = config["components"][info.component]["tasks"][name]
    task: Task = registry.resolve({"task": block})["task"]
    task.name = name
    if isinstance(task, Labelled):
        task.set_labels(info.labels)
    return task


def _history(path: Path) -> list[Row]:
    try:
        history: list[Row] = json.loads(path.read_text(encoding="utf-8"))["history"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MTLError(
            f"Expected the result of a run in {path}, got: {one_line(error)}. Run "
            "`spacy mtl compare` again with this folder as --output."
        ) from error
    return history


def _affinity(path: Path, compared: Collection[str]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        n = len(found["tasks"])
        if any(np.asarray(found[name], dtype="float64").shape != (n, n) for name in _MATRICES):
            raise ValueError(f"no matrices of {n} tasks")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MTLError(
            f"Expected what `spacy mtl affinity` writes in {path}, got: {one_line(error)}."
        ) from error
    if other := [str(task) for task in found["tasks"] if task not in compared]:
        raise MTLError(
            f"Expected in {path} the affinity of the tasks compared ({', '.join(compared)}), got "
            f"that of {', '.join(other)}. Name the one of this config with --affinity."
        )
    return found
