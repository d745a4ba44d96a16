"""The nodes of thinc's normalized maxout layers, which hold the parameters of our encoders.

Our encoders have the layers of spaCy's below them, with the same names and shapes, and compute
their function in another way. So weights move both ways by `to_bytes` and `from_bytes`, and
optimizers, freezing and averages see the parameters that they know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from thinc.api import Model, get_array_module

T = TypeVar("T")


@dataclass(frozen=True)
class MaxoutNodes:
    """The nodes of a layer `Maxout(nO, nI, nP, normalize=True, dropout=...)`.

    maxout: with W (nO, nP, nI) and b (nO, nP); norm: with G and b, (nO,).
    """

    maxout: Model
    norm: Model
    dropout: Model

    @classmethod
    def below(cls, model: Model) -> list[MaxoutNodes]:
        """Those of each such layer below `model`, in their order."""
        nodes = list(model.walk(order="dfs_pre"))
        parts = [
            [n for n in nodes if n.name == name] for name in ("maxout", "layernorm", "dropout")
        ]
        return [cls(*layer) for layer in zip(*parts, strict=True)]

    def params(self) -> tuple[Any, Any, Any, Any]:
        """W, b, G and the norm's b."""
        return (
            self.maxout.get_param("W"),
            self.maxout.get_param("b"),
            self.norm.get_param("G"),
            self.norm.get_param("b"),
        )

    def inc_grads(self, dW: Any, db: Any, dG: Any, d_shift: Any) -> None:
        """Add to the gradients of `params`."""
        self.maxout.inc_grad("W", dW)
        self.maxout.inc_grad("b", db)
        self.norm.inc_grad("G", dG)
        self.norm.inc_grad("b", d_shift)

    @property
    def dropout_rate(self) -> float:
        """The share of outputs that training drops, 0 where dropout is switched off."""
        attrs = self.dropout.attrs
        return float(attrs["dropout_rate"]) if attrs.get("is_enabled", True) else 0.0


class Found(Generic[T]):
    """What was found below a model, looked for anew where its layers are others. Never copied."""

    def __init__(self, find: Callable[[Model], T]) -> None:
        self._find = find
        self._layers: list[tuple[Model, list[Model]]] = []
        self._found: T

    def __reduce__(self) -> Any:
        return Found, (self._find,)

    def below(self, model: Model) -> T:
        """What `find` gives for the model as it is."""
        known = self._layers and self._layers[0][0] is model
        if not known or any(node.layers != layers for node, layers in self._layers):
            self._found = self._find(model)
            self._layers = [(node, list(node.layers)) for node in model.walk()]
        return self._found


class Fingerprint:
    """Two sums for each parameter, to notice that weights have changed.

    Weights change in place, by updates, and by `use_params`, without a word to anybody. The sum
    of the values' bits sees the smallest change of one, a sum of the values weighted by their
    places what leaves that sum alike, such as another order or other signs.
    """

    def __init__(self, model: Model) -> None:
        self._owners = [(node, name) for node in model.walk() for name in node.param_names]
        self._seen: list[tuple[Any, Any, Any]] = [(None, None, None)] * len(self._owners)

    def take(self) -> tuple[float, ...]:
        """That of the present weights."""
        return tuple(part for place in range(len(self._owners)) for part in self._sums(place))

    def _sums(self, place: int) -> tuple[int, float]:
        node, name = self._owners[place]
        array: Any = node.get_param(name)
        seen, bits, values = self._seen[place]
        # Making the views takes longer than most sums. Some arrays need a copy.
        if array is not seen or not array.flags.c_contiguous:
            values = array.reshape(-1)
            # In pieces of 64 bits, if there is an even number of values, it is twice as fast.
            bits = values.view("uint64" if values.size % 2 == 0 else "uint32")
            self._seen[place] = (array, bits, values)
        weights = _place_weights(get_array_module(array), array.size)
        return int(bits.sum()), float(values.dot(weights))


@lru_cache(maxsize=64)
def _place_weights(xp: Any, n: int) -> Any:
    """Numbers that are different at all places."""
    return xp.cos(xp.arange(n, dtype="float32"))
