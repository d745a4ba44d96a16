"""A batch under stock components: its vectors, and the gradients and losses that come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Ops, Optimizer
from thinc.types import Floats2d

from ..errors import MTLError
from ..models.packed import token_attributes

Losses = dict[str, float]


def batch_id(docs: Iterable[Doc]) -> int:
    """The same as `Tok2VecListener.get_batch_id`, which goes through the tokens in Python.

    It was measured to take a quarter of a training step.
    """
    words = token_attributes(list(docs), ["ORTH"])
    low = np.uint64(0xFFFFFFFF)
    return (int((words >> np.uint64(32)).sum()) << 32) + int((words & low).sum())


class EncodedBatch:
    """A batch between the encoder's forward and backward, and what came back so far.

    X: (n_tokens, width) the token vectors of all documents, of these lengths.
    losses: the dict that the listening components write to.
    """

    def __init__(
        self,
        name: str,
        ops: Ops,
        vectors: Sequence[Floats2d],
        backprop: Callable[[list[Floats2d]], Any],
        losses: Losses,
        sgd: Optimizer | None,
    ) -> None:
        self.name = name
        self.ops = ops
        self.X: Any = ops.flatten(vectors)
        self.lengths: Any = [len(array) for array in vectors]
        self.backprop = backprop
        self.losses = losses
        self.sgd = sgd
        self._losses_before = dict(losses)
        self._gradients: dict[str, Floats2d] = {}
        losses.setdefault(name, 0.0)

    def __reduce__(self) -> Any:
        """Pickled as an empty batch, so that a trained pipeline can go to other processes."""
        return EncodedBatch, (self.name, self.ops, [], list, {}, None)

    def add(self, component: str, d_vectors: Sequence[Floats2d]) -> list[Any]:
        """Take a gradient from one of the component's listeners; nothing goes on to the docs."""
        dX: Any = self.ops.flatten(d_vectors)
        self.losses[self.name] += float((dX**2).sum())
        if component in self._gradients:
            dX += self._gradients[component]
        self._gradients[component] = dX
        return []

    def take(self) -> dict[str, Floats2d]:
        """The gradients since the last call that are not zero everywhere, by component."""
        taken, self._gradients = self._gradients, {}
        return {component: dX for component, dX in taken.items() if bool(dX.any())}

    def backward(self, dX: Floats2d) -> None:
        """Run the encoder backward."""
        self.backprop(self.ops.unflatten(dX, self.lengths))

    def losses_of(self, components: Iterable[str], report_means: set[str]) -> SeenLosses:
        """The components' losses in this batch; `report_means` are those that do not add up."""
        before = {k: v for k, v in self._losses_before.items() if k not in report_means}
        return SeenLosses(list(components), before, self.losses)


class SeenLosses(Mapping[str, float]):
    """What components have added to a dict of losses; an error where a balancer needs it and it
    cannot be seen, but not for balancers that never look."""

    def __init__(self, components: list[str], before: Losses, now: Losses) -> None:
        self._components = components
        self._before = before
        self._now = now

    def __iter__(self) -> Iterator[str]:
        return iter(self._components)

    def __len__(self) -> int:
        return len(self._components)

    def __getitem__(self, component: str) -> float:
        if component not in self._components:
            raise KeyError(component)
        seen = self._now.get(component)
        loss = None if seen is None else float(seen) - float(self._before.get(component, 0.0))
        if loss is None or loss < 0:
            raise MTLError(
                f"Expected '{component}' to add a loss of zero or more to the losses, at its own "
                f"name, got {loss}. Hand the same dict to all components, as nlp.update does, or "
                "choose a balancer that does not look at losses."
            )
        return loss
