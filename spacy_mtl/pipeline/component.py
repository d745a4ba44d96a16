"""The component: one encoder, several tasks, one backward per update."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from ..balancing.base import Balancer
from ..balancing.gradients import ConflictMeter
from ..errors import MTLError
from ..models.freezing import drop_gradients
from ..models.heads import resize
from ..models.packed import Packed
from ..models.topologies import base as topologies
from ..models.topologies.base import Head, Represented
from ..tasks.base import Task
from ..tasks.capable import Calibrated, Labelled
from ..tasks.scored import ScoredTask
from .augmenters import warn_if_augmented
from .balancers import warn_if_homogeneous
from .history import ScoreHistory
from .labels import LabelSource, check_groups, qualified, split_label
from .listeners import check_upstream, check_vectors
from .losses import RunningLosses
from .needs import Needs, all_needs, check_needs, decisions, with_needs
from .pretrained import load_pretrained
from .progress import TrainingProgress
from .sample import sample_docs
from .saving import Saving
from .score_names import own_name
from .steps import apply_gradients, balanced_gradients, task_step
from .tunable import Tunable
from .word_batches import WordBatchedPipe


class MultiTask(Saving, TrainingProgress, Tunable, WordBatchedPipe, TrainablePipe):
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
    confidences: note on each Doc how sure entities and tags are, see `spacy_mtl.confidences`.
    absent: names of tasks that the topology may know although the component is without them.
    history: the main score of each task at every call of `score`.
    stopped_tasks: tasks that are predicted and scored, but not trained.
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
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.tasks = tasks
        self.balancer = balancer
        self.loss_unit = loss_unit
        self.conflict = ConflictMeter(conflict_every)
        self.confidences = confidences
        self.history = ScoreHistory()
        self.stopped_tasks: set[str] = set()
        self.frozen_encoders: set[str] = set()
        self._started = False
        self._active = set(tasks)
        self._stepping: set[str] = set()  # tasks whose heads have a gradient to apply
        self._running = RunningLosses()
        check_needs(tasks, model, name, absent)
        topologies.attach(model, {name: task.make_head() for name, task in tasks.items()})

    @property
    def task_losses(self) -> dict[str, float]:
        """Each task's mean loss per labelled unit since the last evaluation, in nats."""
        return self._running.losses()

    @property
    def task_weights(self) -> dict[str, float]:
        """Each task's mean weight since the last evaluation, in the batches that had it."""
        return self._running.weights()

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, each behind its task's name: "ner:PER"."""
        return tuple(
            qualified(name, own) for name, labels in self.label_data.items() for own in labels
        )

    @property
    def active_tasks(self) -> tuple[str, ...]:
        """The tasks that are trained and predicted; the others leave Docs as they are.

        What an active task needs is predicted too, and not written unless it is active itself.
        """
        return tuple(name for name in self.tasks if name in self._active)

    @active_tasks.setter
    def active_tasks(self, names: Iterable[str]) -> None:
        chosen = {names} if isinstance(names, str) else set(names)
        for name in sorted(chosen):
            self._task(name)
        self._active = chosen

    @property
    def needs(self) -> Needs:
        """By task, the others that are trained with it wherever it is trained without the rest:
        those whose decisions it uses, and those whose scores the topology shows to it."""
        return all_needs(self.tasks, self.model)

    @property
    def encoder_frozen(self) -> bool:
        """Whether no gradient is sent to any encoder."""
        return self.frozen_encoders == set(topologies.encoders(self.model))

    @encoder_frozen.setter
    def encoder_frozen(self, frozen: bool) -> None:
        self.frozen_encoders = set(topologies.encoders(self.model)) if frozen else set()

    def labels_for(self, task: str) -> tuple[str, ...]:
        """The labels of one task, as its annotation has them; none if it has no labels."""
        found = self._task(task)
        return found.labels if isinstance(found, Labelled) else ()

    def add_label(self, label: str) -> int:
        """Add "TASK:LABEL"; 0 if it is there already, otherwise 1.

        On an initialized model the head grows, the new label starting at zero scores. Train
        it with examples of the old labels too, or these are forgotten.
        """
        tasks = self.labelled_tasks
        name, own = split_label(label, list(tasks))
        task = tasks[name]
        if own in task.labels:
            return 0
        labels = {**self.label_data, name: [*task.labels, own]}
        check_groups(self.tasks, labels)
        before = task.columns
        self.set_labels(labels)
        resize(topologies.head_of(self.model, name), before, task.columns)
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, Any] | None = None,
    ) -> None:
        """Collect labels, set the heads' sizes and initialize the model: training begins anew.

        What the balancer learned, the history, the tasks' temperatures, `stopped_tasks` and
        `frozen_encoders` go.
        labels: of each task by its name, as a list, in place of those found in the examples.
        Labels that were added before stay, in front of the others.
        RAISES (MTLError): If there is no task, a task without labels, or a label in two tasks that
            write the same attribute.
        """
        validate_get_examples(get_examples, "MultiTask.initialize")
        self._begin_anew()
        if nlp is not None:
            warn_if_homogeneous(self.balancer, nlp)
            warn_if_augmented(nlp)
            check_upstream(nlp, self.name, self.model)
        source = LabelSource(self.name, self.tasks, labels)
        found = source.collect(get_examples)
        check_groups(self.tasks, found)
        before = {name: task.columns for name, task in self.labelled_tasks.items()}
        self.set_labels(found)
        for name, task in self.labelled_tasks.items():
            resize(topologies.head_of(self.model, name), before[name], task.columns)
        source.begin(get_examples)
        self.model.initialize(X=sample_docs(get_examples, self.vocab))
        if nlp is not None:
            load_pretrained(nlp, self.name, self.model)

    def predict(self, docs: Iterable[Doc]) -> dict[str, Any]:
        """Decisions for the batch, of each active task and of those that they need."""
        docs = list(docs)
        names = with_needs(decisions(self.tasks), self.active_tasks)
        represented = self._represent(docs, names)
        needed = {other for name in names for other in self.tasks[name].needs}
        found: dict[str, Any] = {}
        standing: dict[str, Any] = {}
        for name in names:
            task = self.tasks[name]
            earlier = {other: standing[other] for other in task.needs}
            head = self._head(represented, name)
            found[name] = task.predict(head, represented.packed[name], earlier)
            if name in needed:
                standing[name] = task.standing(docs, found[name])
        return found

    def task_scores(self, docs: list[Doc]) -> dict[str, tuple[Floats2d, Packed]]:
        """The scores for the batch of each active task whose head gives some, and the
        representation that they are of."""
        names = [name for name in self.active_tasks if isinstance(self.tasks[name], ScoredTask)]
        represented = self._represent(docs, names)
        packed = represented.packed
        return {n: (self._head(represented, n).predict(packed[n]), packed[n]) for n in names}

    def _represent(self, docs: list[Doc], names: list[str]) -> Represented:
        self._check_ready(names)
        if names:
            check_vectors(self.model, self.name, docs)
        return topologies.represent(self.model, docs, names, False)

    def _head(self, represented: Represented, name: str) -> Head:
        return represented.ran.get(name) or topologies.head_of(self.model, name)

    def set_annotations(self, docs: Iterable[Doc], scores: dict[str, Any]) -> None:
        """Write each active task's decision to the documents, and how sure it is if wanted."""
        docs = list(docs)
        for name, decision in scores.items():
            if name not in self._active:
                continue
            if self.confidences:
                self.tasks[name].note_confidences(docs, decision)
            self.tasks[name].annotate(docs, decision)

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
        represented = topologies.represent(self.model, docs, names, True)
        steps = {}
        for name in names:
            task = self.tasks[name]
            scaled = task_step(task, self.model, represented, examples, self.loss_unit)
            if scaled is not None:
                steps[name] = scaled
        weights, gradients = balanced_gradients(steps, self.balancer, self.conflict)
        for name, step in ((name, scaled.step) for name, scaled in steps.items()):
            self._running.add(name, step.loss, step.n_units, weights[name])
        passed_through = represented.backprop(gradients, self.frozen_encoders)
        for name in set(passed_through).difference(names):
            drop_gradients(topologies.head_of(self.model, name))
        self._stepping.update(gradients, set(passed_through).intersection(names))

    def _begin_anew(self) -> None:
        """Forget a training before, apart from its labels."""
        self.balancer.reset()
        self._started = False
        self._start_balancer()
        self.conflict.restart()
        self.history.clear()
        for task in self.tasks.values():
            if isinstance(task, Calibrated):
                task.temperature = 1.0
        self.stopped_tasks = set()
        self.frozen_encoders = set()
        self._stepping.clear()
        self._running = RunningLosses()

    def _start_balancer(self) -> None:
        if not self._started:
            self.balancer.start(list(self.tasks))
            self._started = True

    def finish_update(self, sgd: Optimizer) -> None:
        """Apply the accumulated gradients, leaving alone what got none.

        An optimizer moves a parameter also when its gradient is zero (by momentum and weight
        decay), so the heads of tasks that were absent are passed over.
        """
        if not self._stepping:
            return
        idle = {
            node.id
            for name in set(self.tasks) - self._stepping
            for node in topologies.head_of(self.model, name).walk()
        }
        apply_gradients((node for node in self.model.walk() if node.id not in idle), sgd)
        self._stepping.clear()

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Metrics of every task under its name ("ner_f"), and under spaCy's standard names
        ("ents_f") for the first task of its kind. Those of a task are None if the references
        label nothing of it, and otherwise numbers, whatever is predicted."""
        examples = list(examples)
        validate_examples(examples, "MultiTask.score")
        scores: dict[str, Any] = {}
        main: dict[str, float | None] = {}
        for name, task in self.tasks.items():
            labelled = any(task.is_labelled(example) for example in examples)
            for key, value in task.score(examples).items():
                value = _reported(task, key, value, labelled)
                if key == task.main_score:
                    main[name] = value
                scores.setdefault(key, value)
                scores[own_name(task, key)] = value
        self.history.record(main)
        return scores

    def _task(self, name: str) -> Task:
        if name not in self.tasks:
            known = ", ".join(self.tasks) or "none"
            raise MTLError(f"Expected a task of '{self.name}' ({known}), got '{name}'.")
        return self.tasks[name]

    def _check_ready(self, names: Iterable[str]) -> None:
        names = with_needs(self.needs, names)
        for name, task in self.labelled_tasks.items():
            if name in names and not task.labels:
                raise MTLError(
                    f"Expected labels of the task '{name}' of '{self.name}', got none. "
                    "Call nlp.initialize() with examples or labels first, or load a trained model."
                )


def _reported(task: Task, key: str, value: Any, labelled: bool) -> Any:
    """What a score is shown as, given whether anything is labelled; descriptions stay."""
    if isinstance(value, str):
        return value
    if not labelled:
        return None
    if value is None and isinstance(task, Labelled):  # shares of what is right
        return {} if "_per_" in key else 0.0
    if key == task.main_score and not (isinstance(value, (int, float)) and value <= 1):
        raise MTLError(
            f"Expected as the main score `{key}` of the task '{task.name}' a number of at most 1, "
            f"of which higher is better, got {value!r}. Of an error, take 1 / (1 + error)."
        )
    return value
