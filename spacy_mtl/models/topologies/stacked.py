"""Stacked tasks: later ones stand on deeper layers, and see what earlier ones have found."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ...errors import MTLError
from ..encoding import Encoder
from ..packed import Packed
from ..shown import label_embedding, resized_labels, set_labels, show
from .base import (
    FIRST,
    Ran,
    Represented,
    Sharing,
    add_part,
    encode,
    encoders,
    head_of,
    run_head,
    summed,
    topology,
)
from .stages import Configured, Stage, initialize_stages, run_stage
from .towers import copied


def Stacked(
    tok2vec: Encoder,
    sees: dict[str, list[str]],
    encode: Stage | None = None,
    stop_gradient: bool = False,
) -> Sharing:
    """Later tasks see, beside the vectors, what earlier ones make of the same text.

    The probabilities that an earlier task gives each label, of a token or of the document, are
    multiplied with a learned embedding of the labels and added to the vectors of the later one, in
    training and in prediction (Hashimoto et al. 2017, https://aclanthology.org/D17-1206; Sanh et
    al. 2019, https://arxiv.org/abs/1811.06031; for intents and slots Qin et al. 2019,
    https://aclanthology.org/D19-1214). Embeddings begin at zero, so that training begins as with
    hard sharing. An active task runs those that it sees, without writing what they find.

    tok2vec: as for `HardSharing`; tasks that see none of the others stand on it.
    sees: by task, the earlier ones that it sees; it stands on the vectors of the last of these.
        Of a task that the component is without, nothing is seen.
    encode: a layer from vectors to vectors of the same width, of which each task that sees others
        has a copy above these; none for no deeper layers.
    stop_gradient: the later tasks' gradients do not go into the heads of those that they see;
        into the layers below they go all the same.
    RAISES (MTLError): If tasks see each other in a circle.
    """
    order = _ordered(sees)
    names = {*sees, *(other for others in sees.values() for other in others)}
    model = topology(
        "stacked",
        partial(_represent, stop_gradient=stop_gradient),
        {FIRST: tok2vec},
        tasks=sorted(names),
        grow=_grow,
        init_parts=_initialize,
        resized=_resized,
    )
    model.attrs["sees"] = {t: list(dict.fromkeys(sees[t])) for t in order if sees.get(t)}
    if encode is not None:
        model.attrs["configured"] = Configured(encode)
    return model


def _ordered(sees: Mapping[str, Sequence[str]]) -> list[str]:
    """The tasks, each behind those that it sees."""
    ordered: list[str] = []

    def add(task: str, path: tuple[str, ...]) -> None:
        if task in path:
            circle = " -> ".join([*path[path.index(task) :], task])
            raise MTLError(
                f"Expected tasks in `sees` that do not see each other, got {circle}. Take one of "
                "these out."
            )
        for other in sees.get(task, ()):
            add(other, (*path, task))
        if task not in ordered:
            ordered.append(task)

    for task in sees:
        add(task, ())
    return ordered


def _grow(model: Sharing, heads: Mapping[str, Model]) -> None:
    configured = model.attrs.pop("configured", None)
    sees = {
        task: there
        for task, others in model.attrs["sees"].items()
        if task in heads and (there := [other for other in others if other in heads])
    }
    model.attrs["stands"] = sees
    for task, others in sees.items():
        learning = [task, *_above(sees, task)]
        if configured is not None:
            add_part(model, _layer(task), copied(configured.layer), learning)
        for other in others:
            add_part(model, _labels(other, task), label_embedding(), learning)


def _above(sees: Mapping[str, Sequence[str]], task: str) -> list[str]:
    """The tasks that see this one, near or far."""
    standing = [upper for upper, others in sees.items() if task in others]
    return [*standing, *(far for near in standing for far in _above(sees, near))]


def _layer(task: str) -> str:
    return f"layer_{task}"


def _labels(seen: str, task: str) -> str:
    return f"labels_{seen}_{task}"


def _initialize(model: Sharing, docs: list[Doc]) -> None:
    layers = [model.get_ref(_layer(t)) for t in model.attrs["stands"] if model.has_ref(_layer(t))]
    initialize_stages(model, docs, layers, "`encode` of spacy_mtl.Stacked.v1")
    for upper, others in model.attrs["stands"].items():
        for other in others:
            labels = model.get_ref(_labels(other, upper))
            if labels.has_param("E"):  # of a training before
                labels.set_param("E", labels.ops.alloc2f(*labels.get_param("E").shape))


def _resized(model: Sharing, task: str, old: list[str], new: list[str]) -> None:
    for upper, others in model.attrs["stands"].items():
        labels = model.get_ref(_labels(task, upper)) if task in others else None
        if labels is not None and labels.has_param("E"):
            model.replace_node(labels, resized_labels(labels, old, new))


class _Run:
    """A batch on its way up through the tasks, and its gradients on their way down.

    levels: by task, what its head gets. ran: the heads of tasks that others see.
    """

    def __init__(self, model: Sharing, docs: list[Doc], is_train: bool) -> None:
        self._model = model
        self._is_train = is_train
        self._sees: dict[str, list[str]] = model.attrs["stands"]
        self._below, self._bp_encode = encode(encoders(model)[FIRST], docs, is_train)
        self._bp_layers: dict[str, Callable[[Floats2d], Floats2d]] = {}
        self._bp_shown: dict[str, dict[str, Callable[[Floats2d], Any]]] = {}
        self.levels: dict[str, Packed] = {}
        self.ran: dict[str, Ran] = {}

    def up_to(self, task: str) -> Packed:
        """What a task's head gets, after those that it sees have been run."""
        if task not in self.levels:
            self.levels[task] = self._above(task) if task in self._sees else self._below
        return self.levels[task]

    def _above(self, task: str) -> Packed:
        others = self._sees[task]
        packed = [self.up_to(other) for other in others]
        X = packed[-1].X
        self._bp_shown[task] = {}
        for other, level in zip(others, packed, strict=True):
            if other not in self.ran:
                self.ran[other] = run_head(self._model, other, level, self._is_train)
            scores = self.ran[other].scores
            labels = self._model.get_ref(_labels(other, task))
            set_labels(labels, scores.shape[1], X.shape[1])
            Y, self._bp_shown[task][other] = show(
                labels, head_of(self._model, other), level, scores
            )
            X = X + Y
        if self._model.has_ref(_layer(task)):
            layer = self._model.get_ref(_layer(task))
            X, self._bp_layers[task] = run_stage(layer, X, self._below.lengths, self._is_train)
        return Packed(X, self._below.lengths, self._below.docs)

    def down(
        self, gradients: Mapping[str, Floats2d], frozen: Collection[str], stop_gradient: bool
    ) -> set[str]:
        """Run backward what lies below the heads; the tasks whose heads it went through."""
        arriving: dict[str, list[Floats2d]] = {task: [dX] for task, dX in gradients.items()}
        touched: set[str] = set()
        for task in reversed(list(self._bp_shown)):  # each behind those that it sees
            if task not in arriving:
                continue
            packed = self.levels[task]
            dX = summed(self._model.ops, packed, arriving.pop(task))
            if task in self._bp_layers:
                dX = self._bp_layers[task](dX)
            for other, bp_shown in self._bp_shown[task].items():
                d_scores = bp_shown(dX)
                if not stop_gradient:
                    touched.add(other)
                    arriving.setdefault(other, []).append(self.ran[other].backprop(d_scores))
            arriving.setdefault(self._sees[task][-1], []).append(dX)
        if FIRST not in frozen:
            each = [dX for of_task in arriving.values() for dX in of_task]
            self._bp_encode(summed(self._model.ops, self._below, each))
        return touched


def _represent(
    model: Sharing, docs: list[Doc], tasks: list[str], is_train: bool, stop_gradient: bool
) -> Represented:
    run = _Run(model, docs, is_train)
    packed = {task: run.up_to(task) for task in tasks}
    sites = {task: _layer(task) if task in model.attrs["stands"] else FIRST for task in tasks}

    def backprop(
        gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()
    ) -> Collection[str]:
        return run.down(gradients, frozen, stop_gradient)

    return Represented(packed, sites, backprop, run.ran)
