"""What a task is: something that the component learns and writes to Docs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import MTLError
from ..metrics.base import Statistics
from ..metrics.errors import from_error
from ..models.packed import Packed
from ..models.shown import Shows
from ..models.topologies.represented import Head


@dataclass(frozen=True)
class Step:
    """A task in a batch, between forward and backward.

    loss: summed over the `n_units` labelled units, in nats where it is a likelihood.
    backward: from a weight on the loss to the gradient of the representation, (n_tokens, width),
        running the head backward. Called once at most.
    """

    loss: float
    n_units: int
    backward: Callable[[float], Floats2d]


class Task(ABC):
    """Something that the component learns: from Docs to a loss, and from Docs to a decision.

    A task is made by a function or class in the registry `mtl_tasks` and gets its name, the key
    of its config block, from the component. Where a head gives scores of units that are the
    batch's tokens or documents, build on `spacy_mtl.tasks.scored.ScoredTask`, and on
    `spacy_mtl.tasks.labels.LabelledTask` where these have labels. What a task can do beyond this
    is in `spacy_mtl.tasks.capable`.

    component: the name of the component, for messages; set by it as `name` is.
    needs: the names of tasks of the component whose decisions `predict` uses.
    """

    name: str = ""
    component: str = "NAME"
    needs: tuple[str, ...] = ()
    #: How the scores of several heads become those of an ensemble: "mean", or "stack" where
    #: `decode` takes (n_members, units, columns); None if they cannot.
    in_ensemble: str | None = None

    @property
    @abstractmethod
    def layers(self) -> tuple[str, ...]:
        """The layers of annotation that it learns from, by their names in the table of layers."""

    @property
    @abstractmethod
    def assigns(self) -> tuple[str, ...]:
        """What it writes, as spaCy names it: "token.tag", "doc.ents", "doc.spans['x']",
        "doc.cats", "token._.distance". Of two tasks that write the same, one is too many, but for
        `doc.cats`, where each has keys of its own."""

    @property
    def shows(self) -> Shows | None:
        """What the head's scores are of, "token" or "document", and how they become probabilities
        of labels, "softmax" or "sigmoid", for topologies in which other tasks see these; None if
        they cannot."""
        return None

    @property
    def writes(self) -> str:
        """What it assigns, as one text."""
        return ", ".join(self.assigns)

    def meet(self, others: Mapping[str, Task]) -> None:  # noqa: B027
        """See the component's tasks, when it is made: also of a pipeline that is loaded."""

    def begin(  # noqa: B027
        self, examples: Sequence[Example], others: Mapping[str, Task]
    ) -> None:
        """See what there is to learn, before the model is initialized: training begins anew.

        others: the component's tasks.
        RAISES (MTLError): If it cannot be learned from these.
        """

    @abstractmethod
    def make_head(self) -> Model:
        """The head: a thinc model whose initialization gets a representation, a `Packed`."""

    def n_labelled(self, examples: Sequence[Example]) -> int:
        """How many units the references label that `learn` learns from; by default the documents
        of which `is_labelled` says so."""
        return sum(map(self.is_labelled, examples))

    @abstractmethod
    def learn(self, head: Head, packed: Packed, examples: Sequence[Example]) -> Step | None:
        """Run the head forward on a batch; None if the batch labels nothing of the task."""

    @abstractmethod
    def predict(self, head: Head, packed: Packed, earlier: Mapping[str, Any]) -> Any:
        """The decision for a batch. earlier: `standing` of each task that it needs."""

    def standing(self, docs: Sequence[Doc], prediction: Any) -> Sequence[Any]:
        """What will stand on each document after `annotate`, with what stood there before: what
        a task that needs this one gets.

        RAISES (MTLError): If the task has no such thing.
        """
        raise MTLError(
            f"Expected no task to need '{self.name}', as a {type(self).__name__} does not say what "
            "it is going to write (`standing`). Take it out of the other task's needs."
        )

    @abstractmethod
    def annotate(self, docs: Sequence[Doc], prediction: Any) -> None:
        """Write the decision to the documents."""

    def note_confidences(self, docs: Sequence[Doc], prediction: Any) -> None:  # noqa: B027
        """Note how sure it is of what `annotate`, which is called next, is going to write."""

    #: What stands for a share of what is right that spaCy's scorer leaves out although something
    #: is labelled.
    score_of_nothing: float | None = 0.0

    @abstractmethod
    def is_labelled(self, example: Example) -> bool:
        """Whether the reference labels any unit, so that there is something to score."""

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        """Metrics over the labelled units, under spaCy's standard names where it has some.

        The component shows None for those of which `is_labelled` says that there are none. By
        default the main score is that of `statistics`, see `spacy_mtl.tasks.capable.Measurable`:
        of an error 1 / (1 + error), and the error beside it. What is not defined, as where a
        prediction is NaN or was not made, scores 0.
        """
        found: Statistics = self.statistics(list(examples))  # type: ignore[attr-defined]
        value = found.score()
        if found.higher_is_better:
            return {self.main_score: 0.0 if isnan(value) else value}
        errors = f"{self.layers[0]}_errors"
        measured = {} if isnan(value) else {found.metric: value}
        return {self.main_score: from_error(value), errors: measured}

    @property
    @abstractmethod
    def main_score(self) -> str:
        """The one metric of `score` that stands for the task. Higher is better, and 1 is best: the
        best checkpoint is chosen by it. For errors see `spacy_mtl.metrics.errors.from_error`."""

    def own_key(self, standard: str) -> str:
        """The name of a metric without its standard prefix, to be put behind the task's name."""
        return standard.removeprefix(f"{self.layers[0]}_")

    def state(self) -> dict[str, Any]:
        """What it has learned outside of the head and its labels, as JSON has it: it is saved."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Set what `state` gave.

        RAISES (MTLError): For anything else.
        """
        if state:
            raise MTLError(
                f"Expected no saved state of the task '{self.name}', which has none, got "
                f"{', '.join(state)}. Load it with the version that it was saved with."
            )
