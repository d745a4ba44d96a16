"""Adam on the rows of a table that have a gradient; the others are brought up to date later.

Without a gradient, a step of Adam is linear in a row's weights w, its average a and its last
direction u = m / (sqrt(v) + eps): the moments m and v shrink, momentum moves w along u by less and
less, weight decay shrinks w, and a follows w. So the steps that a row has missed are one linear
map, the same for all rows that have missed the same steps. It is exact under any schedule, but for
one thing: eps is taken to shrink with sqrt(v).

Most of what a gradient does to a rare row, momentum does in the steps after it. For the next
reading of the row to see it, a row is moved ahead at once by what is to be expected until then.
The difference from what came is made good when the row is brought up to date.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..state import State

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]

HISTORY = 512  # steps that rows can miss before all are brought up to date
_BLOCK = 16384  # elements that are worked on at once, so that they stay in the processor's cache
_NARROW = 64  # columns below which rows are looked through in groups
_ELEMENT_COST = 2.5  # times that of the usual step, measured
_ROW_COST = 48  # what a row costs beside its columns, in columns
_MEMORY = 0.9  # of the share of rows that have a gradient


@dataclass(frozen=True)
class Rates:
    """What the settings come to in one step.

    move: the learning rate, corrected for the moments' beginning at zero. kept: what weight decay
    leaves of a weight. average: the decay of the moving average, 1 without one.
    """

    move: float
    b1: float
    b2: float
    eps: float
    kept: float = 1.0
    average: float = 1.0


def rows_with_gradient(gradient: Floats) -> tuple[Rows, float]:
    """The rows that have a gradient, ascending, and the norm of the whole.

    Rows are told by the squares, which are zero below about 1e-23: such a row counts as without
    gradient, and its gradient stays for the next to be added to it.
    """
    length, columns = gradient.shape
    together = math.gcd(length, 16) if columns < _NARROW else 1
    groups = gradient.reshape(-1, together * columns)
    squares = np.einsum("ij,ij->i", groups, groups)
    norm = math.sqrt(squares.sum())
    found = np.flatnonzero(squares)
    if together > 1:
        inside = gradient.reshape(-1, together, columns)[found]
        numbers = found[:, None] * together + np.arange(together)
        found = numbers[np.einsum("ijk,ijk->ij", inside, inside) != 0]
    return found, norm


class _Missed:
    """What the steps since each step did to a row without gradient.

    With m, v, w, a of then and u = m / (sqrt(v) + eps), those of now are first * m, second * v,
    kept * w - moved * u and average * a + followed * w - lagged * u, by the rows of `maps`.
    """

    def __init__(self) -> None:
        self.maps: Doubles = np.zeros((7, HISTORY + 1))
        self.clear()

    def clear(self) -> None:
        """Begin anew: now is the only time."""
        self.steps = -1
        self._begin()

    def add(self, rates: Rates) -> None:
        """Append a step."""
        _add(self.maps[:, : self.steps + 1], rates, rates.move)
        self._begin()

    def _begin(self) -> None:
        self.steps += 1
        self.maps[:, self.steps] = (1, 1, 1, 0, 1, 0, 0)


def _add(maps: Doubles, rates: Rates, move: float) -> None:
    """Let a step follow the maps, with momentum's move or without (0)."""
    first, second, kept, moved, average, followed, lagged = maps
    first *= rates.b1
    second *= rates.b2
    moved += move * first / np.sqrt(second)
    maps[2:4] *= rates.kept
    maps[4:] *= rates.average
    followed += (1 - rates.average) * kept
    lagged += (1 - rates.average) * moved


