"""How the heads of words are learned and decoded: two ways, by the columns that score them.

Both get the scores of the batch's words, (n_members, n_words, columns), on the model's device, and
give trees on the host. There is one member but in an ensemble, which takes the mean of the members'
arcs or tags. heads: (n_words,) the number of each word's head, its own for a root, -1 if it is not
known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        """The summed -log of the probability of what is known, in nats, and its gradient, of each
        member or the same for all.

        whole: (n_words,) whether all that belongs to the word's tree is certainly in its sentence.
        """

    def negative_log_likelihood(
        self, xp: Any, scores: Array, heads: Rows, whole: NDArray[np.bool_], sentences: Sentences
    ) -> float:
        """The summed -log of the probabilities that are `confidences`, in nats."""

    def divergence(
        self, xp: Any, scores: Array, taught: Array, mask: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        """The summed divergence of the probabilities from those of other scores, `taught`, in
        nats, and its gradient, as of `loss`. mask: (n_words,) for which words."""

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
            each = [Arcs(xp, own, places) for own in scores]
            gold, known = _gold(xp, heads, places)
            loss, dS = softmax_cross_entropy(_S(each), gold, known)
            first = mean([_flat(arcs.first) for arcs in each])
            of_first, d_first = softmax_cross_entropy(first, gold, known)
            _backprop(each, dS, FIRST * d_first, d_scores)
            total += loss + FIRST * of_first
        return total, d_scores

    def negative_log_likelihood(
        self, xp: Any, scores: Array, heads: Rows, whole: NDArray[np.bool_], sentences: Sentences
    ) -> float:
        return sum(
            softmax_cross_entropy(
                _S([Arcs(xp, own, places) for own in scores]), *_gold(xp, heads, places)
            )[0]
            for places in sentences.by_length()
        )

    def divergence(
        self, xp: Any, scores: Array, taught: Array, mask: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        total, d_scores = 0.0, xp.zeros_like(scores)
        for places in sentences.by_length():
            each, others = ([Arcs(xp, S, places) for S in side] for side in (scores, taught))
            P, Q = softmax(_S(each)), softmax(_S(others))
            loss, dS = divergence(P, Q, xp.asarray(mask[places].reshape(-1, 1)), yes_or_no=False)
            _backprop(each, dS, xp.zeros_like(dS), d_scores)
            total += loss
        return total, d_scores

    def decode(self, xp: Any, scores: Array, sentences: Sentences) -> Rows:
        heads = np.zeros(len(sentences.rows), dtype="int64")
        for places in sentences.by_length():
            S = mean([Arcs(xp, own, places).S for own in scores])
            found = to_numpy(best_heads(xp, S))
            for sentence in np.flatnonzero(~is_tree(found)).tolist():
                found[sentence] = best_tree(to_numpy(S[sentence]))
            heads[places] = found + places[:, :1]
        return heads

    def confidences(self, xp: Any, scores: Array, heads: Rows, sentences: Sentences) -> NDArray:
        """Of each head by itself, whether it gives a tree or not."""
        found = np.zeros(len(heads), dtype="float32")
        for places in sentences.by_length():
            P = softmax(_S([Arcs(xp, own, places) for own in scores]))
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
        known = xp.asarray(said[sentences.number()])
        loss, d_mean = partial_cross_entropy(mean(scores), possible, known)
        return loss, d_mean / len(scores)

    def negative_log_likelihood(
        self, xp: Any, scores: Array, heads: Rows, whole: NDArray[np.bool_], sentences: Sentences
    ) -> float:
        return self.loss(xp, scores, heads, whole, sentences)[0]

    def divergence(
        self, xp: Any, scores: Array, taught: Array, mask: NDArray[np.bool_], sentences: Sentences
    ) -> tuple[float, Array]:
        counted = xp.asarray(mask)[:, None]
        sides = softmax(mean(scores)), softmax(mean(taught))
        loss, d_mean = divergence(*sides, counted, yes_or_no=False)
        return loss, d_mean / len(scores)

    def decode(self, xp: Any, scores: Array, sentences: Sentences) -> Rows:
        return four_bits.decode(to_numpy(mean(scores)), sentences)

    def confidences(self, xp: Any, scores: Array, heads: Rows, sentences: Sentences) -> NDArray:
        """Of each word's tag."""
        whole = np.ones(len(heads), dtype=bool)
        tags = four_bits.possible_tags(heads, sentences, whole).argmax(axis=1)
        P: NDArray = to_numpy(softmax(mean(scores)))
        return P[np.arange(len(P)), tags]


HEAD_FINDERS: dict[str, Callable[[int], HeadFinder]] = {
    "biaffine": Biaffine,
    "four_bits": lambda rank: FourBits(),
}


def mean(members: Sequence[Array]) -> Array:
    """Of arrays of one shape, or along the first axis of one."""
    return members[0] if len(members) == 1 else sum(members) / len(members)


def _gold(xp: Any, heads: Rows, places: Rows) -> tuple[Array, Array]:
    """(n_words,) the place of each head in its sentence, and whether it is known."""
    own = (heads[places] - places[:, :1]).ravel()
    return xp.asarray(np.maximum(own, 0)), xp.asarray(heads[places].ravel() >= 0)


def _S(members: Sequence[Arcs]) -> Array:
    """(n_words, length) the scores of all arcs."""
    return mean([_flat(arcs.S) for arcs in members])


def _backprop(members: Sequence[Arcs], dS: Array, d_first: Array, d_scores: Array) -> None:
    """From the gradients of the means, which change."""
    for arcs, own in zip(members, d_scores, strict=True):
        own_dS, own_d_first = ((d / len(members)).reshape(arcs.S.shape) for d in (dS, d_first))
        arcs.backprop(own_dS, own_d_first, own)


def _flat(S: Array) -> Array:
    return S.reshape(-1, S.shape[-1])
