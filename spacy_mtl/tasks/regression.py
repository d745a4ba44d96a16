"""Values of documents, such as a rating: numbers on a scale of their own."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, to_numpy
from thinc.types import Floats2d

from ..errors import MTLError
from ..metrics.correlation import RankCorrelation
from ..metrics.errors import Errors, from_error
from ..models.heads import Head, scale_columns, set_outputs
from ..models.packed import Packed
from ..values import checked_value, note_values, noted_values
from .base import Task
from .document_head import HeadSettings, loss_of_terms
from .labels import some
from .losses import huber
from .scored import ScoredTask
from .standardization import Standardization

LOSSES = ("squared", "huber")


@dataclass(frozen=True)
class ValueTargets:
    """See `Targets`; all (n_docs, n_keys), `gold` in standard deviations from the mean."""

    gold: Floats2d
    mask: Any
    n_units: int


class Regression(ScoredTask):
    """Predict numbers of documents, `doc._.values`: a rating, an intensity.

    Training documents have them in `doc.cats`, under `keys`, which are no classes of other tasks
    then. A document that lacks one of the keys, or has None there, teaches nothing of it.
    The head is that of `spacy_mtl.TextCat.v2`, with a number for each key in place of a class. It
    learns them in standard deviations from their mean, both of the training documents, which are
    kept with the pipeline.

    keys: in `doc.cats`; several are predicted from one layer, and share one score.
    loss: "squared" for half the squared error, whose best answer is the mean, or "huber" (Huber
        1964, https://doi.org/10.1214/aoms/1177703732), which beyond `delta` grows as the error
        does, so that a few odd values have less to say.
    delta: in standard deviations.
    in_cats: write the numbers to `doc.cats`, too, where whoever takes the highest class must pass
        over them.
    overwrite: replace values that are already on the Doc.
    pooling: how token vectors become a vector of the document: any of "mean", "maximum",
        "attention" and "convolution", side by side.
    pooled_scale: what that vector is multiplied by, on top of one over the root of its width.
    hidden_width: of a hidden layer over that vector, 0 for none.
    dropout: of that vector in training; null for [training.dropout].
    ngram_size: up to how many tokens an n-gram has, 0 for no n-grams.
    ngram_attr: what is seen of a token: "ORTH", "LOWER" or "NORM".
    char_ngrams: the fewest and the most characters of n-grams within words, such as [3, 5]; empty
        for none.
    ngram_rows: of the table that n-grams are hashed into; memory is rows times keys.
    ngram_length: the length that a document's vector of n-grams is brought to; 0 leaves it as it
        is.
    ngram_dropout: the share of a document's n-grams that is left out in training.
    ngram_share: from 0 to 1; the vector and the n-grams each learn from a loss of their own, and
        the number is their mean, in which n-grams have this share. null to let both learn from one
        loss.
    encoder_gradient: what the gradient into the encoder is multiplied by, 0 to leave the encoder to
        the other tasks.

    Not for numbers that only name something, as of a category, nor for a few steps without equal
    distances between them: those are classes. There is no confidence of a number.
    """

    def __init__(
        self,
        keys: list[str],
        loss: str = "squared",
        delta: float = 1.0,
        in_cats: bool = False,
        overwrite: bool = True,
        pooling: Sequence[str] = ("mean", "maximum"),
        pooled_scale: float = 1.0,
        hidden_width: int = 0,
        dropout: float | None = None,
        ngram_size: int = 2,
        ngram_attr: str = "NORM",
        char_ngrams: Sequence[int] = (),
        ngram_rows: int = 65536,
        ngram_length: float = 0.0,
        ngram_dropout: float = 0.0,
        ngram_share: float | None = 0.67,
        encoder_gradient: float = 1.0,
    ) -> None:
        if not keys or len(set(keys)) < len(keys) or not all(keys):
            raise MTLError(f"Expected `keys` of doc.cats, at least one, all different, got {keys}.")
        if loss not in LOSSES:
            raise MTLError(f"Expected `loss` to be in {LOSSES}, got {loss!r}.")
        if not delta > 0:
            raise MTLError(f"Expected `delta` above 0, got {delta}.")
        self.value_keys = tuple(keys)
        self.delta = delta if loss == "huber" else inf
        self.in_cats = in_cats
        self.overwrite = overwrite
        self.scaling = Standardization(self.value_keys)
        self.head_settings = HeadSettings(
            pooling=pooling,
            pooled_scale=pooled_scale,
            hidden_width=hidden_width,
            dropout=dropout,
            ngram_size=ngram_size,
            ngram_attr=ngram_attr,
            char_ngrams=char_ngrams,
            ngram_rows=ngram_rows,
            ngram_length=ngram_length,
            ngram_dropout=ngram_dropout,
            ngram_share=ngram_share,
            encoder_gradient=encoder_gradient,
        )

    @property
    def layers(self) -> tuple[str, ...]:
        return ("values",)

    @property
    def assigns(self) -> tuple[str, ...]:
        written = tuple(f"doc._.values[{key!r}]" for key in self.value_keys)
        return (*written, "doc.cats") if self.in_cats else written

    @property
    def main_score(self) -> str:
        return "values_score"

    def begin(self, examples: Sequence[Example], others: Mapping[str, Task]) -> None:
        """Take mean and standard deviation of each key.

        RAISES (MTLError): If an example has something else than a number, or none has any.
        """
        gold = self._gold(examples)
        for column, key in enumerate(self.value_keys):
            if np.isnan(gold[:, column]).all():
                there = {key for example in examples for key in example.reference.cats}
                raise MTLError(
                    f"Expected numbers at '{key}' in doc.cats for the task '{self.name}' in the "
                    f"{len(examples)} examples, got none there, only {some(there) or 'nothing'}. "
                    "Check the training corpus, or correct the task's `keys`."
                )
        self.scaling.fit(gold, self.name)

    def make_head(self) -> Head:
        head = self.head_settings.make_head()
        set_outputs(head, len(self.value_keys))
        return head

    def targets(self, examples: Sequence[Example], ops: Ops) -> ValueTargets:
        gold = self._gold(examples)
        mask = ~np.isnan(gold)
        standard = np.nan_to_num(self.scaling.standardized(gold)).astype("float32")
        return ValueTargets(ops.xp.asarray(standard), ops.xp.asarray(mask), int(mask.sum()))

    def loss(self, scores: Floats2d, targets: ValueTargets, packed: Packed) -> tuple[float, Any]:
        """The loss of the scores, and in training the gradient of each term's own loss, see
        `ClassHead`."""

        def of_term(each: Floats2d) -> tuple[float, Floats2d]:
            return huber(each, targets.gold, targets.mask, self.delta)

        return loss_of_terms(packed, scores, of_term)

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> NDArray[np.float64]:
        """(n_docs, n_keys) the values, on the host."""
        return self.scaling.restored(to_numpy(scores))

    def standing(
        self, docs: Sequence[Doc], prediction: NDArray[np.float64]
    ) -> list[dict[str, float]]:
        """Of each document the task's part of `doc._.values`."""
        rows = prediction.tolist()
        standing = [dict(zip(self.value_keys, row, strict=True)) for row in rows]
        if not self.overwrite:
            for doc, own in zip(docs, standing, strict=True):
                noted = noted_values(doc)
                own.update((key, noted[key]) for key in own.keys() & noted.keys())
        return standing

    def annotate(self, docs: Sequence[Doc], prediction: NDArray[np.float64]) -> None:
        for doc, own in zip(docs, self.standing(docs, prediction), strict=True):
            note_values(doc, own)
            if self.in_cats:
                doc.cats.update(own)

    def share_unit(self, tasks: Sequence[Any], heads: Sequence[Head]) -> None:
        """See `Scaled`: their mean standard deviation, from their mean mean."""
        means, scales = (
            np.asarray([getattr(task.scaling, name) for task in tasks])
            for name in ("means", "scales")
        )
        self.scaling.set(means.mean(axis=0), scales.mean(axis=0))
        for head, own in zip(heads, scales, strict=True):
            scale_columns(head, own / self.scaling.scales)

    def is_labelled(self, example: Example) -> bool:
        return bool(self._known(example.reference))

    def statistics(self, examples: Sequence[Example]) -> Errors:
        """See `Measurable`: the mean absolute error over all values, in their own unit."""
        units = self._units(examples)
        return Errors.absolute(units.document, units.gold, units.guess, len(examples))

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        """Errors and rank correlation, over all keys and of each.

        The main score is 1 / (1 + error), of the mean absolute error in standard deviations of the
        training documents, so that a value's unit does not decide how much it counts for the
        choice of a checkpoint. Spearman's rho over all keys is the mean of theirs.
        """
        examples = list(examples)
        units = self._units(examples)
        of_keys = {key: units.of(column) for column, key in enumerate(self.value_keys)}
        per_key = {key: own.measures() for key, own in of_keys.items() if len(own.gold)}
        ranks = [measures["spearman"] for measures in per_key.values()]
        distances = np.abs(units.guess - units.gold) / self.scaling.scales[units.column]
        errors = units.errors()
        return {
            "values_score": from_error(float(distances.mean())) if len(distances) else 0.0,
            "values_errors": {name: value for name, value in errors.items() if not isnan(value)},
            "values_spearman": float(np.mean([rank or 0.0 for rank in ranks])) if ranks else 0.0,
            "values_per_key": per_key,
        }

    def state(self) -> dict[str, Any]:
        return self.scaling.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.scaling.load_state(state, self.name)

    def _known(self, doc: Doc) -> dict[str, float]:
        """The task's values of a reference."""
        given = {**noted_values(doc), **doc.cats}
        values = {key: checked_value(key, given.get(key)) for key in self.value_keys}
        return {key: value for key, value in values.items() if value is not None}

    def _gold(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """(n_docs, n_keys) the values of the references, NaN for missing ones."""
        return _table([self._known(example.reference) for example in examples], self.value_keys)

    def _units(self, examples: Sequence[Example]) -> "Units":
        gold = self._gold(examples)
        guess = _table([noted_values(example.predicted) for example in examples], self.value_keys)
        document, column = np.nonzero(~np.isnan(gold))
        return Units(document, column, gold[document, column], guess[document, column])


@dataclass(frozen=True)
class Units:
    """Values that the references have, and those predicted for them, all (n_units,).

    document, column: of which document and key. guess: NaN where nothing was predicted.
    """

    document: NDArray[np.intp]
    column: NDArray[np.intp]
    gold: NDArray[np.float64]
    guess: NDArray[np.float64]

    def of(self, column: int) -> "Units":
        """Those of one key."""
        own = self.column == column
        parts = (self.document, self.column, self.gold, self.guess)
        return Units(*(part[own] for part in parts))

    def errors(self) -> dict[str, float]:
        """The mean absolute and the root mean squared error, NaN where they are not defined."""
        n_docs = int(self.document.max(initial=-1)) + 1
        kinds = (
            Errors.absolute(self.document, self.gold, self.guess, n_docs),
            Errors.squared(self.document, self.gold, self.guess, n_docs, root=True),
        )
        return {kind.metric: kind.score() for kind in kinds}

    def measures(self) -> dict[str, float | None]:
        """The errors and Spearman's rho, None where they are not defined, and the number of
        documents."""
        n_docs = int(self.document.max(initial=-1)) + 1
        rho = RankCorrelation.of_units(self.document, self.gold, self.guess, n_docs).score()
        absolute, squared = self.errors().values()
        found = {"mae": absolute, "rmse": squared, "spearman": rho}
        known = {name: value if isfinite(value) else None for name, value in found.items()}
        return {**known, "docs": len(self.gold)}


def _table(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> NDArray[np.float64]:
    values = [[row.get(key) for key in keys] for row in rows]
    return np.asarray(values, dtype="float64").reshape(len(rows), len(keys))
