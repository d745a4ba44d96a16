"""Tasks whose score is an error, and one that has no statistics, as a user would write them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import Linear, Ops, chain, to_numpy, zero_init

from spacy_mtl.metrics.base import Statistics
from spacy_mtl.metrics.correlation import RankCorrelation
from spacy_mtl.metrics.errors import Errors, from_error
from spacy_mtl.models.heads import Head, pool_documents
from spacy_mtl.models.packed import Packed
from spacy_mtl.registry import registry
from spacy_mtl.tasks.scored import ScoredTask

TEXTS = [
    "very very good",
    "it was good",
    "very very very very bad and very late",
    "bad food",
    "a very nice and very long and very good day",
    "so very late",
    "it was late and bad",
    "very good food",
]
WORD = "very"


@dataclass
class Values:
    """See `Targets`."""

    gold: Any
    mask: Any
    n_units: int


class Level(ScoredTask):
    """A number for each document. attr: the attribute that has it."""

    def __init__(self, attr: str) -> None:
        self.attr = attr

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.attr,)

    @property
    def assigns(self) -> tuple[str, ...]:
        return (f"doc._.{self.attr}",)

    def make_head(self) -> Head:
        return chain(pool_documents(), Linear(nO=1, init_W=zero_init))

    def targets(self, examples: Sequence[Example], ops: Ops) -> Values:
        values = [self._value(example.reference) for example in examples]
        mask = np.asarray([value is not None for value in values])
        gold = np.asarray([value or 0.0 for value in values], dtype="float32")
        return Values(ops.asarray(gold), ops.asarray(mask), int(mask.sum()))

    def loss(self, scores: Any, targets: Any, packed: Packed) -> tuple[float, Any]:
        difference = (scores[:, 0] - targets.gold) * targets.mask
        return float((difference**2).sum() / 2), difference.reshape(-1, 1)

    def decode(self, scores: Any, packed: Packed, ops: Ops) -> Any:
        return to_numpy(scores[:, 0])

    def annotate(self, docs: Sequence[Doc], prediction: Any) -> None:
        for doc, value in zip(docs, prediction.tolist(), strict=True):
            doc._.set(self.attr, value)

    def is_labelled(self, example: Example) -> bool:
        return self._value(example.reference) is not None

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        error = Errors.absolute(*self._units(list(examples))).score()
        return {
            f"{self.attr}_score": from_error(error),
            f"{self.attr}_errors": {"mean absolute error": error},
        }

    @property
    def main_score(self) -> str:
        return f"{self.attr}_score"

    def _value(self, doc: Doc) -> float | None:
        value: float | None = doc._.get(self.attr)
        return value

    def _units(self, examples: Sequence[Example]) -> tuple[list[int], list[Any], list[Any], int]:
        pairs = [(self._value(eg.reference), self._value(eg.predicted)) for eg in examples]
        labelled = [place for place, (gold, _) in enumerate(pairs) if gold is not None]
        gold, guess = ([pairs[place][side] for place in labelled] for side in (0, 1))
        return labelled, gold, guess, len(examples)


class Measured(Level):
    """With statistics."""

    def statistics(self, examples: Sequence[Example]) -> Statistics:
        return Errors.absolute(*self._units(examples))


class Ordered(Level):
    """Of which only the order matters."""

    def statistics(self, examples: Sequence[Example]) -> Statistics:
        return RankCorrelation.of_units(*self._units(examples))


class Undefined(Level):
    """Whose statistics never give a score."""

    def statistics(self, examples: Sequence[Example]) -> Statistics:
        return Errors.absolute([], [], [], len(examples), "void error")


BLOCKS = {
    "level": {"@mtl_tasks": "test_metrics.Measured", "attr": "level"},
    "order": {"@mtl_tasks": "test_metrics.Ordered", "attr": "order"},
    "mute": {"@mtl_tasks": "test_metrics.Level", "attr": "mute"},
    "void": {"@mtl_tasks": "test_metrics.Undefined", "attr": "void"},
}
for made in (Measured, Ordered, Level, Undefined):
    registry.mtl_tasks.register(f"test_metrics.{made.__name__}", func=made)


def write_levels(path: Any, nlp: Language) -> str:
    """A .spacy file: how often a word is in each text, as what all tasks learn."""
    docs = []
    for text in TEXTS:
        doc = Doc(nlp.vocab, words=text.split())
        for name in BLOCKS:
            doc._.set(name, float(text.split().count(WORD)))
        docs.append(doc)
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return str(path)
