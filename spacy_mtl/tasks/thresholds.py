"""From which score on a label counts as assigned: one threshold for all, others for some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import MTLError
from .labels import LabelledTask, some

STATE = "thresholds"


class Thresholds:
    """The thresholds of labels.

    common: of all labels that have none of their own. own: of some labels.
    RAISES (MTLError): If one is no number from 0 to 1.
    """

    def __init__(self, common: float, own: Mapping[str, float] | None = None) -> None:
        self.common = _checked("`threshold`", common)
        self.own = {
            label: _checked(f"a threshold of '{label}'", value)
            for label, value in (own or {}).items()
        }

    def of(self, labels: Sequence[str]) -> dict[str, float]:
        """The threshold of each of these labels."""
        return {label: self.own.get(label, self.common) for label in labels}

    def values(self, labels: Sequence[str], xp: Any = np) -> Any:
        """What (n, n_labels) scores are compared with: a number, or (n_labels,) of an array module
        if labels have thresholds of their own."""
        if not self.own:
            return self.common
        return xp.asarray([*self.of(labels).values()], dtype="float64")


class ThresholdedTask(LabelledTask):
    """A task that decides about each label by a threshold; see `ThresholdedByLabel`.

    exclusive: each document has exactly one label, and there is nothing to decide by a threshold.
    configured_threshold: what the config says, whatever was set since.
    """

    exclusive: bool
    configured_threshold: float
    _thresholds: Thresholds

    def set_labels(self, labels: Iterable[str]) -> None:
        """Replace the labels. Those that stay keep their thresholds."""
        super().set_labels(labels)
        own = self._thresholds.own
        self.label_thresholds = {label: own[label] for label in self.labels if label in own}

    @property
    def threshold(self) -> float:
        """From which score on a label that has no threshold of its own is assigned.

        Setting it sets those of the labels aside. RAISES (MTLError): If it is not from 0 to 1.
        """
        return self._thresholds.common

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._thresholds = Thresholds(value)

    @property
    def label_thresholds(self) -> Mapping[str, float]:
        """The threshold of each label, to be read only; none where each document has exactly one
        label.

        Assign those of some labels: all others then have `threshold`.
        RAISES (MTLError): If one is set of what is no label, or outside 0 to 1.
        """
        return MappingProxyType({} if self.exclusive else self._thresholds.of(self.labels))

    @label_thresholds.setter
    def label_thresholds(self, values: Mapping[str, float]) -> None:
        known = () if self.exclusive else self.labels
        if unknown := [label for label in values if label not in known]:
            raise MTLError(
                f"Expected thresholds of labels of the task '{self.name}', which decides about "
                f"{some(known) or 'no label by itself'}, got {some(map(str, unknown))}."
            )
        given = Thresholds(self.threshold, values)
        self._thresholds = Thresholds(self.threshold, self.consistent(given))

    def consistent(self, thresholds: Thresholds) -> Mapping[str, float]:
        """The thresholds that labels get of their own if these are set."""
        return thresholds.own

    @property
    def depends_on_temperature(self) -> bool:
        """See `Thresholded`: what is above 0.5 stays there, and the best class the best."""
        thresholds = (self._thresholds.common, *self._thresholds.own.values())
        return not self.exclusive and any(value != 0.5 for value in thresholds)

    def state(self) -> dict[str, Any]:
        """See `Task`: the thresholds, if they are not that of the config for all labels, and what
        that one was."""
        common, own = self._thresholds.common, self._thresholds.own
        if not own and common == self.configured_threshold:
            return {}
        given = {"common": common, "own": dict(own), "configured": self.configured_threshold}
        return {STATE: given}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Set what `state` gave. It is passed over if `threshold` of the config is no longer what
        it was: who has changed it wants that one."""
        saved = state.get(STATE, {"common": self.configured_threshold, "own": {}})
        try:
            common, own = saved["common"], dict(saved["own"])
            configured = saved.get("configured", common)  # files of before had no other one
        except (KeyError, TypeError, ValueError, AttributeError):
            common, own = None, None
        if own is None or set(state) - {STATE}:
            raise MTLError(
                f"Expected in the saved state of the task '{self.name}' the thresholds of its "
                f"labels, got {str(dict(state))[:80]}. Copy, save or calibrate the pipeline again."
            )
        is_same = configured == self.configured_threshold
        self.threshold = common if is_same else self.configured_threshold
        self.label_thresholds = own if is_same else {}


def _checked(what: str, value: float) -> float:
    if not isinstance(value, Real) or not 0.0 <= value <= 1.0:
        raise MTLError(f"Expected {what} between 0 and 1, got {value!r}.")
    return float(value)
