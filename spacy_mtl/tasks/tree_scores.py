"""What a parse got right, by the rules of spaCy's scorer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

from ..metrics.f_score import UNSEEN, Counts
from .alignment import same_tokens, single_tokens
from .confusion import Confusion, unit_confusion

NOT_SCORED = ("p", "punct")
Arcs = NDArray[np.int64]  # (n, 3) dependent, head, relation


class TreeCounts:
    """Arcs that are right and wrong, of each document by itself.

    As `Scorer.score_deps` has them: relations in small letters, without punctuation and whitespace,
    and without what is predicted for tokens of which the reference says nothing. Which these are is
    asked of each document; the scorer goes on with those of the documents before.

    relations: their names. unlabelled: (n_docs, 3) right, wrong and missing arcs. labelled:
    (n_docs, n_relations + 1, 3) the same by relation, the last for others, and for arcs between
    tokens that are not those of the reference.
    """

    def __init__(self, examples: Sequence[Example], relations: Iterable[str]) -> None:
        self.relations = tuple(dict.fromkeys(map(str.lower, relations)))
        number = {name: i for i, name in enumerate(self.relations)}
        shape = (len(examples), len(number) + 1, 3)
        self.labelled = np.zeros(shape, dtype="int64")
        self.unlabelled = np.zeros((len(examples), 3), dtype="int64")
        for row, example in enumerate(examples):
            gold, guess, n_misplaced = _sides(example, number)
            for column, arcs in enumerate(_compared(gold, guess)):
                self.labelled[row, :, column] += np.bincount(arcs[:, 2], minlength=shape[1])
            self.labelled[row, -1, 1] += n_misplaced
            heads = (np.unique(arcs[:, :2], axis=0) for arcs in (gold, guess))
            self.unlabelled[row] = [len(arcs) for arcs in _compared(*heads)]
            self.unlabelled[row, 1] += n_misplaced

    def statistics(self) -> Counts:
        """See `Measurable`."""
        names = (*self.relations, UNSEEN)
        return Counts(self.labelled, names, "micro", "labelled attachment score")

    def scores(self) -> dict[str, Any]:
        """As spaCy's scorer names them; None where the references have no arcs."""
        totals = self.labelled.sum(axis=0)
        unlabelled, labelled = map(_prf, (self.unlabelled.sum(axis=0), totals.sum(axis=0)))
        of_each = zip(self.relations, totals, strict=False)
        per_type = {name: _prf(own).to_dict() for name, own in of_each if own.any()}
        some = len(unlabelled) > 0
        return {
            "dep_uas": unlabelled.fscore if some else None,
            "dep_las": labelled.fscore if some else None,
            "dep_las_per_type": per_type if some else None,
        }


def relations_of(docs: Iterable[Doc]) -> set[str]:
    """The names of all relations in these documents."""
    return {
        doc.vocab.strings[value]
        for doc in docs
        for value in np.unique(doc.to_array("DEP")).tolist()
        if value
    }


def relation_confusion(examples: Sequence[Example], relations: Iterable[str]) -> Confusion:
    """Of the words whose head is right, as `TreeCounts` has relations."""
    names = [*dict.fromkeys(map(str.lower, relations)), UNSEEN]
    number = {name: i for i, name in enumerate(names[:-1])}
    pairs = [np.zeros((0, 2), dtype="int64")]
    for gold, guess, _ in (_sides(example, number) for example in examples):
        of_gold, of_guess = (_codes(arcs[:, :2]) for arcs in (gold, guess))
        _, of_gold, of_guess = np.intersect1d(of_gold, of_guess, return_indices=True)
        pairs.append(np.stack([gold[of_gold, 2], guess[of_guess, 2]], axis=1))
    return unit_confusion(names, *np.concatenate(pairs).T)


def _sides(example: Example, number: dict[str, int]) -> tuple[Arcs, Arcs, int]:
    """The arcs of the reference, those of the prediction on the reference's tokens, and how many
    of the prediction lead to or from tokens that are not there."""
    gold, has_gold = _arcs(example.reference, number)
    guess, _ = _arcs(example.predicted, number)
    guess = guess[example.predicted.to_array("IS_SPACE")[guess[:, 0]] == 0]
    gold = gold[has_gold[gold[:, 0]]]
    if not same_tokens(example):
        own = single_tokens(example.alignment.x2y)
        guess = np.stack([own[guess[:, 0]], own[guess[:, 1]], guess[:, 2]], axis=1)
    guess = guess[(guess[:, 0] < 0) | has_gold[guess[:, 0]]]
    placed = (guess[:, :2] >= 0).all(axis=1)
    return gold, np.unique(guess[placed], axis=0), int((~placed).sum())


def _arcs(doc: Doc, number: dict[str, int]) -> tuple[Arcs, NDArray[np.bool_]]:
    """The arcs that count, and (n_tokens,) whether a token has a relation at all."""
    table = doc.to_array(["HEAD", "DEP"]).reshape(len(doc), 2)
    values, which = np.unique(table[:, 1], return_inverse=True)
    names = [doc.vocab.strings[value].lower() if value else "" for value in values.tolist()]
    numbers = np.asarray([number.get(name, len(number)) for name in names], dtype="int64")
    counts = np.asarray([name not in NOT_SCORED for name in names], dtype=bool)
    tokens = np.arange(len(doc))
    heads = tokens + table[:, 0].astype("int64")
    arcs = np.stack([tokens, heads, numbers[which.reshape(-1)]], axis=1)
    return arcs[counts[which.reshape(-1)]], table[:, 1] != 0


def _compared(gold: Arcs, guess: Arcs) -> tuple[Arcs, Arcs, Arcs]:
    """The guesses that are in the gold, those that are not, and what of the gold is not guessed."""
    of_gold, of_guess = _codes(gold), _codes(guess)
    right = np.isin(of_guess, of_gold)
    return guess[right], guess[~right], gold[~np.isin(of_gold, of_guess)]


def _codes(arcs: Arcs) -> NDArray[np.int64]:
    """A number for each row; tokens and relations are fewer than 2 ** 21."""
    codes: NDArray[np.int64] = arcs @ (np.int64(1) << 21 * np.arange(arcs.shape[1]))
    return codes


def _prf(counts: NDArray[np.int64]) -> PRFScore:
    tp, fp, fn = counts.tolist()
    return PRFScore(tp=tp, fp=fp, fn=fn)
