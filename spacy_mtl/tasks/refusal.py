"""Documents of no class: all classes of an exclusive group are 0.0 where it is too unsure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from numbers import Real
from typing import Any

from spacy.training import Example
from thinc.api import Ops, get_array_module
from thinc.types import ArrayXd, Floats2d

from ..errors import MTLError
from ..models.packed import Packed
from .hierarchical import HierarchicalTask
from .hierarchy_losses import log_probabilities
from .losses import softmax
from .scored import Decoded

STATE = "refuse_above"


@dataclass(frozen=True, kw_only=True)
class RefusingDecoded(Decoded):
    """The best class of each document, as without refusal, and whether it is refused all.

    refused: (n_docs, 1) bool.
    """

    refused: Any


class RefusingTask(HierarchicalTask):
    """An exclusive group that leaves documents without a class where it is too unsure; see
    `Refusing`. It is off until `refuse_above` is set, as `spacy mtl calibrate --refuse` does."""

    _refuse_above: float = inf

    @property
    def refuse_above(self) -> float:
        """The entropy, in nats, above which a document gets no class; infinite for none.

        RAISES (MTLError): If it is set to what is no number from 0 on, or in a multi-label group.
        """
        return self._refuse_above

    @refuse_above.setter
    def refuse_above(self, value: float) -> None:
        if not isinstance(value, Real) or not value >= 0:
            raise MTLError(f"Expected `refuse_above` of at least 0, got {value!r}.")
        if not self.exclusive and value != inf:
            raise MTLError(
                f"Expected an exclusive task to refuse documents, got '{self.name}', which "
                "assigns none of its classes anyway where none reaches `threshold`."
            )
        self._refuse_above = float(value)

    @property
    def can_refuse(self) -> bool:
        """See `Refusing`."""
        return self.exclusive

    @property
    def refuses(self) -> bool:
        """Whether it is on."""
        return isfinite(self._refuse_above)

    def doubt(self, scores: Floats2d) -> ArrayXd:
        """(n_docs,) the entropy of the probabilities of the classes, with a hierarchy of its
        leaves, in nats. They are not tempered, so that a temperature does not change what is
        refused."""
        if self.tree is None:
            return entropy(softmax(scores))
        xp: Any = get_array_module(scores)
        leaves: Any = log_probabilities(self.tree, scores)
        return entropy(xp.exp(leaves[:, xp.asarray(self.tree.is_leaf)]))

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Decoded:
        found = super().decode(scores, packed, ops)
        if not self.refuses:
            return found
        doubts: Any = self.doubt(scores)
        return RefusingDecoded(
            labels=found.labels,
            get_probabilities=found.get_probabilities,
            refused=(doubts > self.refuse_above)[:, None],
        )

    def values(self, decoded: Decoded) -> ArrayXd:
        values: Any = super().values(decoded)
        if isinstance(decoded, RefusingDecoded):
            values = values * ~decoded.refused
        return values

    def has_class(self, example: Example) -> bool | None:
        """See `Refusing`: a reference has none if it names a class of the group that is no label,
        or all labels, and none of them as 0.5 or more."""
        if super().is_labelled(example):
            return True
        if self._is_of_unknown_class(example.reference):
            return False
        said = self.gold_classes(example.reference)
        return False if said and len(said) == len(self.scored_labels) else None

    def is_labelled(self, example: Example) -> bool:
        """Where documents can be refused, also if the reference says that it has no class."""
        return super().is_labelled(example) or self._is_of_none(example)

    def is_scored(self, example: Example) -> bool:
        of_none = self._is_of_none(example) and bool(self.gold_classes(example.predicted))
        return super().is_scored(example) or of_none

    def _is_of_none(self, example: Example) -> bool:
        return self.refuses and self.has_class(example) is False

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        """Where documents can be refused, the scores count a refused one as without a class: it is
        wrong if it has one, a miss of this class, and right if it has none."""
        examples = list(examples)
        scores = super().score(examples)
        if self.refuses:
            found = self._scores([eg for eg in examples if self.is_scored(eg)])
            scores.update(found.class_f_scores())
        return scores

    def state(self) -> dict[str, Any]:
        own = {STATE: self.refuse_above} if self.refuses else {}
        return {**super().state(), **own}

    def load_state(self, state: Mapping[str, Any]) -> None:
        others = dict(state)
        refuse_above = others.pop(STATE, inf)
        super().load_state(others)
        self.refuse_above = refuse_above


def entropy(probabilities: Floats2d) -> ArrayXd:
    """(rows,) the entropy of each row of probabilities, in nats: 0 where one of them is 1, and the
    higher, the more alike they are."""
    xp: Any = get_array_module(probabilities)
    P: Any = probabilities
    found: ArrayXd = -(P * xp.log(xp.maximum(P, xp.finfo(P.dtype).tiny))).sum(axis=1)
    return found
