"""What is trained when: layers that wait or stay frozen, tasks that start and stop."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from spacy.language import Language

from ..errors import MTLError
from ..pipeline.live import multitasks
from ..state import State
from .best_heads import BestHeads
from .freezing_plan import FreezingPlan
from .patience import Patience
from .periods import TrainingPeriod, check_steps, periods
from .protection import PROTECTIONS


class Unfreeze:
    """Decides before each update which layers and tasks learn; see `create_unfreeze`.

    It sets the encoders and the layers that `layers` names, whatever they were before, and
    leaves others as they are. Without patience, what is frozen depends on the step alone. With
    it, also on the steps at which the scores in `MultiTask.history` were made, which are its
    state, with the heads that it keeps.
    """

    def __init__(
        self, encoder: int, gradual: int, layers: Mapping[str, int], patience: Patience
    ) -> None:
        if gradual and encoder < 0:
            raise MTLError(
                "Expected `gradual` to be steps between one layer and the next, with an `encoder` "
                f"that begins to learn at some step, got {gradual} and {encoder}."
            )
        self.encoder = encoder
        self.gradual = gradual
        self.layers = layers
        self._patience = patience
        self._nlp: Language | None = None
        self._plan: FreezingPlan
        self._applied: tuple[int, frozenset[str], bool] | None = None
        self._warned = False

    @property
    def tasks(self) -> Mapping[str, TrainingPeriod]:
        """The periods of tasks that have their own."""
        return self._patience.tasks

    def __call__(self, nlp: Language, info: Mapping[str, Any]) -> None:
        """Freeze, unfreeze, start and stop what is due at `info["step"]`.

        RAISES (MTLError): For names of layers or tasks that the pipeline does not have.
        """
        step = int(info["step"])
        if self._nlp is not nlp:
            self._plan = FreezingPlan(nlp, self.encoder, self.gradual, self.layers)
            self._patience.prepare(nlp)
            self._nlp, self._applied = nlp, None
        idle = set()
        for name, component in multitasks(nlp).items():
            component.stopped_tasks -= set(self.tasks)
            component.stopped_tasks |= self._patience.resting(name, component, step)
            if component.stopped_tasks.issuperset(component.active_tasks):
                idle.add(name)
        stopped = bool(self._patience.stopped)
        due = (self._plan.stage(step), frozenset(idle), stopped)
        if due != self._applied:
            protected = self._patience.protection.frozen(nlp) if stopped else ()
            self._plan.apply(nlp, step, idle, protected)
            self._applied = due
        if idle and len(idle) == len(multitasks(nlp)):
            self._warn_of_rest(step)

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`."""
        return self._patience.state()

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
        self._patience.load_state(state)

    def _warn_of_rest(self, step: int) -> None:
        """Say once that nothing is trained."""
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"No task is trained at step {step}: each has been stopped or has not started. "
                "spaCy's training goes on, up to its own `max_steps` or `patience`.",
                stacklevel=3,
            )


def create_unfreeze(
    encoder: int = 0,
    gradual: int = 0,
    layers: dict[str, int] | None = None,
    tasks: dict[str, Any] | None = None,
) -> Callable[[Language, dict[str, Any]], None]:
    """Decide at each step which layers and tasks learn; for [training.before_update].

    What is frozen or stopped does not move at all. All numbers are steps, counted from 0.

    encoder: at which the encoder begins to learn; -1 for never (feature extraction).
    gradual: between one layer of the encoder and the next below, from the top (Howard and
        Ruder 2018, https://arxiv.org/abs/1801.06146); 0 for all at once.
    layers: at which the layers whose path fits a pattern begin to learn, in place of `encoder`
        and `gradual`; -1 for never. The last pattern that fits counts; for the paths see
        `spacy_mtl.optimizing.parameters`.
    tasks: by name `start`, `stop` and `patience`, see `TrainingPeriod`. A task that is not trained
        is predicted and scored nevertheless. A task that patience stops is named once: in spaCy's
        log, or in a warning if it never scored above 0.
    RAISES (MTLError): For numbers that are no such steps; at the first call, for names of layers
        or tasks that the pipeline does not have.
    """
    _check(encoder, gradual, layers or {})
    return Unfreeze(encoder, gradual, layers or {}, Patience(periods(tasks, None)))


