"""Dependency parses: heads, relations, and with them sentences."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, glorot_uniform_init, to_numpy
from thinc.types import Floats2d

from ..confidences import arc_confidences, note_arcs
from ..errors import MTLError
from ..layers.sentences import set_starts
from ..metrics.f_score import Counts
from ..models.heads import Head, TokenHead
from ..models.packed import Packed, token_attributes
from ..models.parsing.relations import backprop_relations, column_names, relation_scores
from ..models.parsing.sentences import Sentences
from .alignment import index_of, require_same_tokens
from .arcs import HEAD_FINDERS
from .base import Task
from .boundaries import boundary_loss, decode_starts, is_open
from .confusion import Confusion
from .gold_trees import GoldTrees
from .labels import LabelledTask
from .losses import divergence, sigmoid, softmax, softmax_cross_entropy
from .sentence_scores import has_sentences, sentence_scores
from .tree_scores import TreeCounts, relation_confusion, relations_of
from .whitespace import attached_spaces

ROOT = "ROOT"
OF_SPACE = "dep"  # the relation of whitespace, as spaCy's own parsers have it


@dataclass(frozen=True)
class ParseTargets:
    """What references say of a batch; arrays on the host.

    gold: trees and sentences. relations: (n_tokens,) the number of the relation to the head, -1
    where it is not known, or a root. known: see `LabelledTask.known_columns`, of relations. ops:
    of the model.
    """

    trees: GoldTrees
    relations: NDArray[np.int32]
    known: NDArray[np.bool_] | None
    ops: Ops

    @cached_property
    def open(self) -> NDArray[np.bool_]:
        """(n_tokens,) of which it is known whether a sentence begins there, if it is a question."""
        return (self.trees.starts != 0) & is_open(self.trees.first, self.trees.is_space)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """See `Targets`: words with a known head, or of which `open` is true."""
        return (self.trees.heads >= 0) | self.open

    @property
    def gold(self) -> NDArray[np.int64]:
        """See `Targets`."""
        return self.trees.heads

    @property
    def n_units(self) -> int:
        """See `Targets`."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class Parse:
    """The decision for a batch; arrays on the host.

    starts: (n_tokens,) where sentences begin.
    heads: (n_tokens,) the number of each token's head in the batch, its own for a root and for
    whitespace. relations: (n_tokens,) the number of the relation to it, any for these.
    """

    starts: NDArray[np.bool_]
    heads: NDArray[np.int64]
    relations: NDArray[np.int64]
    get_confidences: Callable[[], NDArray]

    @cached_property
    def confidences(self) -> NDArray:
        """(n_tokens,) the probability of each head with its relation, NaN for whitespace."""
        return self.get_confidences()


