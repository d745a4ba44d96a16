"""The settings of tasks that can be tried out on a trained pipeline."""

from __future__ import annotations

from typing import Any

from spacy.util import dict_to_dot

from ..errors import MTLError
from ..tasks.base import Task
from ..tasks.capable import Thresholded


class Tunable:
    """A component whose tasks' thresholds stand in `cfg`, where `spacy find-threshold` sets them.

    Put it before `TrainablePipe` among the bases, which has a `cfg` of its own.
    """

    name: str
    tasks: dict[str, Task]

    @property
    def cfg(self) -> dict[str, Any]:
        """The threshold of each task that has one, under the same names as in the config:
        {"tasks": {"topics": {"threshold": 0.5}}}. A copy; assign it to change thresholds, which
        sets the thresholds of these tasks' labels aside.

        RAISES (MTLError): On assignment, for what is no task's threshold, or no number from 0 to 1.
        """
        return {
            "tasks": {name: {"threshold": task.threshold} for name, task in self._tunable.items()}
        }

    @cfg.setter
    def cfg(self, settings: dict[str, Any]) -> None:
        known, given = dict_to_dot(self.cfg), dict_to_dot(settings)
        if unknown := sorted(set(given) - set(known)):
            raise MTLError(
                f"Expected in `cfg` of '{self.name}' thresholds of its tasks "
                f"({', '.join(known) or 'none has one'}), got {', '.join(unknown)}. Set anything "
                "else in the config."
            )
        for path, threshold in given.items():
            _, task, _ = path.split(".")
            self._tunable[task].threshold = threshold

    @property
    def _tunable(self) -> dict[str, Thresholded]:
        return {name: task for name, task in self.tasks.items() if isinstance(task, Thresholded)}