def create_unfreeze_v2(
    encoder: int = 0,
    gradual: int = 0,
    layers: dict[str, int] | None = None,
    tasks: dict[str, Any] | None = None,
    patience: int | None = None,
    smoothing: int = 1,
    protect: str = "none",
    slow: float = 0.3,
) -> Callable[[Language, dict[str, Any]], None]:
    """Decide at each step which layers and tasks learn; for [training.before_update].

    What is frozen or stopped does not move at all. All numbers are steps, counted from 0. A task
    that patience stops gets the head back that it had at its best evaluation, and is named once in
    spaCy's log. A task that is not trained is predicted and scored nevertheless.

    encoder: at which the encoder begins to learn; -1 for never (feature extraction).
    gradual: between one layer of the encoder and the next below, from the top (Howard and
        Ruder 2018, https://arxiv.org/abs/1801.06146); 0 for all at once.
    layers: at which the layers whose path fits a pattern begin to learn, in place of `encoder`
        and `gradual`; -1 for never. The last pattern that fits counts; for the paths see
        `spacy_mtl.optimizing.parameters`.
    tasks: by name `start`, `stop` and `patience`, see `TrainingPeriod`.
    patience: of tasks that `tasks` gives none: the steps since its best evaluation after which a
        task is stopped; null for never. It begins when the score is first above that of the first
        evaluation: before that, no head is worth putting back. With `patience = null` in `tasks`,
        one task is never stopped.
    smoothing: how many evaluations, the last ones, a score is the mean of before patience looks at
        it; 1 for each by itself.
    protect: what keeps the encoder, which the other tasks go on training, fit for a head that was
        put back. "none"; "freeze": its embeddings and the lower half of its layers are frozen when
        the first task stops; "slow": its learning rate is multiplied by `slow` each time, which
        needs `spacy_mtl.GroupedOptimizer.v1`; "distill": the task goes on, with what the pipeline
        said at the task's best evaluation in place of the labels (Li and Hoiem 2016,
        https://arxiv.org/abs/1606.09282), for which another copy of the encoder is kept and run.
    slow: the factor of `protect = "slow"`.
    RAISES (MTLError): For numbers that are no such steps, and for another `protect`; at the first
        call, for names of layers or tasks that the pipeline does not have.
    """
    _check(encoder, gradual, layers or {})
    if patience is not None:
        check_steps(patience, 1, "patience in [training.before_update]")
    if smoothing < 1:
        raise MTLError(f"Expected `smoothing` over 1 evaluation or more, got {smoothing}.")
    if protect not in PROTECTIONS:
        raise MTLError(f"Expected `protect` out of {', '.join(PROTECTIONS)}, got {protect!r}.")
    if not 0 < slow <= 1:
        raise MTLError(f"Expected `slow` above 0 and up to 1, got {slow}.")
    protection = PROTECTIONS[protect](slow)
    stopping = Patience(
        periods(tasks, patience),
        TrainingPeriod(patience=patience),
        smoothing,
        BestHeads(encoders=protection.needs_encoders),
        protection,
    )
    return Unfreeze(encoder, gradual, layers or {}, stopping)


def _check(encoder: Any, gradual: Any, layers: Mapping[str, Any]) -> None:
    """RAISES (MTLError): For settings that are no steps."""
    check_steps(encoder, -1, "encoder in [training.before_update]")
    check_steps(gradual, 0, "gradual in [training.before_update]")
    for pattern, begin in layers.items():
        check_steps(begin, -1, f"{pattern} in [training.before_update.layers]")
