"""The columns of a parser's scores: what they cost, and what they decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Ops, to_numpy

from ..models.packed import Packed
from ..models.parsing.relations import Relations, column_names
from ..models.parsing.sentences import Sentences
from .arcs import HeadFinder, mean
from .boundaries import boundary_loss, decode_starts, is_open, parsed, preset_starts, whitespace
from .gold_trees import GoldTrees, Numbers
from .losses import divergence, sigmoid, softmax, softmax_cross_entropy

Array = Any  # of numpy or cupy


@dataclass(frozen=True)
class ParseTargets:
    """What references say of a batch; arrays on the host.

    relations: (n_tokens,) the number of the relation to the head, -1 where it is not known, or a
    root. known: (n_tokens, n_relations) the relations that each token's corpus knows; None where
    all know all. ops: of the model.
    """

    trees: GoldTrees
    relations: NDArray[np.int32]
    known: NDArray[np.bool_] | None
    ops: Ops

    @cached_property
    def asked(self) -> NDArray[np.bool_]:
        """(n_tokens,) of which it is known whether a sentence begins there, if it is a question."""
        asked: NDArray[np.bool_] = self.trees.starts != 0
        return asked & is_open(self.trees.first, self.trees.is_space)

    @cached_property
    def mask(self) -> Any:
        """See `Targets`: words with a known head, or `asked`."""
        return (self.trees.heads >= 0) | self.asked

    @property
    def gold(self) -> Any:
        """See `Targets`."""
        return self.trees.heads

    @property
    def n_units(self) -> int:
        """See `Targets`."""
        return int(self.mask.sum())

    @property
    def is_root(self) -> NDArray[np.bool_]:
        """(n_tokens,) whether it is known to be a root."""
        roots: NDArray[np.bool_] = self.trees.heads == np.arange(len(self.trees.heads))
        return roots


def _no_confidences() -> NDArray[np.float32]:
    return np.zeros(0, dtype="float32")


@dataclass(frozen=True)
class Parse:
    """The decision for a batch; arrays on the host.

    starts: (n_tokens,) where sentences begin.
    heads: (n_tokens,) the number of each token's head in the batch, its own for a root and for
        whitespace.
    relations: (n_tokens,) the number of the relation to it, any for these.
    is_space: (n_tokens,) whether a token is whitespace. parsed: (n_docs,) whether the document had
        a parse already.
    """

    starts: NDArray[np.bool_]
    heads: Numbers
    relations: Numbers
    is_space: NDArray[np.bool_]
    parsed: NDArray[np.bool_]
    get_confidences: Callable[[], NDArray[np.float32]] = _no_confidences

    @cached_property
    def confidences(self) -> NDArray[np.float32]:
        """(n_tokens,) the probability of each head with its relation, NaN for whitespace."""
        return self.get_confidences()


class ParseColumns:
    """Scores, (n_tokens, columns): whether a sentence begins, what finds heads, and relations.

    Those of an ensemble are (n_members, n_tokens, columns): the mean is taken of the scores of
    starts, arcs and relations, which for the latter two is not that of their columns.

    finder: how heads are found.
    """

    def __init__(self, finder: HeadFinder) -> None:
        self._finder = finder
        self._arcs = slice(1, 1 + len(finder.columns))
        self._relations = slice(self._arcs.stop, None)

    def names(self, relations: list[str]) -> list[str]:
        """Of the columns, with these relations to other words."""
        return ["start", *self._finder.columns, *column_names(relations)]

    def of_relations(self, columns: Array, n: int) -> Array:
        """What an array with a value for each column, the last axis, has for the n relations."""
        return columns[..., self._relations][..., :n]

    def loss(self, scores: Array, targets: ParseTargets) -> tuple[float, Array]:
        """The summed loss of starts, known heads and known relations in nats, and its gradient."""
        ops, trees = targets.ops, targets.trees
        xp = ops.xp
        members, d_scores = _members(scores), xp.zeros_like(_members(scores))
        asked = xp.asarray(trees.starts == 1), xp.asarray(targets.asked)
        loss, d_starts = boundary_loss(mean(members[..., :1]), *asked)
        d_scores[..., :1] = d_starts / len(members)
        sentences = Sentences.of(trees.begins, trees.is_space)
        heads = sentences.within(trees.heads)
        if not (heads >= 0).any():
            return loss, d_scores.reshape(scores.shape)
        rows, whole = xp.asarray(sentences.rows), trees.whole[sentences.rows]
        arcs = members[:, rows, self._arcs]
        of_heads, d_scores[:, rows, self._arcs] = self._finder.loss(
            xp, arcs, heads, whole, sentences
        )
        relations, of_relations, dS = self._relation_loss(members, targets)
        self._backprop(relations, dS, d_scores)
        return loss + of_heads + of_relations, d_scores.reshape(scores.shape)

    def negative_log_likelihood(self, scores: Array, targets: ParseTargets) -> float:
        """The summed -log of the probabilities of known heads and relations in nats, of which
        confidences are made."""
        members, trees, xp = _members(scores), targets.trees, targets.ops.xp
        sentences = Sentences.of(trees.begins, trees.is_space)
        heads, whole = sentences.within(trees.heads), trees.whole[sentences.rows]
        arcs = members[:, xp.asarray(sentences.rows), self._arcs]
        of_heads = self._finder.negative_log_likelihood(xp, arcs, heads, whole, sentences)
        return of_heads + self._relation_loss(members, targets)[1]

    def divergence(
        self, scores: Array, taught: Array, mask: Any, packed: Packed, ops: Ops
    ) -> tuple[float, Array]:
        """The summed divergence of the probabilities from those of other scores, `taught`, in
        nats, and its gradient: of starts, of heads in the other's sentences, and of the relations
        to its heads. mask: (n_tokens,) bool, of which tokens."""
        xp: Any = ops.xp
        sides = members, others = _members(scores), _members(taught)
        d_scores = xp.zeros_like(members)
        counted = xp.asarray(mask)[:, None]
        P, Q = (sigmoid(mean(side[..., :1])) for side in sides)
        loss, d_starts = divergence(P, Q, counted, yes_or_no=True)
        d_scores[..., :1] = d_starts / len(members)
        parse, sentences = self._parse(others, packed, ops, keep=False)
        arcs = slice(None), xp.asarray(sentences.rows), self._arcs
        of_heads, d_scores[arcs] = self._finder.divergence(
            xp, members[arcs], others[arcs], to_numpy(mask)[sentences.rows], sentences
        )
        own, other = (self._relations_of(side, parse.heads, ops) for side in sides)
        of_relations, dS = divergence(
            softmax(_S(own)), softmax(_S(other)), counted, yes_or_no=False
        )
        self._backprop(own, dS, d_scores)
        return loss + of_heads + of_relations, d_scores.reshape(scores.shape)

    def decode(self, scores: Array, packed: Packed, ops: Ops, temperature: float = 1.0) -> Parse:
        """The best trees. Sentence starts stay that stand on documents without a parse.

        temperature: what the scores are divided by for the confidences.
        """
        keep = np.repeat(~parsed(packed), packed.lengths)
        members = _members(scores)
        parse, sentences = self._parse(members, packed, ops, keep)

        def confidences() -> NDArray[np.float32]:
            return self._confidences(members / temperature, parse, sentences, ops)

        return replace(parse, get_confidences=confidences)

    def _relation_loss(
        self, members: Array, targets: ParseTargets
    ) -> tuple[list[Relations], float, Array]:
        """The relations of the words of which it is known; their loss, and its gradient."""
        xp: Any = targets.ops.xp
        words = np.flatnonzero(targets.relations >= 0)
        known = None if targets.known is None else xp.asarray(targets.known[words])
        gold = xp.asarray(targets.relations[words])
        relations = self._relations_of(members, targets.trees.heads, targets.ops, words)
        loss, dS = softmax_cross_entropy(_S(relations), gold, gold >= 0, known=known)
        return relations, loss, dS

    def _parse(
        self, members: Array, packed: Packed, ops: Ops, keep: NDArray[np.bool_] | bool
    ) -> tuple[Parse, Sentences]:
        is_space = whitespace(packed)
        sentences = Sentences.of(decode_starts(mean(members[..., 0]), packed, keep), is_space)
        heads = np.arange(len(is_space))
        arcs = self._arcs_of(members, sentences, ops)
        found = self._finder.decode(ops.xp, arcs, sentences)
        heads[sentences.rows] = sentences.rows[found]
        S = _S(self._relations_of(members, heads, ops))
        relations: Any = to_numpy(S.argmax(axis=1)) if S.shape[1] else np.zeros_like(heads)
        starts = sentences.first_tokens(packed.lengths)
        if is_space.any():  # behind which the first word of a document may be set to begin one
            starts |= preset_starts(packed, keep)
        return Parse(starts, heads, relations, is_space, parsed(packed)), sentences

    def _confidences(
        self, members: Array, parse: Parse, sentences: Sentences, ops: Ops
    ) -> NDArray[np.float32]:
        confidences = np.full(len(parse.heads), np.nan, dtype="float32")
        arcs = self._arcs_of(members, sentences, ops)
        heads = sentences.within(parse.heads)
        confidences[sentences.rows] = self._finder.confidences(ops.xp, arcs, heads, sentences)
        words = np.flatnonzero(parse.heads != np.arange(len(parse.heads)))
        P: Any = to_numpy(softmax(_S(self._relations_of(members, parse.heads, ops, words))))
        if P.shape[1]:
            confidences[words] *= P[np.arange(len(words)), parse.relations[words]]
        return confidences

    def _arcs_of(self, members: Array, sentences: Sentences, ops: Ops) -> Array:
        """(n_members, n_words, columns) what finds heads: without a copy where all tokens are
        words."""
        if len(sentences.rows) == members.shape[1]:
            return members[..., self._arcs]
        return members[:, ops.xp.asarray(sentences.rows), self._arcs]

    def _relations_of(
        self, members: Array, heads: Numbers, ops: Ops, words: Numbers | None = None
    ) -> list[Relations]:
        """Of these words, or all, by each member. heads: as in `Parse`, -1 where none is known."""
        xp: Any = ops.xp
        all_words = np.arange(len(heads))
        places = xp.asarray(np.where(heads < 0, all_words, heads))
        chosen = xp.asarray(all_words if words is None else words)
        return [Relations(ops, own[:, self._relations], places, chosen) for own in members]

    def _backprop(self, relations: Sequence[Relations], dS: Array, d_scores: Array) -> None:
        for own, d_own in zip(relations, d_scores, strict=True):
            own.backprop(dS / len(relations), d_own[:, self._relations])


def _members(scores: Array) -> Array:
    """(n_members, n_tokens, columns): one member, where it is no ensemble."""
    return scores if scores.ndim == 3 else scores[None]


def _S(relations: Sequence[Relations]) -> Array:
    """(n_words, n_relations)."""
    return mean([own.S for own in relations])
