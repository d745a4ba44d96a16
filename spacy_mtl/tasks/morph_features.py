"""Morphological features, each decided for itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, get_array_module, to_numpy
from thinc.types import ArrayXd, Floats2d

from ..metrics.f_score import UNSEEN, WHOLE, SetCounts, count_units
from ..models.packed import Packed
from ..models.shown import Shows
from .alignment import aligned_attribute, require_same_tokens
from .column_groups import ColumnGroups
from .forms import distinct_rows
from .losses import check_smoothing
from .morphs import features_of, morph_key, morph_scores, write_morphs
from .scored import Decoded
from .token_attribute import TokenAttributeTask


@dataclass(frozen=True)
class FeatureTargets:
    """The value of each feature of each token.

    classes: (n_tokens, n_features) the number of the value, 0 for none and where it is not known.
    cells: the same shape, bool, whether it is known. mask: (n_tokens,) whether any is.
    known: (n_tokens, n_columns) bool, what the token's corpus knows; None where all know all.
    """

    classes: Any
    cells: Any
    mask: Any
    n_units: int
    known: Any

    @property
    def gold(self) -> Any:
        """See `Targets`."""
        return self.classes


@dataclass(frozen=True, kw_only=True)
class DecodedFeatures(Decoded):
    """The value of each feature of each token.

    labels: (n_tokens, n_features) the number of the value, 0 for none. first_columns: (n_features,)
    the column of each feature's value 0.
    """

    first_columns: ArrayXd

    @cached_property
    def feature_confidences(self) -> ArrayXd:
        """(n_tokens, n_features) the probability of each value."""
        xp: Any = get_array_module(self.labels)
        P: Any = self.probabilities
        found: ArrayXd = P[xp.arange(len(P))[:, None], self.first_columns + self.labels]
        return found

    @cached_property
    def confidences(self) -> ArrayXd:
        """(n_tokens,) the probability of a token's values together: their product."""
        product: ArrayXd = self.feature_confidences.prod(axis=1)
        return product


