"""Does the cheap Gram matrix see what the gradients of the encoder's parameters would show?

python -m benchmarks.gram --data DIR

Trains the system `multitask`, stops at some steps, and takes for further batches, without
learning from them, the cosine between every two tasks' gradients: of X^T dX ("layer"), of dX
("representation"), and of all the encoder's parameters, from a backward pass for each task.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from spacy.language import Language
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, Model
from typer import Option

from spacy_mtl.balancing.gradients import GRAMS, TaskGradients, cosines
from spacy_mtl.pipeline.component import MultiTask
from spacy_mtl.state import State

from . import systems
from .corpora import prepare
from .quality import DEFAULT_CACHE

Vector = NDArray[np.float32]
Angles = dict[tuple[str, str], list[tuple[float, ...]]]


class Watching:
    """A balancer that weighs all tasks alike and keeps their gradients."""

    needs_gradients = True
    seen: TaskGradients

    def start(self, tasks: list[str]) -> None:
        """Nothing to learn."""

    def reset(self) -> None:
        """Nothing to forget."""

    def weights(
        self, losses: Mapping[str, float], gradients: TaskGradients | None = None
    ) -> dict[str, float]:
        """One for each."""
        assert gradients is not None
        self.seen = gradients
        return dict.fromkeys(losses, 1.0)

    def state(self) -> State:
        """Nothing."""
        return {}

    def load_state(self, state: State) -> None:
        """Nothing."""


def main(
    data: Annotated[Path, Option(help="Folder with gum/ and ewt/")],
    cache: Annotated[Path, Option(help="Where converted corpora are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["gum", "ewt"],  # noqa: B006
    at: Annotated[list[int], Option(help="Steps to stop at; may be repeated")] = [100, 1000],  # noqa: B006
    batches: Annotated[int, Option(help="Batches to measure at each stop")] = 100,
    seed: Annotated[int, Option(help="Of the training")] = 0,
) -> None:
    """Print a table of correlations between the cheap cosines and those of the parameters."""
    typer.echo(
        "| corpus | step | tasks | batches | mean cosine: parameters | layer | representation "
        "| r: layer | representation | same sign: layer | representation |"
    )
    typer.echo("|---" * 11 + "|")
    for name in corpus:
        config = systems.multitask(prepare(data, cache, name), 1)
        config["training"]["seed"] = seed
        nlp = init_nlp(Config(config), use_gpu=-1)
        settings = registry.resolve(nlp.config.interpolate()["training"])
        train = resolve_dot_names(nlp.config.interpolate(), ["corpora.train"])[0]
        stream = create_train_batches(nlp, train, settings["batcher"], 0)
        done = 0
        for stop in sorted(at):
            for _, batch in islice(stream, stop - done):
                _update(nlp, batch, settings["optimizer"])
            done = stop
            angles = _measure(nlp, [batch for _, batch in islice(stream, batches)])
            for pair, rows in angles.items():
                typer.echo(_row(name, stop, pair, np.asarray(rows)))


def _update(nlp: Language, batch: list[Example], optimizer: Any) -> None:
    nlp.update(batch, sgd=False, drop=0.1)  # type: ignore[arg-type]
    for _, pipe in nlp.pipeline:
        pipe.finish_update(optimizer)  # type: ignore[attr-defined]
    optimizer.step_schedules()


def _measure(nlp: Language, batches: list[list[Example]]) -> Angles:
    """The cosines of each pair of tasks in each batch: parameters, layer, representation."""
    component: Any = nlp.get_pipe("multitask")
    encoder: Any = nlp.get_pipe("tok2vec")
    assert isinstance(component, MultiTask)
    usual, component.balancer = component.balancer, Watching()
    angles: Angles = {}
    for batch in batches:
        nlp.update(batch, sgd=False, drop=0.0)  # type: ignore[arg-type]
        _take_gradient(encoder.model), _take_gradient(component.model)
        gradients = component.balancer.seen
        of_parameters = _parameter_cosines(encoder.model, batch, gradients)
        cheap = [cosines(gradients.gram(kind)) for kind in GRAMS]
        for i, j in combinations(range(len(gradients.tasks)), 2):
            pair = (gradients.tasks[i], gradients.tasks[j])
            values = [float(matrix[i, j]) for matrix in (of_parameters, *cheap)]
            angles.setdefault(pair, []).append(tuple(values))
    component.balancer = usual
    return angles


def _parameter_cosines(encoder: Model, batch: list[Example], gradients: TaskGradients) -> Any:
    """(n_tasks, n_tasks) cosines of the gradients of all parameters of the encoder."""
    _, backprop = encoder.begin_update([eg.predicted for eg in batch])
    lengths: Any = np.asarray([len(eg.predicted) for eg in batch], dtype="int32")
    rows = []
    for dX in gradients.dX.values():
        backprop(encoder.ops.unflatten(dX.copy(), lengths))
        rows.append(_take_gradient(encoder))
    matrix = np.stack(rows).astype("float64")
    return cosines(matrix @ matrix.T)


def _take_gradient(model: Model) -> Vector:
    """All gradients in one vector; afterwards they are zero."""
    parts = [np.zeros(0, dtype="float32")]
    for node in model.walk():
        for name in node.param_names:
            if node.has_grad(name):
                parts.append(np.asarray(node.get_grad(name)).ravel().copy())
                node.set_grad(name, node.get_grad(name) * 0)
    return np.concatenate(parts)


def _row(corpus: str, step: int, pair: tuple[str, str], values: NDArray[np.float64]) -> str:
    means = [f"{mean:.3f}" for mean in values.mean(axis=0)]
    true = values[:, 0]
    r, same = [], []
    for cheap in values.T[1:]:
        constant = cheap.std() < 1e-9
        r.append("–" if constant else f"{np.corrcoef(true, cheap)[0, 1]:.2f}")
        same.append(f"{np.mean(np.sign(true) == np.sign(cheap)):.0%}")
    cells = [corpus, str(step), " ".join(pair), str(len(values)), *means, *r, *same]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    typer.run(main)
