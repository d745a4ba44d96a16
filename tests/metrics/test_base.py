"""What all kinds of statistics have in common."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.metrics.base import Statistics, directed
from spacy_mtl.metrics.bleu import Bleu
from spacy_mtl.metrics.correlation import RankCorrelation
from spacy_mtl.metrics.errors import Errors
from spacy_mtl.metrics.f_score import Average, Counts, count_units
from spacy_mtl.metrics.ratio import Ratio, attachment_scores

# A document: of each unit, what is right and what was predicted, as numbers of 0 to 3.
Document = list[tuple[int, int]]


def units(docs: Sequence[Document]) -> tuple[list[int], list[int], list[int]]:
    """The document, gold and guess of each unit."""
    found = [(place, *unit) for place, doc in enumerate(docs) for unit in doc]
    document, gold, guess = ([unit[side] for unit in found] for side in range(3))
    return document, gold, guess


def counts(average: Average) -> Callable[[Sequence[Document]], Statistics]:
    def make(docs: Sequence[Document]) -> Statistics:
        array = count_units(*units(docs), len(docs), 4)
        return Counts(array, ("a", "b", "c", "d"), average, "F")

    return make


def ratio(docs: Sequence[Document]) -> Statistics:
    document, gold, guess = units(docs)
    return Ratio.of_units(document, np.equal(gold, guess), len(docs), "accuracy")


def attached(docs: Sequence[Document]) -> Statistics:
    document, gold, guess = units(docs)
    pairs = [np.stack([np.asarray(side) // 2, side], axis=1) for side in (gold, guess)]
    return attachment_scores(document, *pairs, len(docs))[1]


def bleu(docs: Sequence[Document]) -> Statistics:
    guesses, references = ([[str(unit[side]) for unit in doc] for doc in docs] for side in (1, 0))
    return Bleu.of_texts(range(len(docs)), guesses, [[each] for each in references], len(docs))


KINDS: dict[str, Callable[[Sequence[Document]], Statistics]] = {
    "micro F": counts("micro"),
    "macro F": counts("macro"),
    "accuracy": ratio,
    "labelled attachment score": attached,
    "mean absolute error": lambda docs: Errors.absolute(*units(docs), len(docs)),
    "mean squared error": lambda docs: Errors.squared(*units(docs), len(docs)),
    "root mean squared error": lambda docs: Errors.squared(*units(docs), len(docs), root=True),
    "rho": lambda docs: RankCorrelation.of_units(*units(docs), len(docs)),
    "BLEU": bleu,
}


def documents(seed: int, n: int = 7) -> list[Document]:
    rng = np.random.default_rng(seed)
    docs = [
        [(int(gold), int(gold if gold % 3 else other)) for gold, other in pairs]
        for pairs in (rng.integers(0, 4, size=(length, 2)) for length in rng.integers(0, 7, size=n))
    ]
    assert any(docs)
    return docs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_a_document_that_is_drawn_again_is_one_more(kind: str, seed: int) -> None:
    make, docs = KINDS[kind], documents(seed)
    rows = np.random.default_rng(seed).multinomial(len(docs), [1 / 7] * 7, size=20).astype(float)
    drawn = [[doc for doc, n in zip(docs, row, strict=True) for _ in range(int(n))] for row in rows]
    expected = [make(each).score() for each in drawn]
    assert make(docs).score(rows) == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert make(docs).score(np.ones((1, 7)))[0] == pytest.approx(make(docs).score(), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_of_several_seeds(kind: str) -> None:
    make, parts = KINDS[kind], [documents(0), documents(1, 3)]
    found = make(parts[0])
    assert isinstance(found, Statistics)
    joined: Any = type(found).concatenated([make(docs) for docs in parts])
    assert len(joined) == 10 and joined.metric == found.metric
    assert joined.score() == pytest.approx(make([*parts[0], *parts[1]]).score())


@pytest.mark.parametrize("kind", KINDS)
def test_no_documents(kind: str) -> None:
    empty = KINDS[kind]([])
    assert len(empty) == 0 and empty.score(np.zeros((2, 0))).shape == (2,)
    assert empty.score() == pytest.approx(np.nan if "error" in kind else 0.0, nan_ok=True)


def test_the_direction_of_errors_is_said() -> None:
    directions = {kind: make([]).higher_is_better for kind, make in KINDS.items()}
    assert [kind for kind, higher in directions.items() if not higher] == [
        kind for kind in KINDS if "error" in kind
    ]
    assert directed("mean absolute error", False) == "mean absolute error (lower is better)"
    assert directed("F", True) == "F"


def test_other_metrics_are_not_put_together() -> None:
    docs = documents(0)
    with pytest.raises(MTLError, match="same metric"):
        Errors.concatenated([Errors.absolute(*units(docs), 7), Errors.squared(*units(docs), 7)])
    with pytest.raises(MTLError, match="same metric"):
        RankCorrelation.concatenated([])