class FeatureTagger(TokenAttributeTask):
    """Decide each morphological feature of a token for itself: `token.morph`.

    See `spacy_mtl.tasks.taggers`, which has the settings. The head has a column for each label and
    one for each feature, "Case=", for none of its values. Of a feature that a corpus is not
    declared to know, nothing is learned there.
    """

    @property
    def shows(self) -> Shows | None:
        """Nothing: its columns are of several features."""
        return None

    def __init__(self, overwrite: bool, label_smoothing: float, hidden_width: int) -> None:
        check_smoothing(label_smoothing)
        self.label_smoothing = label_smoothing
        super().__init__("tagger", "MORPH", overwrite, hidden_width)

    def columns_of(self, labels: Iterable[str]) -> list[str]:
        return [*chain.from_iterable(_by_feature(_apart(labels)).values())]

    def set_labels(self, labels: Iterable[str]) -> None:
        """Replace the labels; strings of several features are taken apart."""
        super().set_labels(_apart(labels))
        self._features = _by_feature(self._labels)
        self._groups = ColumnGroups([len(values) for values in self._features.values()])
        numbers = {label: number for number, label in enumerate(self._labels)}
        self._label_of = np.asarray([numbers.get(name, -1) for name in self.columns], dtype="int64")
        self._rows: dict[int, list[int]] = {}

    def _known(self, reference: Doc, declared: Sequence[str] | None) -> NDArray[np.bool_]:
        return super()._known(reference, None if declared is None else _apart(declared))

    def labels_in(self, doc: Doc) -> set[str]:
        strings = doc.vocab.strings
        values = [value for value in np.unique(doc.to_array("MORPH")).tolist() if value]
        return {*_apart(strings[value] for value in values)}

    def targets(self, examples: Sequence[Example], ops: Ops) -> FeatureTargets:
        self.warn_of_unknown(examples)
        keys = [aligned_attribute(example, "MORPH") for example in examples]
        pairs = zip(keys, examples, strict=True)
        rows = [self._values_of(own, eg.reference.vocab.strings) for own, eg in pairs]
        classes = np.concatenate([self._no_values, *rows])[:, :-1]
        labelled = np.concatenate([np.zeros(0, dtype="uint64"), *keys]) != 0
        cells = (classes >= 0) & labelled[:, None]
        classes = np.where(cells, classes, 0)
        known = self.known_columns(examples, per_token=True)
        if known is not None:
            cells &= np.take_along_axis(known, self._groups.starts + classes, axis=1)
            known = ops.xp.asarray(known)
        mask = cells.any(axis=1)
        classes, cells, on_device = map(ops.xp.asarray, (classes, cells, mask))
        return FeatureTargets(classes, cells, on_device, int(mask.sum()), known)

    @property
    def _no_values(self) -> NDArray[np.int64]:
        return np.zeros((0, len(self._features) + 1), dtype="int64")

    def _values_of(self, keys: NDArray[np.uint64], strings: Any) -> NDArray[np.int64]:
        """(n_tokens, n_features + 1) the number of each feature's value, 0 for none and -1 for one
        that is not known, and last how many other features there are.

        keys: (n_tokens,) MORPH.
        """
        kinds, which = np.unique(keys, return_inverse=True)
        for kind in kinds.tolist():
            if kind not in self._rows:
                self._rows[kind] = self._row(features_of(strings[kind]))
        rows = [self._rows[kind] for kind in kinds.tolist()]
        return np.asarray(rows, dtype="int64").reshape(-1, len(self._features) + 1)[which]

    def _row(self, features: Sequence[str]) -> list[int]:
        given = {_name(feature): feature for feature in features}
        numbers = {name: n for values in self._features.values() for n, name in enumerate(values)}
        row = [numbers.get(given[f], -1) if f in given else 0 for f in self._features]
        return [*row, len(given.keys() - self._features.keys())]

    def loss(
        self, scores: Floats2d, targets: FeatureTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        return self._groups.cross_entropy(
            scores, targets.classes, targets.cells, self.label_smoothing, targets.known
        )

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> DecodedFeatures:
        return DecodedFeatures(
            self._groups.best(scores),
            lambda: self._groups.probabilities(self.tempered(scores)),
            first_columns=ops.xp.asarray(self._groups.starts),
        )

    def outcomes(self, decoded: Any, targets: Any) -> tuple[NDArray, NDArray[np.bool_]]:
        """See `Calibrated`: of each token's features, those that are known."""
        xp: Any = get_array_module(targets.cells)
        right = ((decoded.labels == targets.classes) | ~targets.cells).all(axis=1)
        sure = xp.where(targets.cells, decoded.feature_confidences, 1.0).prod(axis=1)
        return to_numpy(sure[targets.mask]), to_numpy(right[targets.mask])

    def values(self, docs: Sequence[Doc], decoded: DecodedFeatures) -> NDArray[np.uint64]:
        texts, kinds = self._texts(decoded)
        return np.asarray([morph_key(text) for text in texts], dtype="uint64")[kinds]

    def annotate(self, docs: Sequence[Doc], decoded: DecodedFeatures) -> None:
        texts, kinds = self._texts(decoded)
        write_morphs(docs, kinds, texts, self.overwrite)

    def _texts(self, decoded: DecodedFeatures) -> tuple[list[str], NDArray[np.int64]]:
        """All strings of features that there are, and (n_tokens,) which each token has."""
        labels = to_numpy(decoded.labels)
        first, kinds = distinct_rows(labels)
        values = [*self._features.values()]
        texts = []
        for row in labels[first].tolist():
            features = [own[n] for own, n in zip(values, row, strict=True) if n]
            texts.append("|".join(features) or "_")
        return texts, kinds

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        examples = list(examples)
        self.warn_of_unknown(examples)
        return morph_scores(examples)

    def statistics(self, examples: Sequence[Example]) -> SetCounts:
        whole = np.zeros((len(examples), 1, 3), dtype="int64")
        units = [np.zeros((3, 0), dtype="int64")]
        for number, example in enumerate(examples):
            require_same_tokens(example)
            gold: Any = example.reference.to_array("MORPH")
            guess, is_space = example.predicted.to_array(["MORPH", "IS_SPACE"]).T
            labelled = gold != 0
            said = labelled & (is_space == 0)
            right = said & (gold == guess)
            whole[number] = right.sum(), (said & ~right).sum(), (labelled & ~right).sum()
            guess = np.where(said, guess, 0)
            own = self._numbers(gold[labelled], guess[labelled], example)
            units.append(np.stack([np.full(own.shape[1], number), *own]))
        document, golds, guesses = np.concatenate(units, axis=1)
        labels = (*self._labels, UNSEEN)
        counts = count_units(document, golds, guesses, len(examples), len(labels))
        array = np.concatenate([whole, counts], axis=1)
        return SetCounts(array, (WHOLE, *labels), "micro", "accuracy")

    def _numbers(
        self, gold: NDArray[np.uint64], guess: NDArray[np.uint64], example: Example
    ) -> NDArray[np.int64]:
        """(2, n) the numbers of labels that features of tokens have and get, -1 for none.

        gold, guess: (n_tokens,) MORPH. A feature that is no label has the number after the last.
        """
        golds = self._values_of(gold, example.reference.vocab.strings)
        guesses = self._values_of(guess, example.predicted.vocab.strings)[:, :-1]
        golds, n_others = golds[:, :-1], int(golds[:, -1].sum())
        known = (self._label_of[self._groups.starts + np.maximum(v, 0)] for v in (golds, guesses))
        had, got = known
        had[golds < 0] = len(self._labels)
        others = np.full((2, n_others), -1)
        others[0] = len(self._labels)
        return np.concatenate([np.stack([had.ravel(), got.ravel()]), others], axis=1)

    def confusion(self, examples: Sequence[Example]) -> None:
        """See `Confused`: a token has several labels."""


def _by_feature(features: Iterable[str]) -> dict[str, list[str]]:
    """The names of columns by feature, the first for none: {"Case": ["Case=", "Case=Nom"]}."""
    found: dict[str, list[str]] = {}
    for feature in features:
        name = _name(feature)
        found.setdefault(name, [f"{name}="]).append(feature)
    return found


def _apart(labels: Iterable[str]) -> list[str]:
    """The features of all these strings, each once."""
    return [*dict.fromkeys(feature for label in labels for feature in features_of(label))]


def _name(feature: str) -> str:
    return feature.partition("=")[0]
