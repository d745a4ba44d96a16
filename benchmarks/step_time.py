"""Time of a training step with each way of sampling and balancing, and the balancer's share.

python -m benchmarks.step_time --data DIR

Every candidate trains its own pipeline on its own batches; the candidates take turns step by
step in one process, so that what else happens on the machine hits all alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches
from spacy.util import registry, resolve_dot_names
from thinc.api import Config
from typer import Option

from . import systems
from .balancing import CANDIDATES, DEFAULT, SCALED, changes
from .corpora import PARTIAL, prepare
from .quality import DEFAULT_CACHE

TIMED = tuple(name for name in CANDIDATES if name != SCALED)  # all have batches of `words` here


@dataclass
class Candidate:
    """A pipeline in training, with the seconds of its steps and of its balancer in them."""

    name: str
    nlp: Language
    batches: Iterator[Any]
    optimizer: Any
    seconds: list[float] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    balancing: list[float] = field(default_factory=list)

    def step(self) -> None:
        """One step of training."""
        began = time.perf_counter()
        _, batch = next(self.batches)
        self.balancing.append(0.0)
        self.nlp.update(batch, sgd=False, drop=0.1)  # type: ignore[arg-type]
        for _, pipe in self.nlp.pipeline:
            pipe.finish_update(self.optimizer)  # type: ignore[attr-defined]
        self.optimizer.step_schedules()
        self.seconds.append(time.perf_counter() - began)
        self.words.append(sum(map(len, batch)))

    def timed(self, weights: Callable[..., Any]) -> Callable[..., Any]:
        """The balancer's function with its time noted."""

        def call(*args: Any) -> Any:
            began = time.perf_counter()
            result = weights(*args)
            self.balancing[-1] += time.perf_counter() - began
            return result

        return call


def main(
    data: Annotated[Path, Option(help="Folder with gum/")],
    cache: Annotated[Path, Option(help="Where converted corpora are kept")] = DEFAULT_CACHE,
    corpus: Annotated[str, Option(help="a partially labelled one")] = PARTIAL,
    candidate: Annotated[list[str], Option(help="May be repeated")] = list(TIMED),  # noqa: B006
    steps: Annotated[int, Option(help="Steps of each candidate")] = 200,
    warmup: Annotated[int, Option(help="Steps before those")] = 20,
    words: Annotated[int, Option(help="Words in a batch")] = 1000,
) -> None:
    """Print a Markdown table: milliseconds per step, and the balancer's share in them."""
    settings = {name: changes(name) for name in (DEFAULT, *candidate)}
    prepared = prepare(data, cache, corpus)
    running = [
        _begin(name, systems.multitask(prepared, 1, **changed), words)
        for name, changed in settings.items()
    ]
    for _ in range(warmup + steps):
        for each in running:
            each.step()
    typer.echo("| candidate | ms per step (median) | 10 %–90 % | balancer ms | share |")
    typer.echo("|---|---|---|---|---|")
    for each in running:
        seconds, balancing = np.asarray(each.seconds[warmup:]), np.asarray(each.balancing[warmup:])
        low, middle, high = np.percentile(seconds * 1000, [10, 50, 90])
        cost = np.median(balancing) * 1000
        typer.echo(
            f"| {each.name} | {middle:.1f} | {low:.1f}–{high:.1f} | {cost:.2f} "
            f"| {cost / middle:.1%} |"
        )


def _begin(name: str, settings: systems.Settings, words: int) -> Candidate:
    settings["training"]["batcher"]["size"] = words
    nlp = init_nlp(Config(settings), use_gpu=-1)
    config = nlp.config.interpolate()
    training = registry.resolve(config["training"])
    train = resolve_dot_names(config, ["corpora.train"])[0]
    batches = create_train_batches(nlp, train, training["batcher"], 0)
    candidate = Candidate(name, nlp, batches, training["optimizer"])
    component: Any = nlp.get_pipe("multitask")
    component.balancer.weights = candidate.timed(component.balancer.weights)
    return candidate


if __name__ == "__main__":
    typer.run(main)
