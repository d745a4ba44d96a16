"""What a training does otherwise where several workers share it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from typing import Any
from zlib import crc32

import numpy as np
import srsly
from spacy.language import Language
from spacy.training import Example

from ..errors import MTLError
from ..optimizing.parameter_state import on_host, value_of
from ..optimizing.parameters import named_parameters
from ..pipeline.live import multitasks
from ..workers import ALONE, Workers, shared
from .gradients import Gradients
from .parts import part_of_batch

Evaluation = tuple[float, dict[str, Any]]


class Group:
    """One of the workers of a training. Of one that is alone, nothing is otherwise.

    All draw the same batches and make the same steps, each from the gradients of all.

    nlp: the pipeline, as initialized; it is the same for all, see `check_shareable`.
    excluded: the names of components that are not trained.
    """

    def __init__(self, nlp: Language, workers: Workers, excluded: Collection[str]) -> None:
        self.workers = workers
        self._nlp = nlp
        self._drawn = 0  # a checksum of the batch
        self._gradients: Gradients | None = None
        if workers.number > 1:
            self._gradients = Gradients(nlp, excluded)
            for component in multitasks(nlp).values():
                component.workers = workers

    @property
    def leads(self) -> bool:
        """Whether it is the first, which evaluates, logs and saves."""
        return self.workers.rank == 0

    def part(self, examples: Sequence[Example]) -> list[Example]:
        """What of a batch is its own."""
        if self._gradients is None:
            return list(examples)
        self._drawn = crc32(_marks(examples), self._drawn)
        return part_of_batch(examples, self.workers.rank, self.workers.number, self._nlp.vocab)

    def add_up(self) -> None:
        """Make the gradients those of all parts of the batch.

        RAISES (MTLError): If the workers have drawn different batches.
        """
        if self._gradients is not None:
            self._gradients.add_up(self.workers, self._drawn)
            self._drawn = 0

    def evaluate(self, evaluate: Callable[[], Evaluation]) -> Evaluation:
        """Let the first one evaluate; the components of the others note the same scores.

        RAISES (MTLError): If the workers' parameters differ.
        """
        if self._gradients is None:
            return evaluate()
        self._check_equal()
        histories = {name: c.history for name, c in multitasks(self._nlp).items()}
        before = {name: len(history) for name, history in histories.items()}
        found: Any = None
        if self.leads:
            score, scores = evaluate()
            rows = {name: history.since(before[name]) for name, history in histories.items()}
            found = srsly.msgpack_dumps([float(score), scores, rows])
        score, scores, rows = srsly.msgpack_loads(shared(self.workers, found))
        for name, history in histories.items() if not self.leads else ():
            for row in rows[name]:
                history.record(row)
        return score, scores

    def close(self) -> None:
        """Leave the pipeline as that of a single process."""
        for component in multitasks(self._nlp).values():
            component.workers = ALONE

    def _check_equal(self) -> None:
        own = blake2b(digest_size=8)
        for parameter in named_parameters(self._nlp):
            if parameter.has_value:
                own.update(on_host(value_of(parameter)).tobytes())
        digests = self.workers.gather(np.frombuffer(own.digest(), dtype="int64").copy())
        if len({int(digest[0]) for digest in digests}) > 1:
            raise MTLError(
                "Expected the same parameters at all workers, got different ones. Use the same "
                "versions of all packages, and processors of one kind, on all machines."
            )


def _marks(examples: Sequence[Example]) -> bytes:
    """What tells one batch from another: the lengths and first words of its documents."""
    docs = [example.reference for example in examples]
    marks = [(len(doc), doc[0].orth if len(doc) else 0) for doc in docs]
    return np.asarray(marks, dtype="uint64").tobytes()
