"""The component: one encoder, several tasks, one backward per update."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf
from typing import Any

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate

from ..balancing.base import Balancer
from ..balancing.gradients import ConflictMeter
from ..models.freezing import drop_gradients
from ..models.topologies import base as topologies
from ..models.topologies.own_steps import OwnSteps
from ..tasks.base import Task
from ..tasks.capable import Calibrated, Refusing, ThresholdedByLabel
from ..workers import ALONE, Workers
from .augmenters import warn_if_augmented
from .balancers import warn_if_homogeneous
from .history import ScoreHistory
from .labels import LabelSource, check_groups
from .listeners import check_upstream
from .losses import RunningLosses
from .mixtures import check_corpora
from .needs import check_needs, checked_auxiliary
from .predicting import Predicting
from .pretrained import load_pretrained
from .progress import TrainingProgress
from .sample import sample_docs
from .saving import Saving
from .score_names import check_not_chosen_by, component_score
from .scoring import Scoring
from .selection import Selection
from .steps import (
    apply_gradients,
    balanced_gradients,
    idle_nodes,
    labelled_for,
    restart_averages,
    task_step,
    totals,
)
from .teachers import Teacher
from .tunable import Tunable
from .word_batches import WordBatchedPipe


class MultiTask(
    Predicting, Scoring, Saving, TrainingProgress, Tunable, WordBatchedPipe, TrainablePipe
):
    """Learns and predicts several annotation layers from one shared encoder.

    Every update runs the encoder forward once, each task's head on the shared representation,
    and the encoder backward once, with the sum of the tasks' weighted gradients. A task that
    has no labels in the batch contributes nothing, and its head does not move.

    loss_unit: a task's loss is the sum over its labelled units (tokens, documents) in the
        batch, divided by nothing ("sum"), by their number ("mean") or by its square root
        ("sqrt", which keeps the tasks' gradient noise alike). It decides how the tasks share
        the encoder; Adam cancels most of it for the heads.
    conflict_every: measure how the tasks' gradients stand to each other at every so many
        updates, 0 for never; `conflict` has the result.
    confidences: note on each Doc how sure tags, lemmas, arcs and entities are, see
        `spacy_mtl.confidences`.
    absent: names of tasks that the topology may know although the component is without them.
    auxiliary: names of tasks that are trained for what the others gain by it: they are neither
        predicted nor scored.
    history: the main score of each task at every call of `score`.
    selection: how these become one score of the component in training, NAME_score; None for none.
    stopped_tasks: tasks that are predicted and scored, but not trained.
    teachers: by task, the earlier model that teaches it in place of the annotation.
    restarted_heads: tasks whose heads, with what learns by them alone, have been set from outside:
        the optimizer's averages of these begin anew in the next `finish_update`.
    stepping: tasks whose heads have a gradient that the next `finish_update` applies, and parts
        of the topology that have one (see `spacy_mtl.models.topologies.base.told_parts`).
    workers: who else learns from other parts of the same batches.
    frozen_encoders: encoders of the topology that no gradient is sent to. Their own parameters
        stay where they are only if they are frozen too, see `spacy_mtl.models.freezing`.
    """

    reports_mean_losses = True  # in the dict of `update`, where spaCy's components add up sums

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str,
        tasks: dict[str, Task],
        balancer: Balancer,
        loss_unit: str = "sum",
        conflict_every: int = 0,
        confidences: bool = False,
        absent: Collection[str] = (),
        selection: Selection | None = None,
        auxiliary: Collection[str] = (),
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.tasks = tasks
        self.balancer = balancer
        self.loss_unit = loss_unit
        self.conflict = ConflictMeter(conflict_every)
        self.confidences = confidences
        self.selection = selection
        self.history = ScoreHistory()
        self.stopped_tasks: set[str] = set()
        self.teachers: dict[str, Teacher] = {}
        self.restarted_heads: set[str] = set()
        self.frozen_encoders: set[str] = set()
        self._started = False
        self.auxiliary = checked_auxiliary(auxiliary, tasks, name)
        self._active = set(tasks)
        self.stepping: set[str] = set()
        self.workers: Workers = ALONE
        self._running = RunningLosses()
        check_needs(tasks, model, name, absent)
        heads = {name: task.make_head() for name, task in tasks.items()}
        for name, head in heads.items():
            told = {"shows": tasks[name].shows, "in_ensemble": tasks[name].in_ensemble}
            head.attrs.update((key, value) for key, value in told.items() if value is not None)
        topologies.attach(model, heads)

    @property
    def task_losses(self) -> dict[str, float]:
        """Each task's mean loss per labelled unit since the last evaluation, in nats."""
        return self._running.losses()

    @property
    def task_weights(self) -> dict[str, float]:
        """Each task's mean weight since the last evaluation, in the batches that had it."""
        return self._running.weights()

    @property
    def parts(self) -> list[str]:
        """The tasks, and those of the topology's parts, that move if they have a gradient."""
        return [*self.tasks, *topologies.told_parts(self.model)]

    @property
    def encoder_frozen(self) -> bool:
        """Whether no gradient is sent to any encoder."""
        return self.frozen_encoders == set(topologies.encoders(self.model))

    @encoder_frozen.setter
    def encoder_frozen(self, frozen: bool) -> None:
        self.frozen_encoders = set(topologies.encoders(self.model)) if frozen else set()

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, Any] | None = None,
    ) -> None:
        """Collect labels, set the heads' sizes and initialize the model: training begins anew.

        What the balancer learned, the history, the tasks' temperatures, their labels' thresholds
        and what they refuse, `stopped_tasks`, `teachers` and `frozen_encoders` go.
        labels: of each task by its name, as a list, in place of those found in the examples.
        Labels that were added before stay, in front of the others.
        RAISES (MTLError): If there is no task, a task without labels, a label in two tasks that
            write the same attribute, or the topology names a corpus that is none.
        """
        validate_get_examples(get_examples, "MultiTask.initialize")
        self._begin_anew()
        if nlp is not None:
            warn_if_homogeneous(self.balancer, nlp)
            warn_if_augmented(nlp)
            check_upstream(nlp, self.name, self.model)
            check_corpora(nlp, self.name, self.model, get_examples)
            if self.selection is None:
                check_not_chosen_by(component_score(self.name), self.name, nlp)
        source = LabelSource(self.name, self.tasks, labels)
        found = source.collect(get_examples)
        check_groups(self.output_tasks, found)
        before = {name: task.columns for name, task in self.labelled_tasks.items()}
        self.set_labels(found)
        for name, task in self.labelled_tasks.items():
            topologies.resize_head(self.model, name, before[name], task.columns)
        source.begin(get_examples)
        self.model.initialize(X=sample_docs(get_examples, self.vocab))
        if nlp is not None:
            load_pretrained(nlp, self.name, self.model)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch; see the class.

        losses: gets the weighted total at the component's name and each task's mean loss per
        labelled unit at NAME_TASK, running means since the dict was new.
        """
        losses = {} if losses is None else losses
        examples = list(examples)
        validate_examples(examples, "MultiTask.update")
        if self._running.open(losses, self.name, list(self.tasks)):
            self.conflict.reset()
        if any(len(eg.predicted) for eg in examples):
            set_dropout_rate(self.model, drop)
            self._learn(examples)
        self._running.report(losses)
        if sgd not in (None, False):
            self.finish_update(sgd)
        return losses

    def _learn(self, examples: Sequence[Example]) -> None:
        """Run forward, backward, and accumulate the gradients."""
        self._start_balancer()
        docs = [eg.predicted for eg in examples]
        self._check_ready(self.active_tasks)
        names = [name for name in self.active_tasks if name not in self.stopped_tasks]
        labelled = None
        if topologies.sees_labelled(self.model):
            labelled = labelled_for(self.tasks, examples, self.teachers)
        represented = topologies.represent(self.model, docs, names, True, labelled)
        steps = {}
        for name in names:
            task, teacher = self.tasks[name], self.teachers.get(name)
            step = task_step(task, self.model, represented, examples, teacher)
            if step is not None:
                steps[name] = step
        found = totals(steps, names, self.workers)
        weights, gradients = balanced_gradients(
            steps, found, represented, self.loss_unit, self.balancer, self.conflict, self.workers
        )
        for name, total in found.items():
            self._running.add(name, total.loss, total.n_units, weights[name])
        passed_through = represented.backprop(gradients, self.frozen_encoders)
        moving = set(passed_through)
        for name in moving.intersection(self.tasks).difference(names):
            drop_gradients(topologies.head_of(self.model, name))
            moving.remove(name)
        self.stepping.update(gradients, moving)

    def complete_backward(self) -> None:
        """Nothing waits to go backward between `update` and `finish_update`."""

    def _begin_anew(self) -> None:
        """Forget a training before, apart from its labels."""
        self.balancer.reset()
        if self._own_steps is not None:
            self._own_steps.reset()
        self._started = False
        self._start_balancer()
        self.conflict.restart()
        self.history.clear()
        for task in self.tasks.values():
            if isinstance(task, Calibrated):
                task.temperature = 1.0
            if isinstance(task, ThresholdedByLabel):
                task.label_thresholds = {}
            if isinstance(task, Refusing):
                task.refuse_above = inf
        self.stopped_tasks = set()
        self.teachers = {}
        self.restarted_heads = set()
        self.frozen_encoders = set()
        self.stepping.clear()
        self._running = RunningLosses()

    @property
    def _own_steps(self) -> OwnSteps | None:
        return topologies.own_steps(self.model)

    def _start_balancer(self) -> None:
        if not self._started:
            self.balancer.start(list(self.tasks))
            self._started = True

    def finish_update(self, sgd: Optimizer) -> None:
        """Apply the accumulated gradients, leaving alone what got none.

        An optimizer moves a parameter also when its gradient is zero (by momentum and weight
        decay), so the heads of tasks that were absent are passed over.
        """
        for name in self.restarted_heads:
            for part in topologies.own_parts(self.model, name):
                restart_averages(part.walk(), sgd)
        self.restarted_heads.clear()
        own = self._own_steps
        if not self.stepping:
            return
        if own is not None:
            own.step(self.model, self.stepping)
        idle = idle_nodes(self.model, self.stepping)
        apply_gradients((node for node in self.model.walk() if node.id not in idle), sgd)
        self.stepping.clear()
