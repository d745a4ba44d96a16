"""Settings that may change over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from .errors import MTLError


class Setting:
    """A number, or a thinc schedule of numbers, that is looked up by position.

    A schedule of thinc is a stream of values; one that ends keeps its last value. Positions must
    not go back, so that no more than one value is kept. A pickled copy, as a pipeline that
    predicts in several processes needs, has the present value for good.
    """

    def __init__(self, value: float | Iterable[float], name: str) -> None:
        """name: how errors call it."""
        if isinstance(value, Mapping):
            raise MTLError(
                f"Expected a number or a schedule for {name}, got a section without @schedules: "
                f'{dict(value)!r}. Name one there, such as @schedules = "compounding.v1".'
            )
        if isinstance(value, (bool, str)) or not isinstance(value, (Real, Iterable)):
            raise MTLError(f"Expected a number or a schedule for {name}, got {value!r}.")
        self._name = name
        self._values: Any = None if isinstance(value, Real) else iter(value)
        self._position = -1
        self._value = float(value) if isinstance(value, Real) else 0.0

    @property
    def begun(self) -> bool:
        """Whether it is a schedule whose first value is gone."""
        return self._values is not None and self._position > 0

    def at(self, position: int) -> float:
        """The value at this position, which begins at 0."""
        if self._values is None:
            return self._value
        if position < self._position:
            raise MTLError(
                f"Expected {self._name} to be looked up at {self._position} or later, got "
                f"{position}. Make the schedule anew to begin again."
            )
        while self._position < position:
            value = next(self._values, None)
            if value is None:
                self._position = position
                break
            self._value = float(value)
            self._position += 1
        return self._value

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_values": None}
