"""How often parts of the input were begun, in a module that imports next to nothing.

The process that counts them would otherwise load spaCy for it. There is one only where an actor was
lost, as a process takes some time of a processor even where it has nothing to do.
"""

from __future__ import annotations

from collections import Counter as Counts
from dataclasses import dataclass
from typing import Any

Part = tuple[int, int]


class _Begun:
    """What counts, in a process of its own."""

    def __init__(self) -> None:
        self._times: Counts[Part] = Counts()

    def begin(self, part: Part) -> int:
        self._times[part] += 1
        return self._times[part]

    def end(self, part: Part) -> None:
        self._times.pop(part, None)


class Begun:
    """Counts how often each part was begun, until it is done."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def begin(self, part: Part) -> int:
        """How often it was, this time included."""
        import ray

        times: int = ray.get(self._actor.begin.remote(part))
        return times

    def end(self, part: Part) -> None:
        """It is done."""
        self._actor.end.remote(part)


@dataclass(frozen=True)
class Counter:
    """One `Begun` for all actors of a run.

    name: of its own. machine: that of the driver, whose loss ends the run anyway.
    """

    name: str
    machine: str

    def get(self) -> Begun:
        """It, made where there is none yet. If its process dies, it begins again at nothing."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = ray.remote(_Begun).options(
            name=self.name,
            get_if_exists=True,
            lifetime="detached",  # it must not end with the actor that makes it
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(self.machine, soft=False),
        )
        return Begun(actor.remote())

    def end(self) -> None:
        """Let it go, if it is there."""
        import ray

        try:
            ray.kill(ray.get_actor(self.name))
        except ValueError:
            return


def is_restarted() -> bool:
    """Whether this process is that of an actor that was lost before."""
    import ray

    return bool(ray.get_runtime_context().was_current_actor_reconstructed)
