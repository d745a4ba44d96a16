"""State that a checkpoint holds: everything that learns or counts outside the parameters."""

from __future__ import annotations

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
        """Set the state; raises MTLError where names or shapes are not those of `state()`."""
