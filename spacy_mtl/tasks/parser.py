"""Dependency parses: heads, relations, and with them sentences."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, glorot_uniform_init
from thinc.types import Floats2d

from ..confidences import arc_confidences, note_arcs
from ..errors import MTLError
from ..layers.sentences import set_starts
from ..metrics.f_score import Counts
from ..models.heads import Head, TokenHead
from ..models.packed import Packed
from .alignment import index_of, require_same_tokens
from .arcs import HEAD_FINDERS
from .base import Task
from .confusion import Confusion
from .gold_trees import GoldTrees
from .labels import LabelledTask
from .parse_columns import Parse, ParseColumns, ParseTargets
from .sentence_scores import has_sentences, sentence_scores
from .tree_scores import TreeCounts, relation_confusion, relations_of
from .whitespace import attached_spaces

ROOT = "ROOT"
_PIECES = 2  # of the maxout of the head's own layer
OF_SPACE = "dep"  # the relation of whitespace, as spaCy's own parsers have it
_OTHERS = [get_string_id(label) for label in (OF_SPACE, ROOT)]


class Parser(LabelledTask):
    """Parse: `token.head` and `token.dep_`, and so the sentences, as stock `parser`.

    One score of each token says whether a sentence begins there, learned also from documents with
    sentences alone. Arcs are looked for within sentences, each of which gets one root, and then
    the relation of each word to its head. Sentence starts that are set on a Doc stay; those at
    whitespace, which is in no tree, move to the word after it. Trees that are annotated in part
    teach what they say. The labels are the relations of words; "ROOT" is that of any root.

    decoder: "biaffine", scores of all arcs of a sentence and a maximum arborescence (Dozat and
        Manning 2017), or "four_bits", sixteen tags and a beam search (Gómez-Rodríguez, Roca and
        Vilares 2023), which takes less time in long sentences, finds projective trees alone, and
        was measured to be less accurate.
    overwrite: parse documents that have a parse already, too.
    hidden_width: of a layer of the head's own, 0 for none.
    rank: of the product that scores arcs, an even number; "biaffine" alone has one.

    A sentence of more than `spacy_mtl.models.parsing.sentences.LONGEST` words is cut. With a single
    sentence in each document there is nothing from which to learn where sentences begin.
    """

    in_ensemble = "stack"  # arcs and relations are no sums of columns

    def __init__(
        self,
        decoder: str = "biaffine",
        overwrite: bool = False,
        hidden_width: int = 0,
        rank: int = 32,
    ) -> None:
        if decoder not in HEAD_FINDERS:
            raise MTLError(f"Expected `decoder` in {list(HEAD_FINDERS)}, got {decoder!r}.")
        if rank < 2 or rank % 2:
            raise MTLError(f"Expected `rank` to be an even number of 2 or more, got {rank}.")
        self.decoder = decoder
        self.overwrite = overwrite
        self.hidden_width = hidden_width
        self._columns = ParseColumns(HEAD_FINDERS[decoder](rank))
        super().__init__("parser")

    @property
    def layers(self) -> tuple[str, ...]:
        return ("dep", "sents")

    @property
    def assigns(self) -> tuple[str, ...]:
        return ("token.dep", "token.head", "token.is_sent_start", "doc.sents")

    def columns_of(self, labels: Iterable[str]) -> list[str]:
        return self._columns.names([label for label in labels if label != ROOT])

    def set_labels(self, labels: Iterable[str]) -> None:
        super().set_labels(labels)
        self._relations = [label for label in self._labels if label != ROOT]
        ids = [get_string_id(label) for label in self._relations]
        self._ids = np.asarray(ids, dtype="uint64")

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        return sorted(set().union(*(self.labels_in(eg.reference) for eg in examples)))

    def labels_in(self, doc: Doc) -> set[str]:
        table = doc.to_array(["HEAD", "DEP", "IS_SPACE"]).reshape(len(doc), 3)
        table = table[table[:, 2] == 0]
        used = np.unique(table[table[:, 0] != 0, 1]).tolist()
        roots = {ROOT} if ((table[:, 0] == 0) & (table[:, 1] != 0)).any() else set()
        return {doc.vocab.strings[value] for value in used if value} | roots

    def make_head(self) -> Head:
        return TokenHead(self.hidden_width, glorot_uniform_init, _PIECES)

    def targets(self, examples: Sequence[Example], ops: Ops) -> ParseTargets:
        self.warn_of_unknown(examples)
        trees = GoldTrees.of(examples)
        relations = index_of(trees.relations, self._ids)
        relations[trees.heads == np.arange(len(trees.heads))] = -1
        known = self.known_columns(examples, per_token=True)
        if known is not None:
            known = self._columns.of_relations(known, len(self._relations))
            relations[(relations >= 0) & ~known[np.arange(len(known)), relations]] = -1
        return ParseTargets(trees, relations, known, ops)

    def loss(
        self, scores: Floats2d, targets: ParseTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        return self._columns.loss(scores, targets)

    def negative_log_likelihood(
        self, scores: Floats2d, targets: ParseTargets, packed: Packed
    ) -> float:
        """See `Calibrated`: of known heads and relations."""
        return self._columns.negative_log_likelihood(scores, targets)

    def distill(
        self, scores: Floats2d, taught: Floats2d, mask: Any, packed: Packed, ops: Ops
    ) -> tuple[float, Floats2d]:
        return self._columns.divergence(scores, taught, mask, packed, ops)

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Parse:
        return self._columns.decode(scores, packed, ops, self.temperature)

    def outcomes(self, parse: Any, targets: Any) -> tuple[NDArray, NDArray[np.bool_]]:
        """See `Calibrated`: of words with a known head and relation."""
        asked = (targets.trees.heads >= 0) & (targets.is_root | (targets.relations >= 0))
        right = parse.heads == targets.trees.heads
        right &= targets.is_root | (parse.relations == targets.relations)
        return parse.confidences[asked], right[asked]

    def standing(self, docs: Sequence[Doc], parse: Parse) -> list[NDArray[np.uint64]]:
        """Of each document, (n_tokens, 2) how far to the right the head of each token is, and the
        hash of its relation, as spaCy has them in HEAD and DEP."""
        parts = self._new(docs, parse)
        for place in np.flatnonzero(parse.parsed & (not self.overwrite)).tolist():
            parts[place] = docs[place].to_array(["HEAD", "DEP"])
        return parts

    def _new(self, docs: Sequence[Doc], parse: Parse) -> list[Any]:
        """What documents get that do not keep their own parse."""
        lengths = np.asarray([len(doc) for doc in docs], dtype="int64")
        trees = attached_spaces(parse.heads, parse.is_space, parse.starts, lengths)
        tokens = np.arange(len(trees))
        relations = np.where(parse.is_space, -2, parse.relations)
        relations = np.where(trees == tokens, -1, relations)
        ids = np.append(self._ids, np.asarray(_OTHERS, dtype="uint64"))
        table = np.stack([(trees - tokens).astype("uint64"), ids[relations]], axis=1)
        return np.split(table, np.cumsum(lengths)[:-1])

    def annotate(self, docs: Sequence[Doc], parse: Parse) -> None:
        for doc in docs[:1]:
            for label in (*self._relations, ROOT, OF_SPACE):
                doc.vocab.strings.add(label)
        for doc, table, starts in self._by_doc(docs, parse, parse.starts):
            doc.from_array(["HEAD", "DEP"], table)  # in one call: else there are no sentences
            if ((doc.to_array("SENT_START") == 1) != starts).any():
                # spaCy gives up on the edges of trees with many arcs that cross.
                set_starts(doc, np.where(starts, 1, -1))

    def note_confidences(self, docs: Sequence[Doc], parse: Parse) -> None:
        for doc, table, confidences in self._by_doc(docs, parse, parse.confidences):
            note_arcs(doc, table, confidences)

    def _by_doc(
        self, docs: Sequence[Doc], parse: Parse, values: NDArray
    ) -> Iterator[tuple[Doc, Any, NDArray]]:
        """The documents that are parsed, what they get, and their part of (n_tokens,) values."""
        end = 0
        kept = parse.parsed & (not self.overwrite)
        for doc, table, keeps in zip(docs, self._new(docs, parse), kept, strict=True):
            begin, end = end, end + len(doc)
            if len(doc) and not keeps:
                yield doc, table, values[begin:end]

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