@dataclass
class RowState:
    """A table, its moments and its average, with what is needed to bring its rows up to date.

    current: the step, counted since all rows were up to date, after which a row was so. ahead: by
    how many directions u a row has been moved in advance. touches: how many of all `steps` a row
    had a gradient in. share: of the rows that have a gradient, lately. Once all rows are up to
    date, there is nothing in `current`, `ahead` and `missed`. The arrays are changed in place.
    """

    weights: Floats
    mom1: Floats
    mom2: Floats
    average: Floats | None
    eps: float = 0.0
    steps: int = 0
    share: float | None = None
    current: Rows = field(init=False)
    ahead: Floats = field(init=False)
    touches: Floats = field(init=False)
    missed: _Missed = field(init=False, default_factory=_Missed)

    def __post_init__(self) -> None:
        length = len(self.weights)
        self._set(self.weights, self.mom1, self.mom2, self.average)
        self.current = np.zeros(length, dtype=np.intp)
        self.ahead = np.zeros(length, dtype=np.float32)
        self.touches = np.zeros(length, dtype=np.float32)

    def _set(self, weights: Floats, mom1: Floats, mom2: Floats, average: Floats | None) -> None:
        self.weights, self.average = weights, average
        self.mom1, self.mom2 = mom1.reshape(weights.shape), mom2.reshape(weights.shape)

    def hold(self, weights: Floats, mom1: Floats, mom2: Floats, average: Floats | None) -> None:
        """Go on with these arrays. Where one is new, the steps missed are done to the old ones."""
        held = (self.weights, self.mom1, self.mom2, self.average)
        if not all(map(_same_memory, (weights, mom1, mom2, average), held)):
            self.catch_up()
            self._set(weights, mom1, mom2, average)

    def worthwhile(self, rows: int) -> bool:
        """Whether steps on the rows with a gradient, so many now, are quicker than on all."""
        length, columns = self.weights.shape
        share = rows / length
        self.share = share if self.share is None else _MEMORY * self.share + (1 - _MEMORY) * share
        return self.share * _ELEMENT_COST * (columns + _ROW_COST) < columns

    def step(self, gradient: Floats, rows: Rows, scale: float, rates: Rates) -> None:
        """Update the rows with `scale` times their gradient, and set that to zero."""
        if self.missed.steps == HISTORY or rates.eps != self.eps:
            self.catch_up()
        self.eps = rates.eps
        self.steps += 1
        self.touches[rows] += 1
        maps = self._maps(rows)
        _add(maps, rates, 0)
        ahead = self._expected(rows, rates)
        for block in self._blocks(rows.size):
            taken = self._take(rows[block], maps[:, block])
            _learn(taken, gradient[rows[block]], scale, rates, ahead[block])
            self._put(rows[block], taken)
        gradient[rows] = 0
        self.missed.add(rates)
        self.current[rows] = self.missed.steps
        self.ahead[rows] = ahead

    def catch_up(self) -> None:
        """Bring all rows up to date. Does nothing where they are."""
        if not self.missed.steps:
            return
        rows = np.flatnonzero((self.current != self.missed.steps) | (self.ahead != 0))
        maps = self._maps(rows)
        for block in self._blocks(rows.size):
            self._put(rows[block], self._take(rows[block], maps[:, block]))
        self.current[:] = 0
        self.ahead[:] = 0
        self.missed.clear()

    def squares(self) -> Floats:
        """The second moments with all rows up to date, while the tables stay as they are."""
        decay = self.missed.maps[1, self.current].astype(np.float32)
        return self.mom2 * decay[:, None]

    def state(self) -> State:
        """All but the tables themselves; see `spacy_mtl.state.Stateful`."""
        share = math.nan if self.share is None else self.share
        return {
            "numbers": np.asarray([self.eps, share]),
            "steps": np.asarray(self.steps),
            "maps": self.missed.maps[:, : self.missed.steps + 1].copy(),
            **{name: getattr(self, name).copy() for name in ("current", "ahead", "touches")},
        }

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
        self.eps, share = state["numbers"].tolist()
        self.share = None if math.isnan(share) else share
        self.steps = int(state["steps"])
        self.missed.steps = state["maps"].shape[1] - 1
        self.missed.maps[:, : self.missed.steps + 1] = state["maps"]
        for name in ("current", "ahead", "touches"):
            getattr(self, name)[:] = state[name]

    def _blocks(self, length: int) -> list[slice]:
        size = max(1, _BLOCK // self.weights.shape[1])
        return [slice(start, start + size) for start in range(0, length, size)]

    def _expected(self, rows: Rows, rates: Rates) -> Floats:
        """Moves from now to a row's next gradient, in u, if it comes as often as up to now."""
        absent = 1 - self.touches[rows] / (self.steps + 1)
        left = absent * (rates.b1 / math.sqrt(rates.b2))
        return np.asarray(rates.move * left / (1 - left), dtype=np.float32)

    def _maps(self, rows: Rows) -> Doubles:
        """What brings the rows up to date; a column for each."""
        maps = np.take(self.missed.maps, self.current[rows], axis=1)
        _, _, kept, moved, _, followed, lagged = maps
        moved -= kept * self.ahead[rows]
        lagged -= followed * self.ahead[rows]
        return maps

    def _take(self, rows: Rows, maps: Doubles) -> list[Floats]:
        """Weights, moments and average of rows, brought up to date."""
        columns = maps.astype(np.float32)[:, :, None]
        first, second, kept, moved, average, followed, lagged = columns
        tables = (self.weights, self.mom1, self.mom2, self.average)
        taken = [np.take(table, rows, axis=0) for table in tables if table is not None]
        weights, mom1, mom2 = taken[:3]
        u = _direction(mom1, mom2, self.eps)
        product = np.empty_like(u)
        if self.average is not None:
            taken[3] *= average
            taken[3] += np.multiply(weights, followed, out=product)
            taken[3] -= np.multiply(u, lagged, out=product)
        if (kept != 1).any():
            weights *= kept
        weights -= np.multiply(u, moved, out=u)
        mom1 *= first
        mom2 *= second
        return taken

    def _put(self, rows: Rows, taken: list[Floats]) -> None:
        tables = (self.weights, self.mom1, self.mom2, self.average)
        for table, values in zip(tables, taken, strict=False):
            if table is not None:
                table[rows] = values


def _learn(
    taken: list[Floats], gradient: Floats, scale: float, rates: Rates, ahead: Floats
) -> None:
    """Do to rows what a step of Adam does with their gradient, and move them ahead."""
    weights, mom1, mom2 = taken[:3]
    product = np.multiply(gradient, (1 - rates.b1) * scale)
    mom1 += product
    gradient *= gradient
    gradient *= (1 - rates.b2) * scale**2
    mom2 += gradient
    u = _direction(mom1, mom2, rates.eps)
    move = rates.move * rates.kept
    for average in taken[3:]:
        average -= np.multiply(u, (1 - rates.average) * move, out=product)
    weights -= np.multiply(u, (move + ahead)[:, None], out=u)


def _direction(mom1: Floats, mom2: Floats, eps: float) -> Floats:
    u: Floats = np.sqrt(mom2)
    u += eps
    return np.divide(mom1, u, out=u)


def _same_memory(first: Floats | None, second: Floats | None) -> bool:
    if first is None or second is None:
        return first is second
    return first is second or (first.ctypes.data, first.size) == (second.ctypes.data, second.size)
