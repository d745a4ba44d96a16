"""What a component knows of its training beside parameters and labels."""

from __future__ import annotations

import json

import numpy as np
from thinc.api import Model

from ..balancing.base import Balancer
from ..balancing.gradients import ConflictMeter
from ..models.topologies.base import encoders, own_steps
from ..state import State, joined, part_of
from ..tasks.base import Task
from .history import ScoreHistory
from .losses import RunningLosses


class TrainingProgress:
    """The component's state between two steps of a training; see `spacy_mtl.state.Stateful`."""

    tasks: dict[str, Task]
    balancer: Balancer
    conflict: ConflictMeter
    history: ScoreHistory
    stopped_tasks: set[str]
    model: Model
    frozen_encoders: set[str]
    _started: bool
    _active: set[str]
    _running: RunningLosses

    def state(self) -> State:
        """The balancer, the running losses, conflicts and scores, which tasks are trained, and what
        these have learned beside parameters and labels."""
        own = {
            "started": np.asarray(self._started),
            "frozen": np.asarray([name in self.frozen_encoders for name in encoders(self.model)]),
            "stopped": np.asarray([task in self.stopped_tasks for task in self.tasks]),
            "active": np.asarray([task in self._active for task in self.tasks]),
        }
        if states := {name: state for name, task in self.tasks.items() if (state := task.state())}:
            own["tasks"] = np.frombuffer(json.dumps(states).encode("utf8"), dtype="uint8")
        parts = {"balancer": self.balancer.state(), "losses": self._running.state()}
        if (steps := own_steps(self.model)) is not None:
            parts["topology"] = steps.state()
        measured = {"conflict": self.conflict.state(), "history": self.history.state()}
        return joined({"own": own, **parts, **measured})

    def load_state(self, state: State) -> None:
        """Go on from there.

        RAISES (MTLError): If it is of other tasks or another balancer.
        """
        own = part_of(state, "own")
        self._started = bool(own["started"])
        if self._started:
            self.balancer.start(list(self.tasks))
        self.balancer.load_state(part_of(state, "balancer"))
        names = encoders(self.model)
        if "encoder_frozen" in own:  # of 0.1, whose topology had one encoder
            own["frozen"] = np.repeat(own["encoder_frozen"], len(names))
        self.frozen_encoders = {n for n, on in zip(names, own["frozen"], strict=True) if on}
        self.stopped_tasks = {t for t, on in zip(self.tasks, own["stopped"], strict=True) if on}
        self._active = {t for t, on in zip(self.tasks, own["active"], strict=True) if on}
        if "tasks" in own:
            for name, saved in json.loads(own["tasks"].tobytes()).items():
                self.tasks[name].load_state(saved)
        if (steps := own_steps(self.model)) is not None:
            steps.load_state(part_of(state, "topology"))
        self._running.load_state(part_of(state, "losses"))
        self.conflict.load_state(part_of(state, "conflict"))
        self.history.load_state(part_of(state, "history"))
