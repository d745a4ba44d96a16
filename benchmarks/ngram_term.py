"""The n-gram term of the class head by itself: which n-grams, and what each counts.

python -m benchmarks.ngram_term --data DIR

Accuracy on parts of training and development data that are held out in turn; test data have no
share in it. A training takes seconds, so that more can be tried here than with whole pipelines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import fix_random_seed
from typer import Option

from spacy_mtl.models.ngrams import NgramLinear, count_ngrams, noted_as
from spacy_mtl.models.packed import Packed, doc_lengths
from spacy_mtl.registry import registry
from spacy_mtl.tasks.losses import softmax_cross_entropy

from .class_corpora import REVIEWS, class_of, prepare_classes
from .class_systems import BATCHES
from .corpora import docs_of
from .quality import DEFAULT_CACHE

ROWS = 131072
GROWTH = 1.001  # of batches, from one to the next
MAX_HELD_OUT = 1000
PER_WORD = 10  # n-grams of 3 to 5 characters

Weights = NDArray[np.float32]
# What each n-gram of a batch counts, by how often its document has it and by its rarity.
WEIGHTS: dict[str, Callable[[Weights, Weights], Weights]] = {
    "root": lambda counts, rarity: np.sqrt(counts),
    "count": lambda counts, rarity: counts,
    "presence": lambda counts, rarity: np.ones_like(counts),
    "tf-idf": lambda counts, rarity: np.sqrt(counts) * rarity,
}


@dataclass(frozen=True)
class Kind:
    """One way. length: that documents are brought to, in roots of their mean number of n-grams; 0
    for none."""

    title: str
    size: int = 2
    chars: tuple[int, int] = (0, 0)
    weight: str = "root"
    length: float = 0.5
    smoothing: float = 0.0
    dropout: float = 0.0


KINDS = (
    Kind("pairs, half the root as length"),
    Kind("single words, the root as length", size=1, length=1.0),
    Kind("single words, half the root", size=1),
    Kind("pairs, no length", length=0.0),
    Kind("pairs, counts", weight="count"),
    Kind("pairs, counts, no length", weight="count", length=0.0),
    Kind("pairs, presence", weight="presence"),
    Kind("pairs, TF-IDF", weight="tf-idf"),
    Kind("pairs and characters", chars=(3, 5)),
    Kind("pairs, label smoothing 0.1", smoothing=0.1),
    Kind("pairs, dropout 0.5", dropout=0.5),
)


def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    cache: Annotated[Path, Option(help="Where the corpora are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = [  # noqa: B006
        *("banking77", "customer_reviews", "subj", "gum", "ewt"),
        *REVIEWS,
    ],
    folds: Annotated[int, Option(help="Parts that are held out in turn")] = 4,
    steps: Annotated[int, Option(help="Training steps")] = 1000,
) -> None:
    """Print a table: per cent, mean over the folds."""
    rows = [["", *corpus]]
    found = {name: _accuracies(data, cache, name, folds, steps) for name in corpus}
    for place, kind in enumerate(KINDS):
        rows.append([kind.title, *(f"{100 * found[name][place]:.1f}" for name in corpus)])
    rows.insert(1, ["---"] * len(rows[0]))
    typer.echo("\n".join(f"| {' | '.join(row)} |" for row in rows))


def _accuracies(data: Path, cache: Path, name: str, folds: int, steps: int) -> list[float]:
    """Of each kind, the mean over the folds."""
    corpus = prepare_classes(data, cache, name)
    docs = docs_of(corpus.train_all) + docs_of(corpus.dev)
    labels = {label: number for number, label in enumerate(sorted({*map(class_of, docs)}))}
    classes = np.asarray([labels[class_of(doc)] for doc in docs])
    order = np.random.default_rng(1).permutation(len(docs))
    n_held = min(len(docs) // 5, MAX_HELD_OUT)
    found = []
    for kind in KINDS:
        each = []
        for fold in range(folds):
            held = order[fold * n_held : (fold + 1) * n_held]
            rest = np.setdiff1d(order, held)
            term = Term(kind, [docs[i] for i in rest], len(labels))
            term.train([docs[i] for i in rest], classes[rest], steps)
            each.append(float(np.mean(term.predict([docs[i] for i in held]) == classes[held])))
        found.append(float(np.mean(each)))
    return found


class Term:
    """The layer with its optimizer, and the rarity of n-grams in the training documents."""

    def __init__(self, kind: Kind, docs: Sequence[Doc], n_classes: int) -> None:
        fix_random_seed(0)
        self.kind = kind
        n_words = float(np.mean([len(doc) for doc in docs]))
        n_grams = n_words * (kind.size + PER_WORD * bool(kind.chars[1]))
        self.length = kind.length * n_grams**0.5
        self.model = NgramLinear(
            kind.size, ROWS, "NORM", n_classes, char_sizes=kind.chars, dropout=kind.dropout
        )
        self.model.initialize()
        make = registry.optimizers.get("spacy_mtl.GroupedOptimizer.v1")
        self.optimizer = make(learn_rate=0.003, use_averages=True, sparse_rows=True)
        rows, _, _ = count_ngrams(_packed(docs), *noted_as(self.model)[1:])
        n_having = np.bincount(rows, minlength=ROWS)
        self.rarity = np.log((1 + len(docs)) / (1 + n_having)).astype("float32")

    def train(self, docs: Sequence[Doc], classes: NDArray[np.int64], steps: int) -> None:
        """Go so many steps."""
        rng, size = np.random.default_rng(0), float(BATCHES["start"])
        order: list[int] = []
        for _ in range(steps):
            batch: list[int] = []
            while sum(len(docs[i]) for i in batch) < size:
                order = order or rng.permutation(len(docs)).tolist()
                batch.append(order.pop())
            size = min(float(BATCHES["stop"]), size * GROWTH)
            scores, backprop = self.model(self._weighted([docs[i] for i in batch]), True)
            gold: Any = classes[batch]
            mask: Any = np.ones(len(batch), bool)
            backprop(softmax_cross_entropy(scores, gold, mask, self.kind.smoothing)[1])
            self.model.finish_update(self.optimizer)

    def predict(self, docs: Sequence[Doc]) -> NDArray[np.int64]:
        """(n_docs,) the classes."""
        with self.model.use_params(self.optimizer.averages):
            scores: Any = self.model.predict(self._weighted(docs))
        found: NDArray[np.int64] = scores.argmax(axis=1)
        return found

    def _weighted(self, docs: Sequence[Doc]) -> Packed:
        """The documents, with what their n-grams count in this kind."""
        packed = _packed(docs)
        place = noted_as(self.model)
        rows, roots, n_each = count_ngrams(packed, *place[1:])
        values = WEIGHTS[self.kind.weight](roots**2, self.rarity[rows])
        if self.length:
            of = np.repeat(np.arange(len(docs)), n_each)
            lengths = np.sqrt(np.bincount(of, values**2, len(docs)))
            values = (values * self.length / np.maximum(lengths, 1e-6)[of]).astype("float32")
        packed.notes[place] = rows, values, n_each
        return packed


def _packed(docs: Sequence[Doc]) -> Packed:
    lengths = doc_lengths(list(docs))
    nothing: Any = np.zeros((int(lengths.sum()), 1), "float32")
    return Packed(nothing, lengths, list(docs))


if __name__ == "__main__":
    typer.run(main)
