"""State that a checkpoint holds: everything that learns or counts outside the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from numpy.typing import NDArray

State = dict[str, NDArray]


@runtime_checkable
class Stateful(Protocol):
    """Something whose state can be written to arrays and set again, exactly.

    `load_state(state())` on an object made from the same config must give the same behaviour
    from there on. No entry may be a pickle or an object array.
    """

    def state(self) -> State:
        """The present state by name, as copies."""

    def load_state(self, state: State) -> None:
        """Set the state.

        RAISES (MTLError): Where names or shapes are not those of `state()`.
        """


def joined(parts: Mapping[str, State]) -> State:
    """The states of several parts as one, each name behind its part's: "part/name"."""
    return {f"{part}/{name}": array for part, s in parts.items() for name, array in s.items()}


def part_of(state: Mapping[str, NDArray], part: str) -> State:
    """The state of one part of what was `joined`, {} if it has none."""
    start = f"{part}/"
    return {name[len(start) :]: a for name, a in state.items() if name.startswith(start)}
