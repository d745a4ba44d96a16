"""Lemmas, by edit trees."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, get_array_module, to_numpy
from thinc.types import ArrayXd, Floats2d

from ..errors import MTLError
from ..metrics.ratio import Ratio
from ..models.packed import Packed
from .alignment import aligned_attribute, require_same_tokens
from .base import Task
from .edit_trees import TreeLabels
from .forms import Forms, distinct_rows, numbered
from .losses import softmax, softmax_cross_entropy
from .scored import Decoded
from .targets import ColumnTargets
from .token_accuracy import token_accuracy
from .token_attribute import TokenAttributeTask

BACKOFFS = ("orth", "lower", "norm")


@dataclass(frozen=True, kw_only=True)
class DecodedLemmas(Decoded):
    """The tree of each token, and what it makes of it.

    labels: (n_tokens,) the column of the tree that was applied, -1 where none could be.
    is_space: (n_tokens,) on the model's device as well, whether it is whitespace.
    lemmas: (n_tokens,) the hash of the lemma, 0 for none. texts: all that trees made, once.
    """

    is_space: ArrayXd
    lemmas: NDArray[np.uint64]
    texts: Sequence[str]

    @cached_property
    def confidences(self) -> ArrayXd:
        """The probability of each tree, 0 where none applied and NaN for whitespace."""
        xp: Any = get_array_module(self.labels)
        P: Any = self.probabilities
        applied = xp.where(self.labels < 0, 0, P[xp.arange(len(P)), self.labels])
        confidences: ArrayXd = xp.where(self.is_space, xp.nan, applied)
        return confidences


class Lemmatizer(TokenAttributeTask):
    """Choose for each token the edit tree that makes its lemma: `token.lemma_`.

    A tree rewrites the beginning and the end of a form, so that it makes lemmas of forms that were
    never seen; see `spacy_mtl.tasks.edit_trees`, which has the sources. The labels are trees: those
    of the training data, as spaCy's `trainable_lemmatizer` has them, under its settings. A token
    whose tree is none of them teaches nothing. The lemma of whitespace is its text, and is neither
    learned nor scored. Its confidence is the probability of the tree.

    Not for languages whose lemmas are looked up rather than formed, or where a table of forms is
    at hand that has them all: spaCy's `lemmatizer` needs no training.

    min_tree_freq: trees that fewer tokens of the training data need are left out.
    top_k: of a token's trees the most probable ones that are tried, until one applies to it: a tree
        that takes "ed" away does not apply to "sings", nor one that leaves nothing.
    overwrite: replace what is already on the token; otherwise only missing lemmas are set.
    backoff: where no tree applies, the attribute of the token that becomes its lemma: "orth",
        "lower" or "norm"; null to leave the lemma unset.
    hidden_width: of a layer of the head's own, 0 for none.
    """

    def __init__(
        self,
        min_tree_freq: int = 3,
        top_k: int = 1,
        overwrite: bool = False,
        backoff: str | None = "orth",
        hidden_width: int = 0,
    ) -> None:
        for setting, value in {"min_tree_freq": min_tree_freq, "top_k": top_k}.items():
            if value < 1:
                raise MTLError(f"Expected `{setting}` of 1 or more, got {value}.")
        if backoff is not None and backoff not in BACKOFFS:
            raise MTLError(f"Expected `backoff` out of {list(BACKOFFS)} or null, got {backoff!r}.")
        self.min_tree_freq = min_tree_freq
        self.top_k = top_k
        self.backoff = backoff
        super().__init__("lemmatizer", "LEMMA", overwrite, hidden_width)

    def set_labels(self, labels: Iterable[str]) -> None:
        self._trees = TreeLabels(labels)
        super().set_labels(self._trees.labels)

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        """RAISES (MTLError): If there are lemmas, and all of their trees are too rare."""
        found = _count_trees(example.reference for example in examples)
        frequent = sorted(label for label, n in found.items() if n >= self.min_tree_freq)
        if found and not frequent:
            raise MTLError(
                f"Expected lemmas for the task '{self.name}' of which {self.min_tree_freq} tokens "
                f"are formed alike, got {found.total()} labelled tokens with {len(found)} edit "
                "trees. Add some, or set a lower `min_tree_freq` in the task's block."
            )
        return frequent

    def labels_in(self, doc: Doc) -> set[str]:
        return {*_count_trees([doc])}

    def targets(self, examples: Sequence[Example], ops: Ops) -> ColumnTargets:
        forms = Forms.of([example.predicted for example in examples])
        none = np.zeros(0, dtype="uint64")
        lemmas = np.concatenate([none, *(aligned_attribute(eg, "LEMMA") for eg in examples)])
        rows = np.flatnonzero((lemmas != 0) & ~forms.is_space)
        pairs = np.stack([forms.kind[rows], numbered(lemmas[rows])], axis=1)
        first, which = distinct_rows(pairs)
        columns = np.full(len(lemmas), -1, dtype="int32")
        found = []
        for row in rows[first].tolist():
            strings = examples[forms.document(row)].reference.vocab.strings
            found.append(self._trees.column(forms.text(row), strings[int(lemmas[row])]))
        columns[rows] = np.asarray(found, dtype="int32")[which]
        return ColumnTargets.of(columns, self.known_columns(examples, per_token=True), ops)

    def loss(
        self, scores: Floats2d, targets: ColumnTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        return softmax_cross_entropy(scores, targets.classes, targets.mask, known=targets.known)

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> DecodedLemmas:
        """The most probable tree that applies, of equally probable ones the first."""
        forms = Forms.of(packed.docs)
        texts: dict[str, int] = {}
        columns = np.full(len(forms.orth), -1)
        lemmas = np.where(forms.is_space, forms.orth, 0).astype("uint64")
        apply = cache(self._trees.apply)
        left = np.flatnonzero(~forms.is_space)
        ranked = to_numpy(scores.argmax(axis=1))[left, None]
        for rank in range(min(self.top_k, scores.shape[1])):
            if rank == 1:  # only few tokens are left
                ranked = _best(scores, left, self.top_k)
            made = _made(apply, forms, left, ranked[:, rank], texts)
            applies = made != 0
            columns[left[applies]], lemmas[left[applies]] = ranked[applies, rank], made[applies]
            left, ranked = left[~applies], ranked[~applies]
        if self.backoff is not None:
            lemmas[left] = forms.attribute(self.backoff.upper())[left]
        return DecodedLemmas(
            ops.xp.asarray(columns),
            lambda: softmax(self.tempered(scores)),
            is_space=ops.xp.asarray(forms.is_space),
            lemmas=lemmas,
            texts=[*texts],
        )

    def values(self, docs: Sequence[Doc], decoded: DecodedLemmas) -> NDArray[np.uint64]:
        return decoded.lemmas

    def annotate(self, docs: Sequence[Doc], decoded: DecodedLemmas) -> None:
        for strings in {id(doc.vocab): doc.vocab.strings for doc in docs}.values():
            for text in decoded.texts:
                strings.add(text)
        super().annotate(docs, decoded)

    def is_labelled(self, example: Example) -> bool:
        lemma, is_space = example.reference.to_array(["LEMMA", "IS_SPACE"]).T
        return bool(((lemma != 0) & (is_space == 0)).any())

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        return token_accuracy(list(examples), "lemma")

    def statistics(self, examples: Sequence[Example]) -> Ratio:
        """The share of the labelled tokens with the right lemma; whitespace is left out, which
        spaCy's `lemma_acc` counts as missed where it is labelled."""
        documents, right = [], []
        for number, example in enumerate(examples):
            require_same_tokens(example)
            gold, is_space = example.reference.to_array(["LEMMA", "IS_SPACE"]).T
            scored = (gold != 0) & (is_space == 0)
            right.append((gold == example.predicted.to_array("LEMMA"))[scored])
            documents.append(np.full(len(right[-1]), number))
        none = np.zeros(0, dtype="int64")
        units = np.concatenate([none, *documents]), np.concatenate([none, *right])
        return Ratio.of_units(*units, len(examples), "accuracy")


