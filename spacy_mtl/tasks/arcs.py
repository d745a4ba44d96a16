"""How the heads of words are learned and decoded: two ways, by the columns that score them.

Both get the scores of the batch's words, (n_words, columns), on the model's device, and give trees
on the host. heads: (n_words,) the number of each word's head, its own for a root, -1 if it is not
known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from thinc.api import to_numpy

from ..models.parsing import biaffine, four_bits
from ..models.parsing.arborescence import best_heads, best_tree, is_tree
from ..models.parsing.biaffine import Arcs
from ..models.parsing.sentences import Rows, Sentences
from .losses import divergence, partial_cross_entropy, softmax, softmax_cross_entropy

Array = Any  # of numpy or cupy
FIRST = 0.5  # of the loss: what the scores of two words alone weigh


class HeadFinder(Protocol):
    """See the module.

    columns: the names of the columns.
    """

    columns: tuple[str, ...]

    def loss(
        self, xp: Any, scores: Array, heads: Rows, whole: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        """The summed -log of the probability of what is known, in nats, and its gradient.

        whole: (n_words,) whether all that belongs to the word's tree is certainly in its sentence.
        """

    def divergence(
        self, xp: Any, scores: Array, taught: Array, mask: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        """The summed divergence of the probabilities from those of other scores, `taught`, in
        nats, and its gradient. mask: (n_words,) for which words."""

    def decode(self, xp: Any, scores: Array, sentences: Sentences) -> Rows:
        """(n_words,) heads: the best tree with one root that is found for each sentence."""

    def confidences(self, xp: Any, scores: Array, heads: Rows, sentences: Sentences) -> NDArray:
        """(n_words,) the probability of each head."""


class Biaffine:
    """Each word takes its head by a softmax over the words of its sentence; where that gives no
    tree, the best one is the maximum arborescence. See `HeadFinder`, `models.parsing.biaffine`.

    Scores of two words alone learn the same: `FIRST` of their loss is part of the loss.

    rank: of the product of arcs, even."""

    def __init__(self, rank: int) -> None:
        self.columns = biaffine.column_names(rank)

    def loss(
        self, xp: Any, scores: Array, heads: Rows, whole: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        total, d_scores = 0.0, xp.zeros_like(scores)
        for places in sentences.by_length():
            arcs = Arcs(xp, scores, places)
            own = (heads[places] - places[:, :1]).ravel()
            gold, known = xp.asarray(np.maximum(own, 0)), xp.asarray(heads[places].ravel() >= 0)
            loss, dS = softmax_cross_entropy(_flat(arcs.S), gold, known)
            of_first, d_first = softmax_cross_entropy(_flat(arcs.first), gold, known)
            shape = arcs.S.shape
            arcs.backprop(dS.reshape(shape), FIRST * d_first.reshape(shape), d_scores)
            total += loss + FIRST * of_first
        return total, d_scores

    def divergence(
        self, xp: Any, scores: Array, taught: Array, mask: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        total, d_scores = 0.0, xp.zeros_like(scores)
        for places in sentences.by_length():
            arcs = Arcs(xp, scores, places)
            P, Q = softmax(_flat(arcs.S)), softmax(_flat(Arcs(xp, taught, places).S))
            loss, dS = divergence(P, Q, xp.asarray(mask[places].reshape(-1, 1)), yes_or_no=False)
            arcs.backprop(dS.reshape(arcs.S.shape), xp.zeros_like(arcs.S), d_scores)
            total += loss
        return total, d_scores

    def decode(self, xp: Any, scores: Array, sentences: Sentences) -> Rows:
        heads = np.zeros(len(sentences.rows), dtype="int64")
        for places in sentences.by_length():
            S = Arcs(xp, scores, places).S
            found = to_numpy(best_heads(xp, S))
            for sentence in np.flatnonzero(~is_tree(found)).tolist():
                found[sentence] = best_tree(to_numpy(S[sentence]))
            heads[places] = found + places[:, :1]
        return heads

    def confidences(self, xp: Any, scores: Array, heads: Rows, sentences: Sentences) -> NDArray:
        """Of each head by itself, whether it gives a tree or not."""
        found = np.zeros(len(heads), dtype="float32")
        for places in sentences.by_length():
            P = softmax(_flat(Arcs(xp, scores, places).S))
            own = xp.asarray((heads[places] - places[:, :1]).ravel())
            found[places] = to_numpy(P[xp.arange(len(P)), own]).reshape(places.shape)
        return found


class FourBits:
    """Each word gets one of sixteen tags, decoded by beam search. See `HeadFinder`,
    `models.parsing.four_bits`. The loss is the log-sum over all tags that agree with what is
    known; of a sentence of which no head is known, there is none."""

    columns = four_bits.COLUMNS

    def loss(
        self, xp: Any, scores: Array, heads: Rows, whole: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        projective = four_bits.projective(heads, sentences)
        possible = xp.asarray(four_bits.possible_tags(projective, sentences, whole))
        said = np.add.reduceat(heads >= 0, sentences.starts) > 0
        return partial_cross_entropy(scores, possible, xp.asarray(said[sentences.number()]))

    def divergence(
        self, xp: Any, scores: Array, taught: Array, mask: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        counted = xp.asarray(mask)[:, None]
        return divergence(softmax(scores), softmax(taught), counted, yes_or_no=False)

    def decode(self, xp: Any, scores: Array, sentences: Sentences) -> Rows:
        return four_bits.decode(to_numpy(scores), sentences)

    def confidences(self, xp: Any, scores: Array, heads: Rows, sentences: Sentences) -> NDArray:
        """Of each word's tag."""
        whole = np.ones(len(heads), dtype=bool)
        tags = four_bits.possible_tags(heads, sentences, whole).argmax(axis=1)
        P: NDArray = to_numpy(softmax(scores))
        return P[np.arange(len(P)), tags]


HEAD_FINDERS: dict[str, Callable[[int], HeadFinder]] = {
    "biaffine": Biaffine,
    "four_bits": lambda rank: FourBits(),
}


def _flat(S: Array) -> Array:
    return S.reshape(-1, S.shape[-1])
