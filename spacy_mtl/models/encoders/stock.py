"""The nodes of thinc's normalized maxout layers, which hold the parameters of our encoders.

Our encoders have the layers of spaCy's below them, with the same names and shapes, and compute
their function in another way. So weights move both ways by `to_bytes` and `from_bytes`, and
optimizers, freezing and averages see the parameters that they know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thinc.api import Model


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


class Fingerprint:
    """The sum of each parameter's bits, to notice that weights have changed.

    Weights change in place, by updates, and by `use_params`, without a word to anybody. A
    change is missed only where the sums of 64 bits agree by chance, or values just change places.
    """

    def __init__(self, model: Model) -> None:
        self._owners = [(node, name) for node in model.walk() for name in node.param_names]
        self._seen: list[tuple[Any, Any]] = [(None, None)] * len(self._owners)

    def take(self) -> tuple[int, ...]:
        """That of the present weights."""
        return tuple(self._sum_of_bits(place) for place in range(len(self._owners)))

    def _sum_of_bits(self, place: int) -> int:
        node, name = self._owners[place]
        array: Any = node.get_param(name)
        seen, bits = self._seen[place]
        # Making the view takes longer than most sums. Some arrays need a copy.
        if array is not seen or not array.flags.c_contiguous:
            bits = _bits(array)
            self._seen[place] = (array, bits)
        return int(bits.sum())


def _bits(array: Any) -> Any:
    """The array's memory as integers: of 64 bits, twice as fast, if there is an even number."""
    flat = array.reshape(-1)
    return flat.view("uint64" if flat.size % 2 == 0 else "uint32")
