"""The batches of a training, from any of them on."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from spacy.errors import Errors
from spacy.language import Language
from spacy.training import Example

from ..errors import MTLError
from ..state import State, Stateful, joined, part_of
from .random_states import load_random_states, numpy_state, python_state

Batch = list[Example]
_GENERATORS: dict[str, Callable[[], Any]] = {"python": python_state, "numpy": numpy_state}


class BatchSource:
    """Reads, shuffles and batches as spaCy's loop does, with the same random numbers.

    A batcher that is `Stateful` sets its position to go on. With any other, the batches up to
    there are drawn again, without training on them: that takes the time of reading, and keeps
    whatever schedules a batcher goes through. For the order to be the same, the random numbers
    that drawing found are noted: at the first draw, and at others before which something else,
    such as a component, had used some.

    drawn: the batches so far. epoch: of the last, from 0.
    """

    def __init__(
        self,
        nlp: Language,
        corpus: Callable[[Language], Iterable[Example]],
        batcher: Callable[[Any], Iterable[Any]],
        max_epochs: int,
    ) -> None:
        self.drawn = 0
        self.epoch = 0
        self._nlp = nlp
        self._corpus = corpus
        self._batcher = batcher
        self._max_epochs = max_epochs
        self._examples: list[Example] = []
        self._found: dict[str, dict[int, Any]] = {name: {} for name in _GENERATORS}
        self._left: dict[str, Any] = {}
        self._batches = self._draw(epoch=0, shuffle=True)

    def __next__(self) -> Batch:
        """The next batch; StopIteration after the last of `max_epochs`."""
        before = {name: state() for name, state in _GENERATORS.items()}
        self.epoch, batch = next(self._batches)
        self._note(before)
        self.drawn += 1
        return batch

    def state(self) -> State:
        """How many batches were drawn, the noted random numbers, and the batcher's position."""
        parts: dict[str, State] = {"position": {"drawn": np.asarray(self.drawn)}}
        parts["position"]["epoch"] = np.asarray(self.epoch)
        for name, found in self._found.items():
            parts[name] = {str(draw): state for draw, state in found.items()}
        if isinstance(self._batcher, Stateful):
            parts["batcher"] = self._batcher.state()
        return joined(parts)

    def load_state(self, state: State) -> None:
        """Go on there, in a new object with a new batcher. The random numbers are used up.

        RAISES (MTLError): If there are fewer batches.
        """
        for name in _GENERATORS:
            found = part_of(state, name)
            self._found[name] = {int(draw): numbers for draw, numbers in found.items()}
        drawn, epoch = int(state["position/drawn"]), int(state["position/epoch"])
        if isinstance(self._batcher, Stateful):
            self._use_noted(0)
            self._read()
            self._batcher.load_state(part_of(state, "batcher"))
            self._batches = self._draw(epoch, shuffle=False)
            self.drawn, self.epoch = drawn, epoch
        else:
            self._draw_again(drawn, epoch)

    def _draw_again(self, drawn: int, epoch: int) -> None:
        while self.drawn < drawn:
            self._use_noted(self.drawn)
            found = next(self._batches, None)
            if found is None:
                break
            self.epoch, _ = found
            self.drawn += 1
        if (self.drawn, self.epoch) != (drawn, epoch):
            raise MTLError(
                f"Expected batch {drawn} in epoch {epoch}, as when the checkpoint was written, "
                f"got {self.drawn} in epoch {self.epoch}. The reader or the batcher does not give "
                "the same again: begin a new training with --overwrite."
            )
        self._left = {name: state() for name, state in _GENERATORS.items()}

    def _draw(self, epoch: int, shuffle: bool) -> Iterator[tuple[int, Batch]]:
        """Batches with their epochs; those of the first as what is left of it without `shuffle`."""
        self._read()
        while self._max_epochs < 1 or epoch != self._max_epochs:
            if self._max_epochs >= 0 and shuffle:
                random.shuffle(self._examples)
            shuffle = True
            listed = self._max_epochs >= 0
            for batch in self._batcher(self._examples if listed else self._corpus(self._nlp)):
                yield epoch, batch
            epoch += 1

    def _read(self) -> None:
        """Read the corpus, if it is read once."""
        if self._max_epochs >= 0 and not self._examples:
            self._examples = list(self._corpus(self._nlp))
            if not self._examples:
                raise ValueError(Errors.E986)

    def _note(self, before: dict[str, Any]) -> None:
        """Note what the draw found, if it used some that would not be there in a row of draws."""
        for name, state in _GENERATORS.items():
            after = state()
            if self.drawn and np.array_equal(before[name], after, equal_nan=True):
                continue
            if self.drawn and isinstance(self._batcher, Stateful):
                self._warn_of_stream()
            elif not np.array_equal(before[name], self._left.get(name, ()), equal_nan=True):
                self._found[name][self.drawn] = before[name]
            self._left[name] = after

    def _warn_of_stream(self) -> None:
        if self._max_epochs < 0:
            warnings.warn(
                "The reader uses random numbers while it streams, so that a resumed training gets "
                "other examples. Set max_epochs to 0 or more, or use no augmentation.",
                stacklevel=2,
            )

    def _use_noted(self, draw: int) -> None:
        found = {name: states[draw] for name, states in self._found.items() if draw in states}
        load_random_states(found)
