"""Training speed: words per second, and the time to stock spaCy's final score.

python -m benchmarks.training_speed --data DIR

Both trainings run in one process, a step of one after a step of the other, each with its own
config's batches, evaluations and number of steps. The clock of each runs during its own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.initialize import init_nlp
from spacy.training.loop import (
    create_evaluation_callback,
    create_train_batches,
    train_while_improving,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, CupyOps, fix_random_seed, get_current_ops, require_gpu
from tqdm import tqdm
from typer import Option

from . import systems
from .corpora import prepare
from .quality import DEFAULT_CACHE
from .speed import ratio_text

Scores = dict[str, Any]
# Of batches, in words: the schedule goes from 100 to 1,000.
SIZES = [(0, 250), (250, 500), (500, 2000)]


@dataclass
class Training:
    """A training under way: for each step its seconds, those of an evaluation in it, its words.

    nlp: the pipeline. scores: by step, where there was an evaluation.
    """

    nlp: Language
    score_weights: dict[str, float]
    steps: Iterator[Any] = iter(())
    step_seconds: list[float] = field(default_factory=list)
    evaluation_seconds: list[float] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    scores: dict[int, Scores] = field(default_factory=dict)

    @classmethod
    def begin(cls, settings: systems.Settings, seed: int, gpu_id: int = -1) -> Training:
        """Initialize a pipeline, and training as `spacy train` does."""
        fix_random_seed(seed)
        settings["training"]["seed"] = seed
        nlp = init_nlp(Config(settings), use_gpu=gpu_id)
        config = nlp.config.interpolate()
        T: dict[str, Any] = registry.resolve(config["training"], schema=ConfigSchemaTraining)
        train, dev = resolve_dot_names(config, [T["train_corpus"], T["dev_corpus"]])
        training = cls(nlp, T["score_weights"])
        evaluate = create_evaluation_callback(nlp, dev, T["score_weights"])
        kept = ("dropout", "accumulate_gradient", "patience", "max_steps", "eval_frequency")
        training.steps = train_while_improving(
            nlp,
            T["optimizer"],
            create_train_batches(nlp, train, T["batcher"], T["max_epochs"]),
            training._timed(evaluate),
            **{name: T[name] for name in kept},
            exclude=[],
            annotating_components=[],
            before_update=T["before_update"],
        )
        return training

    def step(self) -> None:
        """Go one step further."""
        self.evaluation_seconds.append(0.0)
        began = time.perf_counter()
        batch, info, _ = next(self.steps)
        synchronize()
        seconds = time.perf_counter() - began
        self.step_seconds.append(seconds - self.evaluation_seconds[-1])
        self.words.append(sum(len(example) for example in batch))
        if info["other_scores"] is not None:
            self.scores[info["step"]] = info["other_scores"]

    def _timed(self, evaluate: Callable[[], Any]) -> Callable[[], Any]:
        def timed() -> Any:
            began = time.perf_counter()
            result = evaluate()
            synchronize()
            self.evaluation_seconds[-1] = time.perf_counter() - began
            return result

        return timed

    def words_per_second(self, low: int = 0, high: int = 10**9) -> float:
        """Over the steps whose batches have so many words, without evaluation."""
        words, seconds = np.asarray(self.words), np.asarray(self.step_seconds)
        chosen = (words >= low) & (words < high)
        return float(words[chosen].sum() / seconds[chosen].sum())

    def seconds_to(self, weights: dict[str, float], score: float) -> float | None:
        """From the first step to the evaluation with this weighted score, both included."""
        clock = np.cumsum(self.step_seconds) + np.cumsum(self.evaluation_seconds)
        for step, scores in self.scores.items():
            if weighted(scores, weights) >= score:
                return float(clock[step])
        return None


def synchronize() -> None:
    """Wait for the GPU, if there is work on one."""
    ops = get_current_ops()
    if isinstance(ops, CupyOps):
        ops.xp.cuda.Device().synchronize()


def weighted(scores: Scores, weights: dict[str, float]) -> float:
    """The weighted score, as spaCy's loop has it."""
    return sum(weight * (scores.get(key) or 0.0) for key, weight in weights.items() if weight)


def run(data: Path, cache: Path, corpus: str, seeds: int, steps: int, gpu_id: int = -1) -> str:
    """Train both for each seed, and compare: two Markdown tables."""
    if gpu_id >= 0:
        require_gpu(gpu_id)
    prepared = prepare(data, cache, corpus)
    pairs = []
    for seed in range(seeds):
        stock = Training.begin(systems.joint(prepared, steps), seed, gpu_id)
        ours = Training.begin(systems.multitask(prepared, steps), seed, gpu_id)
        for _ in tqdm(range(steps + 1), desc=f"Seed {seed}"):
            stock.step()
            ours.step()
        pairs.append((stock, ours))
    return _speed_table(pairs) + "\n\n" + _time_table(pairs)


def _speed_table(pairs: list[tuple[Training, Training]]) -> str:
    lines = [
        "| words in a batch | steps | stock joint, words/s | ours | ratio |",
        "|---|---|---|---|---|",
    ]
    words = np.asarray(pairs[0][0].words)
    for low, high in [(0, 10**9), *SIZES]:
        steps = int(((words >= low) & (words < high)).sum())
        if not steps:
            continue
        speeds = [[each.words_per_second(low, high) for each in pair] for pair in pairs]
        name = "all" if high == 10**9 else f"{low:,} to {high:,}"
        stock, ours = (statistics.median(column) for column in zip(*speeds, strict=True))
        ratios = ratio_text([b / a for a, b in speeds])
        lines.append(f"| {name} | {steps:,} | {stock:,.0f} | {ours:,.0f} | {ratios} |")
    return "\n".join(lines)


def _time_table(pairs: list[tuple[Training, Training]]) -> str:
    lines = [
        "| seed | stock's final score | stock: seconds to it, in all | ours: seconds to it, in all "
        "| share of stock's time to it | our final score |",
        "|---|---|---|---|---|---|",
    ]
    for seed, (stock, ours) in enumerate(pairs):
        weights = stock.score_weights
        last = [each.scores[max(each.scores)] for each in (stock, ours)]
        final, our_final = (weighted(scores, weights) for scores in last)
        times = [each.seconds_to(weights, final) for each in (stock, ours)]
        totals = [sum(each.step_seconds + each.evaluation_seconds) for each in (stock, ours)]
        reached = [
            f"{'never' if to is None else f'{to:.0f}'}, {total:.0f}"
            for to, total in zip(times, totals, strict=True)
        ]
        share = f"{times[1] / times[0]:.2f}" if times[0] and times[1] else ""
        lines.append(
            f"| {seed} | {final:.3f} | {reached[0]} | {reached[1]} | {share} | {our_final:.3f} |"
        )
    return "\n".join(lines)


def main(
    data: Annotated[Path, Option(help="Folder with the corpus")],
    cache: Annotated[Path, Option(help="Where converted corpora are kept")] = DEFAULT_CACHE,
    corpus: Annotated[str, Option(help="gum, ewt or snips")] = "gum",
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 3,
    steps: Annotated[int, Option(help="Training steps of every run")] = 2000,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, -1 for the CPU")] = -1,
) -> None:
    """Train stock's joint pipeline and ours in turns, and print two tables."""
    typer.echo(run(data, cache, corpus, seeds, steps, gpu_id))


if __name__ == "__main__":
    typer.run(main)