def _count_trees(docs: Iterable[Doc]) -> Counter[str]:
    """How many tokens of these documents each tree makes the lemma of."""
    pairs: Counter[tuple[int, int]] = Counter()
    texts: dict[int, str] = {0: ""}
    for doc in docs:
        array = doc.to_array(["ORTH", "LEMMA", "IS_SPACE"])
        labelled = array[(array[:, 1] != 0) & (array[:, 2] == 0), :2]
        pairs.update(map(tuple, labelled.tolist()))
        new = {*labelled.ravel().tolist()} - texts.keys()
        texts.update((key, doc.vocab.strings[key]) for key in new)
    trees = TreeLabels(())
    found: Counter[str] = Counter()
    for (form, lemma), n in pairs.items():
        found[trees.label(texts[form], texts[lemma])] += n
    return found


def _best(scores: Floats2d, rows: NDArray[Any], k: int) -> NDArray[np.int64]:
    """(n_rows, k) the columns of the highest scores of some rows, from the best on; of equal ones
    the first comes first."""
    found: Any = scores
    xp: Any = get_array_module(found)
    return np.argsort(-to_numpy(found[xp.asarray(rows)]), axis=1, kind="stable")[:, :k]


def _made(
    apply: Callable[[int, str], str],
    forms: Forms,
    rows: NDArray[Any],
    columns: NDArray[Any],
    texts: dict[str, int],
) -> NDArray[np.uint64]:
    """(n_rows,) the hashes of the lemmas that trees make of tokens, 0 where they do not apply.

    rows, columns: of each token its number and that of the tree. texts: gets the lemmas.
    """
    first, which = distinct_rows(np.stack([forms.kind[rows], columns], axis=1))
    pairs = zip(rows[first].tolist(), columns[first].tolist(), strict=True)
    lemmas = [apply(column, forms.text(row)) for row, column in pairs]
    texts.update((lemma, get_string_id(lemma)) for lemma in lemmas if lemma)
    hashes = np.asarray([texts.get(lemma, 0) for lemma in lemmas], dtype="uint64")
    return hashes[which]
