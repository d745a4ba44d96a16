"""Tasks and topologies as other packages could have them; importing this registers them."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import spacy
from spacy.tokens import Doc
from thinc.api import Model

from pipeline.helpers import ENCODER, LISTENER
from spacy_mtl.models.packed import Packed
from spacy_mtl.models.topologies.base import (
    Represented,
    encode,
    encoders,
    run_head,
    summed,
    topology,
)
from spacy_mtl.registry import registry
from spacy_mtl.tasks.base import Step, Task

if not Doc.has_extension("n_needed"):
    Doc.set_extension("n_needed", default=None)


class Count(Task):
    """Writes what it gets of the task that it needs, without learning anything of use."""

    layers = ("cats",)

    def __init__(self, of: str, into: str = "n_needed") -> None:
        self.of = of
        self.into = into

    @property
    def assigns(self) -> tuple[str, ...]:
        return (f"doc._.{self.into}",)

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.of,)

    def make_head(self) -> Model:
        return Model("no_head", lambda model, X, is_train: (X.X, lambda dX: dX))

    def n_labelled(self, examples: Any) -> int:
        return len(examples)

    def learn(self, head: Any, packed: Any, examples: Any) -> Step:
        _, backprop = head(packed, True)
        zeros = np.zeros_like(packed.X)
        return Step(1.0, len(examples), lambda weight: backprop(zeros))

    def predict(self, head: Any, packed: Any, earlier: Any) -> Any:
        return earlier[self.of]

    def annotate(self, docs: Any, prediction: Any) -> None:
        for doc, standing in zip(docs, prediction, strict=True):
            doc._.n_needed = standing

    def standing(self, docs: Any, prediction: Any) -> Any:
        return prediction

    def is_labelled(self, example: Any) -> bool:
        return True

    def score(self, examples: Any) -> dict[str, Any]:
        return {"count_score": 0.5}

    @property
    def main_score(self) -> str:
        return "count_score"


class Remembering(Count):
    """Has a state that it takes from the data, and one that changes while it learns."""

    def __init__(self, of: str) -> None:
        super().__init__(of)
        self.mean, self.steps = 0.0, 0

    def begin(self, examples: Any, others: Any) -> None:
        self.mean = sum(len(example.reference) for example in examples) / 3
        self.steps = 0

    def learn(self, head: Any, packed: Any, examples: Any) -> Step:
        self.steps += 1
        self.mean += len(packed.X) / 7
        return super().learn(head, packed, examples)

    def state(self) -> dict[str, Any]:
        return {"mean": self.mean, "steps": self.steps}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.mean, self.steps = state["mean"], state["steps"]


def TwoEncoders(tok2vec: Model, second: Model, on_second: list[str]) -> Model:
    """Two encoders; the tasks that are named learn from the second."""

    def represent(model: Model, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
        sites = {task: "second" if task in on_second else "tok2vec" for task in tasks}
        ran = {name: encode(node, docs, is_train) for name, node in encoders(model).items()}

        def backprop(gradients: Mapping[str, Any], frozen: Collection[str] = ()) -> list[str]:
            for name, (packed, bp_encode) in ran.items():
                if name not in frozen:
                    own = [dX for task, dX in gradients.items() if sites[task] == name]
                    bp_encode(summed(model.ops, packed, own))
            return []

        return Represented({task: ran[site][0] for task, site in sites.items()}, sites, backprop)

    both = {"tok2vec": tok2vec, "second": second}
    return topology("two_encoders", represent, both, tasks=on_second)


def Stacked(tok2vec: Model, lower: str, upper: str) -> Model:
    """One encoder; the upper task sees the scores of the lower one beside it."""

    def represent(model: Model, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
        packed, bp_encode = encode(encoders(model)["tok2vec"], docs, is_train)
        seen, ran = dict.fromkeys(tasks, packed), {}
        if upper in tasks:
            ran[lower] = run_head(model, lower, packed, is_train)
            X = model.ops.xp.hstack([packed.X, ran[lower].scores])
            seen[upper] = Packed(X, packed.lengths, packed.docs)
        width = packed.X.shape[1]

        def backprop(gradients: Mapping[str, Any], frozen: Collection[str] = ()) -> list[str]:
            own = [dX[:, :width] for dX in gradients.values()]
            if upper in gradients:
                own.append(ran[lower].backprop(gradients[upper][:, width:]))
            if "tok2vec" not in frozen:
                bp_encode(summed(model.ops, packed, own))
            return [lower] if upper in gradients else []

        sites = {task: "stacked" if task == upper else "tok2vec" for task in tasks}
        return Represented(seen, sites, backprop, ran)

    return topology("stacked", represent, {"tok2vec": tok2vec}, needs={upper: [lower]})


registry.mtl_tasks.register("spacy_mtl_tests.Count.v1", func=Count)
registry.mtl_tasks.register("spacy_mtl_tests.Remembering.v1", func=Remembering)
spacy.registry.architectures.register("spacy_mtl_tests.TwoEncoders.v1", func=TwoEncoders)
spacy.registry.architectures.register("spacy_mtl_tests.Stacked.v1", func=Stacked)
COUNT: dict[str, Any] = {"@mtl_tasks": "spacy_mtl_tests.Count.v1", "of": "ner"}
TWO: dict[str, Any] = {
    "@architectures": "spacy_mtl_tests.TwoEncoders.v1",
    "tok2vec": ENCODER,
    "second": {**ENCODER, "width": 24},
    "on_second": ["ner"],
}
LISTENING: dict[str, Any] = {**TWO, "tok2vec": LISTENER}  # the first to a component
STACKED: dict[str, Any] = {
    "@architectures": "spacy_mtl_tests.Stacked.v1",
    "tok2vec": ENCODER,
    "lower": "tagger",
    "upper": "ner",
}
