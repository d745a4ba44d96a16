"""What protects a stopped task from an encoder that the other tasks go on training.

Its head was put back as it was at its best evaluation, while the encoder has moved on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from typing import Any

from spacy.language import Language

from ..errors import MTLError
from ..models.freezing import owners, parameter_names
from ..models.topologies.base import head_of
from ..pipeline.component import MultiTask
from ..pipeline.listeners import copy_with_encoders
from ..pipeline.live import multitasks
from ..pipeline.teachers import Teacher
from ..tasks.labels import LabelledTask
from .best_heads import BestHeads
from .pace import set_pace
from .parameter_state import assign, value_of
from .parameters import Parameter, below, encoder_models, named_parameters

OPTIMIZER = "spacy_mtl.GroupedOptimizer."


class Protection:
    """None at all; the base of the others.

    needs_encoders: whether the encoders are kept beside the heads.
    """

    needs_encoders = False

    def prepare(self, nlp: Language, patient: Set[str]) -> None:
        """Begin, with no task stopped. patient: the names of those that may be.

        RAISES (MTLError): If it cannot protect the tasks of this pipeline.
        """

    def stop(self, nlp: Language, component: MultiTask, task: str, best: BestHeads) -> None:
        """A task has been stopped. Called once for each in a process: of a training that is
        resumed again."""

    def frozen(self, nlp: Language) -> set[Parameter]:
        """What is frozen, once a task has been stopped."""
        return set()

    def learning(
        self, component: MultiTask, stopped: Collection[str], resting: Collection[str]
    ) -> set[str]:
        """Those of a component's stopped tasks that are trained nevertheless. resting: the stopped
        and all others that are not trained at this step."""
        return set()


class Freeze(Protection):
    """The embeddings and the lower half of each encoder's layers are frozen."""

    def frozen(self, nlp: Language) -> set[Parameter]:
        parameters = named_parameters(nlp)
        found: set[Parameter] = set()
        for model in encoder_models(nlp):
            own = [(p, p.above) for p in below(model, parameters) if p.above is not None]
            lowest = max((above for _, above in own), default=0)
            found.update(p for p, above in own if above and 2 * above >= lowest)
        return found


class Slow(Protection):
    """Each task that stops multiplies the learning rate of all encoders by `factor`."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._stopped = 0

    def prepare(self, nlp: Language, patient: Set[str]) -> None:
        used = nlp.config.interpolate()["training"]["optimizer"]["@optimizers"]
        if not used.startswith(OPTIMIZER):
            raise MTLError(
                'Expected with `protect = "slow"` of [training.before_update] an optimizer whose '
                f'rate can differ between parameters, got "{used}". Set @optimizers = '
                f'"{OPTIMIZER}v1" in [training.optimizer].'
            )
        self._stopped = 0
        set_pace(_encoder_parameters(nlp), 1.0)

    def stop(self, nlp: Language, component: MultiTask, task: str, best: BestHeads) -> None:
        self._stopped += 1
        set_pace(_encoder_parameters(nlp), self._factor**self._stopped)


class Distill(Protection):
    """A stopped task goes on with other targets: what it said at its best evaluation (Li and Hoiem
    2016, https://arxiv.org/abs/1606.09282). A component of which no other task is trained stands
    still."""

    needs_encoders = True

    def prepare(self, nlp: Language, patient: Set[str]) -> None:
        for component in multitasks(nlp).values():
            component.teachers.clear()
            for name in patient & component.tasks.keys():
                if not isinstance(task := component.tasks[name], LabelledTask):
                    raise MTLError(
                        'Expected with `protect = "distill"` of [training.before_update] tasks '
                        f"with labels, whose probabilities can be distilled, got '{name}', a "
                        f"{type(task).__name__}. Set another `protect`, or `patience = null` in "
                        f"[training.before_update.tasks.{name}]."
                    )

    def stop(self, nlp: Language, component: MultiTask, task: str, best: BestHeads) -> None:
        others = [head_of(component.model, name) for name in component.tasks if name != task]
        model = copy_with_encoders(nlp, component.name, component.model, shared=others)
        names = {parameter.key: parameter.name for parameter in named_parameters(nlp)}
        values = best.values(component, task)
        for owner in owners(model):
            for local in parameter_names(owner):
                name = names[owner.id, local]
                if name in values:
                    assign(value_of(Parameter(name, owner, local)), values[name], name)
        taught: Any = component.tasks[task]  # a `LabelledTask`, see `prepare`
        component.teachers[task] = Teacher(model, taught)

    def learning(
        self, component: MultiTask, stopped: Collection[str], resting: Collection[str]
    ) -> set[str]:
        return set() if set(component.active_tasks) <= set(resting) else set(stopped)


PROTECTIONS: dict[str, Callable[[float], Protection]] = {
    "none": lambda factor: Protection(),
    "freeze": lambda factor: Freeze(),
    "slow": Slow,
    "distill": lambda factor: Distill(),
}


def _encoder_parameters(nlp: Language) -> list[Parameter]:
    return [parameter for parameter in named_parameters(nlp) if parameter.above is not None]
