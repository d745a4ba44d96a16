"""How far a layer of annotation is there, and with which labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import inf, nan

from .trees import Trees


@dataclass
class Numbers:
    """What values there are.

    n: Number of Docs that have one. total: Their sum. lowest, highest: The ends of their range.
    others: Number of those that are neither 0 nor 1.
    """

    n: int = 0
    total: float = 0.0
    lowest: float = inf
    highest: float = -inf
    others: int = 0

    @classmethod
    def of(cls, value: float) -> Numbers:
        """Those of one Doc."""
        return cls(1, value, value, value, int(value not in (0, 1)))

    @property
    def mean(self) -> float:
        """NaN if there are none."""
        return self.total / self.n if self.n else nan

    @property
    def is_constant(self) -> bool:
        """Whether all are the same, so that there is nothing to learn."""
        return self.n > 0 and self.lowest == self.highest

    def add(self, other: Numbers) -> None:
        """Add those of others."""
        self.n += other.n
        self.total += other.total
        self.lowest = min(self.lowest, other.lowest)
        self.highest = max(self.highest, other.highest)
        self.others += other.others


@dataclass
class LayerCoverage:
    """How far a layer is annotated, and with what.

    units: Number of labelled tokens, or Docs for `spans` and `cats`.
    labels: How often each label occurs: tokens, entities, spans, or Docs of a class. A class
        that is only ever said not to apply has 0.
    negatives: Number of Docs of which it is said that a class does not apply, by class.
    one_class: Number of Docs with exactly one class of the group.
    overlapping: Number of spans that overlap an earlier one of their group.
    lengths: Number of spans of a group by how many tokens they have.
    shapes: Number of Docs by how many classes of the group they have, and of how many it is known
        whether they have them.
    at_blanks: Number of entities or spans that begin or end with a token of whitespace.
    across_sentences: Number of entities in which a sentence begins.
    docs, words: Number of the Docs that have it, and of all their tokens.
    sentences: Of a layer that says where sentences begin, their number in the Docs that have it.
    trees: Of a parse, its trees.
    numbers: What the values are, of a layer of these.
    """

    units: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    negatives: Counter[str] = field(default_factory=Counter)
    one_class: int = 0
    overlapping: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    shapes: Counter[tuple[int, int]] = field(default_factory=Counter)
    at_blanks: int = 0
    across_sentences: int = 0
    docs: int = 0
    words: int = 0
    sentences: int = 0
    trees: Trees | None = None
    numbers: Numbers = field(default_factory=Numbers)

    @property
    def exclusive(self) -> bool:
        """Whether every labelled Doc has exactly one class.

        Docs of which only some classes are known, that they have not, may have another one; they
        count so if most Docs are complete.
        """
        n_labels = len(self.labels)
        complete = self.shapes[1, n_labels]
        open_ = sum(n for (has, known), n in self.shapes.items() if not has and known < n_labels)
        if 2 * complete < self.units:
            open_ = 0
        return 0 < self.units == self.one_class + open_

    @property
    def has_several(self) -> bool:
        """Whether a Doc has more than one class."""
        return any(has > 1 for has, _ in self.shapes)

    @property
    def imbalance(self) -> float | None:
        """How many times as often the most frequent label occurs as the rarest that does."""
        counts = [n for n in self.labels.values() if n]
        return max(counts) / min(counts) if len(counts) > 1 else None

    @property
    def sentences_per_doc(self) -> float | None:
        """Mean number of sentences in a Doc, of a layer that says where they begin."""
        return self.sentences / self.docs if self.sentences and self.docs else None

    def add(self, other: LayerCoverage) -> None:
        """Add the counts of another."""
        self.units += other.units
        self.labels.update(other.labels)
        self.negatives.update(other.negatives)
        self.one_class += other.one_class
        self.overlapping += other.overlapping
        self.lengths.update(other.lengths)
        self.shapes.update(other.shapes)
        self.at_blanks += other.at_blanks
        self.across_sentences += other.across_sentences
        self.docs += other.docs
        self.words += other.words
        self.sentences += other.sentences
        if other.trees is not None:
            self.trees = self.trees or Trees()
            self.trees.add(other.trees)
        self.numbers.add(other.numbers)
