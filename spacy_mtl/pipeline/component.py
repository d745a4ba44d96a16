"""The component: one encoder, several tasks, one backward per update."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from ..models import sharing
from ..models.heads import resize_outputs, set_outputs
from ..models.packed import Packed
from ..tasks.base import Decoded, Task
from .augmenters import warn_if_augmented
from .balancers import warn_if_homogeneous
from .history import ScoreHistory
from .labels import LabelSource, check_groups, qualified, split_label
from .listeners import check_upstream, check_vectors
from .losses import RunningLosses
from .pretrained import load_pretrained
from .progress import TrainingProgress
from .sample import sample_docs
from .saving import Saving
from .steps import apply_gradients, balanced_gradients, task_step
from .tunable import Tunable
from .word_batches import WordBatches


class MultiTask(Saving, TrainingProgress, Tunable, WordBatches, TrainablePipe):
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
    history: the main score of each task at every call of `score`.
    stopped_tasks: tasks that are predicted and scored, but not trained.
    encoder_frozen: no gradient is sent to the encoder. Its own parameters stay where they are
        only if they are frozen too, see `spacy_mtl.models.freezing`.
    """

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
        self.encoder_frozen = False
        self._started = False
        self._active = set(tasks)
        self._stepping: set[str] = set()  # tasks whose heads have a gradient to apply
        self._running = RunningLosses()
        sharing.attach(model, {name: task.make_head() for name, task in tasks.items()})

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
        """The tasks that are trained and predicted; the others leave Docs as they are."""
        return tuple(name for name in self.tasks if name in self._active)

    @active_tasks.setter
    def active_tasks(self, names: Iterable[str]) -> None:
        chosen = {names} if isinstance(names, str) else set(names)
        for name in sorted(chosen):
            self._task(name)
        self._active = chosen

    def labels_for(self, task: str) -> tuple[str, ...]:
        """The labels of one task, as its annotation has them."""
        return self._task(task).labels

    def add_label(self, label: str) -> int:
        """Add "TASK:LABEL"; 0 if it is there already, otherwise 1.

        On an initialized model the head grows, the new label starting at zero scores. Train
        it with examples of the old labels too, or these are forgotten.
        """
        name, own = split_label(label, list(self.tasks))
        task = self._task(name)
        if own in task.labels:
            return 0
        labels = {**self.label_data, name: [*task.labels, own]}
        check_groups(self.tasks.values(), labels)
        before = task.columns
        self.set_labels(labels)
        self._resize(name, before)
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
        `encoder_frozen` go.
        labels: of each task by its name, as a list, in place of those found in the examples.
        Labels that were added before stay, in front of the others. Raises MTLError if there is
        no task, a task without labels, or a label in two tasks that write the same attribute.
        """
        validate_get_examples(get_examples, "MultiTask.initialize")
        self._begin_anew()
        if nlp is not None:
            warn_if_homogeneous(self.balancer, nlp)
            warn_if_augmented(nlp)
            check_upstream(nlp, self.name, self.model)
        source = LabelSource(self.name, self.tasks, labels)
        found = source.collect(get_examples)
        check_groups(self.tasks.values(), found)
        before = {name: task.columns for name, task in self.tasks.items()}
        self.set_labels(found)
        for name, task in self.tasks.items():
            if not self._resize(name, before[name]):
                set_outputs(sharing.head_of(self.model, name), len(task.columns))
        self.model.initialize(X=sample_docs(get_examples, self.vocab))
        if nlp is not None:
            load_pretrained(nlp, self.name, self.model)

    def predict(self, docs: Iterable[Doc]) -> dict[str, Decoded]:
        """Each active task's decision for the batch."""
        ops, scored = self.model.ops, self.task_scores(list(docs))
        return {name: self.tasks[name].decode(*pair, ops) for name, pair in scored.items()}

    def task_scores(self, docs: list[Doc]) -> dict[str, tuple[Floats2d, Packed]]:
        """Each active task's scores for the batch, and the representation that they are of."""
        names = self._ready_tasks()
        if names:
            check_vectors(self.model, self.name, docs)
        represented, _ = sharing.represent(self.model, docs, names, False)
        heads = {name: sharing.head_of(self.model, name) for name in names}
        return {name: (heads[name].predict(represented[name]), represented[name]) for name in names}

    def set_annotations(self, docs: Iterable[Doc], scores: dict[str, Decoded]) -> None:
        """Write each task's decision to the documents, and how sure it is if that is wanted."""
        docs = list(docs)
        for name, decoded in scores.items():
            if self.confidences:
                self.tasks[name].note_confidences(docs, decoded)
            self.tasks[name].annotate(docs, decoded)

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
        names = [name for name in self._ready_tasks() if name not in self.stopped_tasks]
        represented, bp_represent = sharing.represent(self.model, docs, names, True)
        steps = {}
        for name in names:
            targets = self.tasks[name].targets(examples, self.model.ops)
            if targets.n_units:
                head, packed = sharing.head_of(self.model, name), represented[name]
                steps[name] = task_step(self.tasks[name], head, packed, targets, self.loss_unit)
        weights, gradients = balanced_gradients(steps, self.balancer, self.conflict)
        for name, step in steps.items():
            self._running.add(name, step.loss, step.n_units, weights[name])
        if not self.encoder_frozen:
            bp_represent(gradients)
        self._stepping.update(gradients)

    def _begin_anew(self) -> None:
        """Forget a training before, apart from its labels."""
        self.balancer.reset()
        self._started = False
        self._start_balancer()
        self.conflict.restart()
        self.history.clear()
        for task in self.tasks.values():
            task.temperature = 1.0
        self.stopped_tasks = set()
        self.encoder_frozen = False
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
            for node in sharing.head_of(self.model, name).walk()
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
                value = _reported(key, value, labelled)
                if key == task.main_score:
                    main[name] = value
                scores.setdefault(key, value)
                scores[f"{name}_{task.own_key(key)}"] = value
        self.history.record(main)
        return scores

    def _resize(self, name: str, before: list[str]) -> bool:
        """Fit a head that has parameters to its task's columns; whether it has them."""
        head = sharing.head_of(self.model, name)
        if not head.get_ref("output").has_param("W"):
            return False
        resize_outputs(head, before, self.tasks[name].columns)
        return True

    def _task(self, name: str) -> Task:
        if name not in self.tasks:
            known = ", ".join(self.tasks) or "none"
            raise MTLError(f"Expected a task of '{self.name}' ({known}), got '{name}'.")
        return self.tasks[name]

    def _ready_tasks(self) -> list[str]:
        names = list(self.active_tasks)
        for name in names:
            if not self.tasks[name].labels:
                raise MTLError(
                    f"Expected labels of the task '{name}' of '{self.name}', got none. "
                    "Call nlp.initialize() with examples or labels first, or load a trained model."
                )
        return names


def _reported(key: str, value: Any, labelled: bool) -> Any:
    """What a score is shown as, given whether anything is labelled; descriptions stay."""
    if isinstance(value, str):
        return value
    if not labelled:
        return None
    if value is None:
        return {} if "_per_" in key else 0.0
    return value
