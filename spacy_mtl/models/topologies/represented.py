"""A batch as the tasks see it: what a topology gives for a forward, and takes for a backward."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from thinc.api import Model, Ops
from thinc.types import Floats2d

from ..packed import Packed


class Head(Protocol):
    """From a representation to a task's scores: a thinc model, or one that has run already."""

    @property
    def ops(self) -> Ops: ...

    def __call__(self, X: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]: ...

    def predict(self, X: Any) -> Any: ...


class Backprop(Protocol):
    """Runs the encoders backward, each once, with the gradients of the representations.

    Called once for each training forward, also with no gradients at all: an upstream encoder waits
    for it.
    """

    def __call__(
        self, gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()
    ) -> Collection[str]:
        """gradients: by task, (n_tokens, width) as its representation. frozen: the encoders that
        get none.

        Returns the tasks whose heads got a gradient on the way, because the topology had run them,
        and the names of parts that learned, where they are to be told (see `add_part`).
        """


@dataclass(frozen=True)
class Ran:
    """A head that the topology has run, on the representation of its task.

    Its backward may be called a second time, for the task's own loss: both add up.
    """

    head: Model
    packed: Packed
    scores: Any
    backprop: Callable[[Any], Any]

    @property
    def ops(self) -> Ops:
        return self.head.ops

    def __call__(self, X: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]:
        """What it gave, on the same representation; on anything else it runs anew."""
        if X is self.packed:
            return self.scores, self.backprop
        return self.head(X, is_train)

    def predict(self, X: Any) -> Any:
        """See `__call__`."""
        return self.scores if X is self.packed else self.head.predict(X)


class Labelled:
    """Which documents of a batch a task learns from, as far as that is known: in prediction, all.

    n_docs: of the batch. find: gives the numbers of a task's documents.
    corpora: of each document, the name of the corpus that it is from, "" if it is not known.
    """

    def __init__(
        self,
        n_docs: int,
        find: Callable[[str], Sequence[int]] | None = None,
        corpora: Sequence[str] | None = None,
    ) -> None:
        self.n_docs = n_docs
        self._find = find
        self._found: dict[str, Sequence[int]] = {}
        self.corpora = corpora or [""] * n_docs

    @property
    def known(self) -> bool:
        """Whether it is known what is labelled, as in training."""
        return self._find is not None

    def documents(self, task: str) -> Sequence[int]:
        """The numbers of those that are labelled for a task, ascending."""
        if self._find is None:
            return range(self.n_docs)
        if task not in self._found:
            self._found[task] = self._find(task)
        return self._found[task]


@dataclass(frozen=True)
class Represented:
    """A batch as each task sees it.

    packed: by task, its representation.
    sites: by task, the name of the place in the model that this is the output of. Gradients are
        compared between tasks of the same site alone, as only there they are of the same numbers.
    backprop: see `Backprop`.
    ran: by task, the head, if `represent` needed its scores.
    documents: by task, the numbers of the documents in `packed`; all of the batch if it is not
        named.
    shared_width: how many columns of `packed` tasks of one site share; None for all.
    """

    packed: Mapping[str, Packed]
    sites: Mapping[str, str]
    backprop: Backprop
    ran: Mapping[str, Ran] = field(default_factory=dict)
    documents: Mapping[str, Sequence[int]] = field(default_factory=dict)
    shared_width: int | None = None