class Parser(LabelledTask):
    """Parse: `token.head` and `token.dep_`, and so the sentences, as stock `parser`.

    One score of each token says whether a sentence begins there, learned also from documents with
    sentences alone. Arcs are looked for within sentences, each of which gets one root, and then
    the relation of each word to its head. Sentence starts that are set on a Doc stay, but for those
    at whitespace, which is in no tree. Trees that are annotated in part teach what they say. The
    labels are the relations; "ROOT" is that of any root.

    decoder: "biaffine", scores of all arcs of a sentence and a maximum arborescence (Dozat and
        Manning 2017), or "four_bits", sixteen tags and a beam search (Gómez-Rodríguez, Roca and
        Vilares 2023), which takes less time in long sentences, finds projective trees alone, and
        was measured to be less accurate.
    overwrite: parse documents that have a parse already, too.

    A sentence of more than `spacy_mtl.models.parsing.sentences.LONGEST` words is cut. With a single
    sentence in each document there is nothing from which to learn where sentences begin.
    """

    def __init__(self, decoder: str = "biaffine", overwrite: bool = False) -> None:
        if decoder not in HEAD_FINDERS:
            raise MTLError(f"Expected `decoder` in {list(HEAD_FINDERS)}, got {decoder!r}.")
        self.decoder = decoder
        self.overwrite = overwrite
        self._finder = HEAD_FINDERS[decoder]()
        self._parts = slice(0, 1), slice(1, 1 + len(self._finder.columns))
        super().__init__("parser")

    @property
    def layers(self) -> tuple[str, ...]:
        return ("dep", "sents")

    @property
    def assigns(self) -> tuple[str, ...]:
        return ("token.dep", "token.head", "token.is_sent_start", "doc.sents")

    def columns_of(self, labels: Iterable[str]) -> list[str]:
        relations = column_names([label for label in labels if label != ROOT])
        return ["start", *self._finder.columns, *relations]

    def set_labels(self, labels: Iterable[str]) -> None:
        super().set_labels(labels)
        self._relations = [label for label in self._labels if label != ROOT]
        ids = [get_string_id(label) for label in self._relations]
        self._ids = np.asarray(ids, dtype="uint64")

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        return sorted(set().union(*(self.labels_in(eg.reference) for eg in examples)))

    def labels_in(self, doc: Doc) -> set[str]:
        table = doc.to_array(["HEAD", "DEP"]).reshape(len(doc), 2)
        used = np.unique(table[table[:, 0] != 0, 1]).tolist()
        roots = {ROOT} if ((table[:, 0] == 0) & (table[:, 1] != 0)).any() else set()
        return {doc.vocab.strings[value] for value in used if value} | roots

    def make_head(self) -> Head:
        return TokenHead(init_W=glorot_uniform_init)

    def targets(self, examples: Sequence[Example], ops: Ops) -> ParseTargets:
        self.warn_of_unknown(examples)
        trees = GoldTrees.of(examples)
        is_root = trees.heads == np.arange(len(trees.heads))
        relations = np.where(is_root, -1, index_of(trees.relations, self._ids))
        known = self.known_columns(examples, per_token=True)
        if known is not None:
            known = known[:, self._parts[1].stop :][:, : len(self._relations)]
            relations[(relations >= 0) & ~known[np.arange(len(known)), relations]] = -1
        return ParseTargets(trees, relations, known, ops)

    def loss(
        self, scores: Floats2d, targets: ParseTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        ops, trees = targets.ops, targets.trees
        xp = ops.xp
        d_scores: Any = xp.zeros_like(scores)
        starts, arcs = self._parts
        asked = xp.asarray(trees.starts == 1), xp.asarray(targets.open)
        loss, d_scores[:, starts] = boundary_loss(scores[:, starts], *asked)
        sentences = Sentences.of(trees.begins, trees.is_space)
        heads = sentences.within(trees.heads)
        if (heads >= 0).any():
            rows = xp.asarray(sentences.rows)
            own, d_own = self._finder.loss(
                xp, scores[rows, arcs], heads, trees.whole[sentences.rows], sentences
            )
            d_scores[rows, arcs] = d_own
            loss += own + self._relation_loss(ops, scores, targets, d_scores)
        return loss, d_scores

    def _relation_loss(self, ops: Ops, scores: Any, targets: ParseTargets, d_scores: Any) -> float:
        """That of the relations to known heads; adds its gradient."""
        words = np.flatnonzero(targets.relations >= 0)
        places = ops.xp.asarray(words), ops.xp.asarray(targets.trees.heads[words])
        relations = slice(self._parts[1].stop, None)
        known = None if targets.known is None else ops.xp.asarray(targets.known[words])
        gold = ops.xp.asarray(targets.relations[words])
        loss, dY = softmax_cross_entropy(
            relation_scores(scores[:, relations], *places), gold, gold >= 0, known=known
        )
        backprop_relations(ops, dY, scores[:, relations], *places, d_scores[:, relations])
        return loss

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Parse:
        is_space = packed.attributes("IS_SPACE")[:, 0] != 0
        keep = packed.attributes("DEP")[:, 0] == 0
        sentences = Sentences.of(decode_starts(scores[:, 0], packed, keep), is_space)
        starts = sentences.first_tokens(packed.lengths)
        rows = ops.xp.asarray(sentences.rows)
        heads = np.arange(len(is_space))
        found = self._finder.decode(ops.xp, scores[rows, self._parts[1]], sentences)
        heads[sentences.rows] = sentences.rows[found]
        S = self._relation_scores(scores, heads, ops)

        def confidences() -> NDArray:
            tempered = self.tempered(scores)
            P = np.full(len(heads), np.nan, dtype="float32")
            P[sentences.rows] = self._finder.confidences(
                ops.xp, tempered[rows, self._parts[1]], found, sentences
            )
            if self._relations:
                of_relation = softmax(self._relation_scores(tempered, heads, ops)).max(axis=1)
                P *= np.where(heads == np.arange(len(heads)), 1, to_numpy(of_relation))
            return P

        relations = to_numpy(S.argmax(axis=1)) if self._relations else np.zeros_like(heads)
        return Parse(starts, heads, relations, confidences)

    def _relation_scores(self, scores: Floats2d, heads: NDArray[np.int64], ops: Ops) -> Any:
        """(n_tokens, n_relations) of each token with its head."""
        words = ops.xp.arange(len(heads))
        columns = scores[:, self._parts[1].stop :]
        return relation_scores(columns, words, ops.xp.asarray(heads))

    def outcomes(self, parse: Parse, targets: ParseTargets) -> tuple[NDArray, NDArray[np.bool_]]:
        """See `Calibrated`: of words with a known head and relation."""
        trees = targets.trees
        is_root = trees.heads == np.arange(len(trees.heads))
        asked = (trees.heads >= 0) & (is_root | (targets.relations >= 0))
        right = parse.heads == trees.heads
        right &= is_root | (parse.relations == targets.relations)
        return parse.confidences[asked], right[asked]

    def distill(
        self, scores: Floats2d, taught: Floats2d, mask: Any, packed: Packed, ops: Ops
    ) -> tuple[float, Floats2d]:
        """See `LabelledTask`: of starts, of heads within the teacher's sentences, and of relations
        to its heads."""
        xp: Any = ops.xp
        d_scores = xp.zeros_like(scores)
        starts, arcs = self._parts
        relations = slice(arcs.stop, None)
        counted = xp.asarray(mask)[:, None]
        sides = (sigmoid(scores[:, starts]), sigmoid(taught[:, starts]))
        loss, d_scores[:, starts] = divergence(*sides, counted, yes_or_no=True)
        is_space = packed.attributes("IS_SPACE")[:, 0] != 0
        begins = decode_starts(taught[:, 0], packed, keep=False)
        sentences = Sentences.of(begins, is_space)
        rows = xp.asarray(sentences.rows)
        own, d_scores[rows, arcs] = self._finder.divergence(
            xp, scores[rows, arcs], taught[rows, arcs], to_numpy(mask)[sentences.rows], sentences
        )
        parse = self.decode(taught, packed, ops)
        words, heads = xp.arange(len(parse.heads)), xp.asarray(parse.heads)
        P, Q = (softmax(self._relation_scores(S, parse.heads, ops)) for S in (scores, taught))
        of_relations, dY = divergence(P, Q, counted, yes_or_no=False)
        backprop_relations(ops, dY, scores[:, relations], words, heads, d_scores[:, relations])
        return loss + own + of_relations, d_scores

    def standing(self, docs: Sequence[Doc], parse: Parse) -> list[NDArray[np.uint64]]:
        """Of each document, (n_tokens, 2) how far to the right the head of each token is, and the
        hash of its relation, as spaCy has them in HEAD and DEP."""
        trees = attached_spaces(docs, parse.heads)
        tokens = np.arange(len(trees))
        others = np.asarray([get_string_id(OF_SPACE), get_string_id(ROOT)], dtype="uint64")
        is_space = token_attributes(docs, ["IS_SPACE"])[:, 0] != 0
        relations = np.where(is_space, -2, parse.relations)
        relations = np.where(trees == tokens, -1, relations)
        ids = np.append(self._ids, others)
        table = np.stack([(trees - tokens).astype("uint64"), ids[relations]], axis=1)
        parts = np.split(table, np.cumsum([len(doc) for doc in docs])[:-1])
        return [self._kept(*pair) for pair in zip(docs, parts, strict=True)]

    def _kept(self, doc: Doc, new: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """What is on the document where that stays."""
        if self.overwrite or not len(doc):
            return new
        old: NDArray[np.uint64] = doc.to_array(["HEAD", "DEP"])
        return old if old[:, 1].any() else new

    def annotate(self, docs: Sequence[Doc], parse: Parse) -> None:
        if docs:
            for label in (*self._relations, ROOT, OF_SPACE):
                docs[0].vocab.strings.add(label)
        end = 0
        for doc, table in zip(docs, self.standing(docs, parse), strict=True):
            begin, end = end, end + len(doc)
            if not len(doc) or not (self.overwrite or (doc.to_array("DEP") == 0).all()):
                continue
            # In one call, without which there are neither children nor sentences.
            doc.from_array(["HEAD", "DEP"], table)
            starts = parse.starts[begin:end]
            if ((doc.to_array("SENT_START") == 1) != starts).any():
                # spaCy gives up on the edges of trees with many arcs that cross.
                set_starts(doc, np.where(starts, 1, -1))

    def note_confidences(self, docs: Sequence[Doc], parse: Parse) -> None:
        end = 0
        for doc, table in zip(docs, self.standing(docs, parse), strict=True):
            begin, end = end, end + len(doc)
            if self.overwrite or not doc.has_annotation("DEP"):
                note_arcs(doc, table, parse.confidences[begin:end])

    def is_labelled(self, example: Example) -> bool:
        return bool(example.reference.to_array("DEP").any())

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        examples = list(examples)
        self.warn_of_unknown(examples)
        sides = [doc for eg in examples for doc in (eg.reference, eg.predicted)]
        relations = sorted(relations_of(sides) | set(self._labels))
        scores = TreeCounts(examples, relations).scores()
        return scores | (sentence_scores(examples) if any(map(has_sentences, examples)) else {})

    def statistics(self, examples: Sequence[Example]) -> Counts:
        for example in examples:
            require_same_tokens(example)
        return TreeCounts(examples, self._labels).statistics()

    def confusion(self, examples: Sequence[Example]) -> Confusion:
        """See `Confused`: of the relations of words whose head is right."""
        return relation_confusion(examples, self._labels)

    def noted_outcomes(self, example: Example) -> Iterator[tuple[float, bool]]:
        """See `Confident`."""
        require_same_tokens(example)
        gold, guess = (
            doc.to_array(["HEAD", "DEP"]) for doc in (example.reference, example.predicted)
        )
        confidences = arc_confidences(example.predicted)
        asked = (gold.reshape(-1, 2)[:, 1] != 0) & ~np.isnan(confidences)
        right = (gold == guess).reshape(-1, 2).all(axis=1)
        yield from zip(confidences[asked].tolist(), right[asked].tolist(), strict=True)

    @property
    def main_score(self) -> str:
        return "dep_las"
