"""Each task's head as it was at its best evaluation, to be put back when the task is stopped.

With a head go the parts of the topology that learn by its task alone, such as a tower.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from spacy.language import Language

from ..models.topologies.base import own_parts
from ..pipeline.component import MultiTask
from ..pipeline.listeners import upstream_encoders
from ..state import State, joined, part_of
from .parameter_state import assign, on_host, value_of
from .parameters import Parameter, below, named_parameters


@dataclass
class Kept:
    """What is kept of a task: values of parameters, by their paths.

    head: of its head and what learns by it alone. encoders: of the encoders with all that stands
    between them and the heads, shared by tasks that were best at the same evaluation. restored:
    whether the head has been put back.
    """

    head: State
    encoders: State = field(default_factory=dict)
    restored: bool = False


class BestHeads:
    """Keeps heads, and puts them back.

    The values are those that were evaluated, averages if the optimizer has any.

    encoders: keep the encoders of the same time, too.
    """

    def __init__(self, encoders: bool = False) -> None:
        self._with_encoders = encoders
        self._kept: dict[tuple[str, str], Kept] = {}

    def keep(self, nlp: Language, component: MultiTask, tasks: Iterable[str]) -> None:
        """Take the present values, in place of those before. Called during an evaluation."""
        parameters = named_parameters(nlp)
        encoders: State | None = None
        for task in tasks:
            if encoders is None:
                shared = _shared(nlp, component, parameters) if self._with_encoders else []
                encoders = _values(shared)
            head = _values(_of_task(component, task, parameters))
            self._kept[component.name, task] = Kept(head, encoders)

    def restore(self, nlp: Language, component: MultiTask, task: str) -> None:
        """Put a task's head back, and let its averages begin anew; only once in a training."""
        kept = self._kept[component.name, task]
        if kept.restored:
            return
        for parameter in _of_task(component, task, named_parameters(nlp)):
            if parameter.name in kept.head:
                assign(value_of(parameter), kept.head[parameter.name], parameter.name)
        component.restarted_heads.add(task)
        kept.restored = True
        if not self._with_encoders:
            kept.head = {}

    def was_restored(self, component: MultiTask, task: str) -> bool:
        """Whether the task's head has been put back in this training."""
        return self._kept[component.name, task].restored

    def forget(self, component: MultiTask) -> None:
        """Forget a component's heads: its training begins anew."""
        for task in component.tasks:
            self._kept.pop((component.name, task), None)

    def values(self, component: MultiTask, task: str) -> State:
        """Those of the encoders and the head at the task's best evaluation."""
        kept = self._kept[component.name, task]
        return {**kept.encoders, **kept.head}

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`."""
        encoders = {id(kept.encoders): kept.encoders for kept in self._kept.values()}
        numbers = {key: number for number, key in enumerate(encoders)}
        parts = {f"encoders/{numbers[key]}": values for key, values in encoders.items()}
        places = []
        for number, ((component, task), kept) in enumerate(self._kept.items()):
            places.append([component, task, kept.restored, numbers[id(kept.encoders)]])
            parts[f"head/{number}"] = kept.head
        text = np.frombuffer(json.dumps(places).encode("utf8"), dtype="uint8")
        return {"places": text, **joined(parts)}

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
        self._kept = {}
        encoders: dict[int, State] = {}
        places = json.loads(state["places"].tobytes()) if "places" in state else []
        for number, (component, task, restored, of) in enumerate(places):
            shared = encoders.setdefault(of, part_of(state, f"encoders/{of}"))
            head = part_of(state, f"head/{number}")
            self._kept[component, task] = Kept(head, shared, restored)


def _shared(
    nlp: Language, component: MultiTask, parameters: Sequence[Parameter]
) -> list[Parameter]:
    """All parameters that the tasks' scores come from, but for those of one task alone."""
    models = [
        pipe.model for pipe in upstream_encoders(nlp, component.name, component.model).values()
    ]
    found = [p for model in [*models, component.model] for p in below(model, parameters)]
    own = {p for task in component.tasks for p in _of_task(component, task, parameters)}
    return [parameter for parameter in found if parameter not in own]


def _of_task(component: MultiTask, task: str, parameters: Sequence[Parameter]) -> list[Parameter]:
    """Those of its head, and of what learns by it alone."""
    parts = own_parts(component.model, task)
    return [parameter for part in parts for parameter in below(part, parameters)]


def _values(parameters: Iterable[Parameter]) -> State:
    """Copies of the values that there are."""
    return {p.name: on_host(value_of(p)).copy() for p in parameters if p.has_value}
