"""Everything that a training is made of between two steps: what a checkpoint holds.

Arrays, by the parts below:

    parameters     values, gradients, what is frozen, buffers of PyTorch models
    optimizer      moments, averages, numbers of updates, rows of tables that lag behind
    component/X    of each component that is `Stateful`: balancer, losses, conflicts, scores, tasks
    batches        how many were drawn, the batcher's position or the random numbers it found
    before_update  of a callback that is `Stateful`: when the scores were made
    random         the generators of python, numpy and PyTorch

A document: `Progress`, the strings that the vocabulary got, the labels of spaCy's transition-based
components, and the scores of the last evaluation that are saved with the model. Schedules of the
optimizer and of dropout are not written: they are a function of the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from spacy.language import Language
from thinc.api import Optimizer, get_current_ops

from ..errors import MTLError
from ..optimizing.optimizer_state import load_optimizer_state, optimizer_state, step_schedules
from ..optimizing.parameter_state import (
    checked_parameters,
    load_parameter_state,
    on_host,
    parameter_state,
)
from ..state import State, Stateful, joined, part_of
from .batch_source import BatchSource
from .checkpoints import Checkpoint
from .random_states import load_random_states, random_states
from .transition_labels import OutputLayers, load_transition_labels, transition_labels


@dataclass
class Progress:
    """How far a training has come.

    steps: that are done. epoch: of the last step. words: of all batches. seconds: until now.
    losses: since the last evaluation, as components report them. results: score and step of each
    evaluation. metrics: those of `score_weights` that every evaluation has had; None before the
    first. rows: of each evaluation, what spaCy's console logger writes.
    """

    steps: int = 0
    epoch: int = 0
    words: int = 0
    seconds: float = 0.0
    losses: dict[str, Any] = field(default_factory=dict)
    results: list[tuple[float, int]] = field(default_factory=list)
    metrics: list[str] | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As JSON can hold it, exactly."""
        losses = {name: _as_json(value) for name, value in self.losses.items()}
        results = [(float(score), step) for score, step in self.results]
        own = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {**own, "losses": losses, "results": results}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Progress:
        """What `document` was made of."""
        progress = cls(**document)
        progress.losses = {n: _from_json(*value) for n, value in document["losses"].items()}
        progress.results = [(score, step) for score, step in document["results"]]
        return progress


@dataclass
class TrainState:
    """What changes while a pipeline is trained.

    dropouts: the values of the steps. known_strings: of the vocabulary before training.
    outputs: what may grow; it is to be told of each step.
    """

    nlp: Language
    optimizer: Optimizer
    batches: BatchSource
    dropouts: Iterator[float]
    before_update: Callable[[Language, dict[str, Any]], None] | None = None
    progress: Progress = field(default_factory=Progress)
    known_strings: set[str] = field(init=False)
    outputs: OutputLayers = field(init=False)

    def __post_init__(self) -> None:
        self.known_strings = set(self.nlp.vocab.strings)
        self.outputs = OutputLayers(self.nlp)

    def check(self) -> None:
        """RAISES (MTLError): If there is something that no checkpoint can hold."""
        checked_parameters(self.nlp)

    def arrays(self) -> State:
        """All arrays. Nothing is changed by that."""
        parameters = checked_parameters(self.nlp)
        parts = {
            "parameters": parameter_state(parameters),
            "optimizer": optimizer_state(self.optimizer, parameters, self.outputs.outgrown()),
            "batches": self.batches.state(),
            "random": random_states(),
        }
        parts.update((f"component/{name}", c.state()) for name, c in _stateful(self.nlp).items())
        if isinstance(self.before_update, Stateful):
            parts["before_update"] = self.before_update.state()
        return joined(parts)

    def document(self) -> dict[str, Any]:
        """All else."""
        return {
            "progress": self.progress.document(),
            "strings": sorted(set(self.nlp.vocab.strings) - self.known_strings),
            "transitions": transition_labels(self.nlp),
            "performance": self.nlp.meta.get("performance", {}),
        }

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint, with all as it is before the first step.

        RAISES (MTLError): If it is not one of this pipeline.
        """
        arrays, document = checkpoint.arrays, checkpoint.document
        for string in document["strings"]:
            self.nlp.vocab.strings.add(string)
        load_transition_labels(self.nlp, document["transitions"])
        self.outputs.note()
        self.nlp.meta["performance"] = document["performance"]
        self.progress = Progress.of(document["progress"])
        for _ in range(self.progress.steps):
            next(self.dropouts)
        self._load_model(arrays)
        if isinstance(self.before_update, Stateful):
            self.before_update.load_state(part_of(arrays, "before_update"))
        self.batches.load_state(part_of(arrays, "batches"))
        load_random_states(part_of(arrays, "random"))

    def _load_model(self, arrays: State) -> None:
        parameters = checked_parameters(self.nlp)
        load_parameter_state(parameters, part_of(arrays, "parameters"))
        step_schedules(self.optimizer, self.progress.steps)
        load_optimizer_state(self.optimizer, parameters, part_of(arrays, "optimizer"))
        for name, component in _stateful(self.nlp).items():
            component.load_state(part_of(arrays, f"component/{name}"))


def _stateful(nlp: Language) -> dict[str, Stateful]:
    components: list[tuple[str, Any]] = list(nlp.components)
    return {name: pipe for name, pipe in components if isinstance(pipe, Stateful)}


def _as_json(value: Any) -> tuple[str, Any]:
    """A number with its type, on which further sums depend."""
    if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        return "python", value
    host = on_host(value)
    if host.ndim:
        raise MTLError(f"Expected a number as a component's loss, got {value!r}.")
    library = "numpy" if isinstance(value, (np.generic, np.ndarray)) else "gpu"
    return f"{library}:{host.dtype.name}", host.item()


def _from_json(kind: str, value: Any) -> Any:
    library, _, dtype = kind.partition(":")
    if library == "python":
        return value
    number = np.dtype(dtype).type(value)
    return number if library == "numpy" else get_current_ops().asarray(number)
