"""The training loop: spaCy's, step by step, from any step on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from timeit import default_timer as timer
from typing import Any

from spacy.training import Example
from spacy.training.loop import create_evaluation_callback, subdivide_batch

from ..distributed.group import Group
from ..workers import ALONE, Workers
from .random_states import kept_numbers, own_numbers, seed_step
from .train_state import TrainState

Info = dict[str, Any]
Observer = Callable[[TrainState, list[Example]], None]


class Loop:
    """Makes the steps of a training, from where its state is.

    settings: the section [training], resolved.
    observe: is shown each batch, or part of one where gradients accumulate, before it is learned.
    workers: who make the same steps, each with its part of every batch.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        state: TrainState,
        dev_corpus: Any,
        observe: Observer | None = None,
        workers: Workers = ALONE,
    ) -> None:
        self.settings = settings
        self.state = state
        self.group = Group(state.nlp, workers, settings["frozen_components"])
        self._dev_corpus = dev_corpus
        self._observe = observe
        self._evaluate: Any = None

    @property
    def finished(self) -> bool:
        """Whether there is no patience left, or `max_steps` are done."""
        progress, settings = self.state.progress, self.settings
        if not progress.steps:
            return False
        step = progress.steps - 1
        _, best = max((score, -at) for score, at in progress.results)
        impatient = settings["patience"] and step + best >= settings["patience"]
        return bool(impatient or (settings["max_steps"] and step >= settings["max_steps"]))

    def steps(self) -> Iterator[tuple[Info, bool | None]]:
        """Make all steps that are left: what a logger is told of each, and whether it is the best
        so far, None if it was not evaluated."""
        progress = self.state.progress
        start = timer() - progress.seconds
        while not self.finished:
            try:
                batch = next(self.state.batches)
            except StopIteration:
                return
            progress.epoch = self.state.batches.epoch
            self._update(batch)
            step = progress.steps
            score, scores, is_best = None, None, None
            if not step % self.settings["eval_frequency"]:
                score, scores = self._evaluated()
                progress.results.append((score, step))
                is_best = score == max(progress.results)[0]
            progress.steps += 1
            progress.words += sum(len(example) for example in batch)
            progress.seconds = timer() - start
            info = self._info(step, score, scores)
            if is_best is not None:
                progress.losses = {}
            yield info, is_best

    def _update(self, batch: list[Example]) -> None:
        """What happens between two batches of a training."""
        state, settings = self.state, self.settings
        nlp, progress = state.nlp, state.progress
        seed_step(settings["seed"] or 0, progress.steps)
        if state.before_update:
            state.before_update(nlp, {"step": progress.steps, "epoch": progress.epoch})
        with self._own_numbers():
            self._accumulate(batch)
        for name, pipe in nlp.pipeline:
            component: Any = pipe
            if name not in settings["frozen_components"] and _learns(component):
                component.finish_update(state.optimizer)
        state.optimizer.step_schedules()

    def apart(self) -> AbstractContextManager[None]:
        """Inside, random numbers that the first worker draws alone, so that all go on alike."""
        alone = self.group.leads and self.group.workers.number > 1
        return kept_numbers() if alone else nullcontext()

    def _own_numbers(self) -> AbstractContextManager[None]:
        """Random numbers of one worker of several, which draw batches by the same ones."""
        workers = self.group.workers
        if workers.number == 1:
            return nullcontext()
        return own_numbers(self.settings["seed"] or 0, self.state.progress.steps, workers.rank)

    def _accumulate(self, batch: list[Example]) -> None:
        """Add up the gradients of a batch."""
        state, settings = self.state, self.settings
        dropout = next(state.dropouts)
        no_optimizer: Any = False
        for part in subdivide_batch(batch, settings["accumulate_gradient"]):
            if self._observe is not None:
                self._observe(state, part)
            state.nlp.update(
                self.group.part(part),
                drop=dropout,
                losses=state.progress.losses,
                sgd=no_optimizer,
                exclude=settings["frozen_components"],
                annotates=settings["annotating_components"],
            )
        self.group.add_up()

    def _evaluated(self) -> tuple[float, dict[str, Any]]:
        """The score and all that it is made of, with the averages as parameters."""
        nlp, progress = self.state.nlp, self.state.progress
        if self._evaluate is None:
            weights = {n: w for n, w in self.settings["score_weights"].items() if w is not None}
            if progress.metrics is not None:
                weights = {name: weights[name] for name in progress.metrics}
            progress.metrics = list(weights)
            self._evaluate = create_evaluation_callback(nlp, self._dev_corpus, weights)
        averages = self.state.optimizer.averages
        with self.apart(), nlp.use_params(averages) if averages else nullcontext():
            score, scores = self.group.evaluate(self._evaluate)
        progress.metrics = [name for name in progress.metrics or () if name in scores]
        return score, scores

    def _info(self, step: int, score: float | None, scores: dict[str, Any] | None) -> Info:
        progress = self.state.progress
        return {
            "epoch": progress.epoch,
            "step": step,
            "score": score,
            "other_scores": scores,
            "losses": progress.losses,
            "checkpoints": progress.results,
            "seconds": int(progress.seconds),
            "words": progress.words,
        }


def _learns(component: Any) -> bool:
    trainable = getattr(component, "is_trainable", False)
    return trainable and component.model not in (True, False, None)
