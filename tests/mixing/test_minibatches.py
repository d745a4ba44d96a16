"""Batches by words, and the sizes that a schedule gives them."""

import math
from collections.abc import Iterable
from itertools import chain

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.batchers import minibatch_by_words
from thinc.schedules import compounding

from spacy_mtl.errors import MTLError
from spacy_mtl.mixing.minibatches import BatchSizes, WordBatches

VOCAB = spacy.blank("en").vocab


def example(n_words: int) -> Example:
    words = ["w"] * n_words
    return Example(Doc(VOCAB, words=words), Doc(VOCAB, words=words))


EXAMPLES = [example(n) for n in range(30)]


def gathered(gather: WordBatches, examples: Iterable[Example]) -> list[list[Example]]:
    batches = [batch for eg in examples for batch in gather.add(eg)]
    return batches + gather.flush()


@settings(max_examples=300, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 29), max_size=40),
    sizes=st.one_of(
        st.integers(1, 30),
        st.lists(st.floats(0.5, 30), min_size=60, max_size=60),
    ),
    tolerance=st.sampled_from([0.0, 0.2, 0.7]),
    discard=st.booleans(),
)
def test_batches_are_those_of_spacy(lengths, sizes, tolerance, discard) -> None:  # type: ignore[no-untyped-def]
    examples = [EXAMPLES[n] for n in lengths]
    expected = minibatch_by_words(examples, sizes, tolerance, discard)
    gather = WordBatches(BatchSizes(sizes), tolerance, discard)
    assert gathered(gather, examples) == list(expected)


def test_nothing_is_left_after_a_flush() -> None:
    gather = WordBatches(BatchSizes(10), 0.2, False)
    assert gathered(gather, EXAMPLES[3:5]) == [EXAMPLES[3:5]]
    assert gather.flush() == []
    assert gathered(gather, EXAMPLES[6:7]) == [EXAMPLES[6:7]]


def test_sizes_go_on_and_back_to_the_last_start() -> None:
    sizes = BatchSizes(chain(range(1, 6)))
    assert [sizes.next() for _ in range(3)] == [1, 2, 3]
    sizes.start(0)
    assert [sizes.next() for _ in range(4)] == [1, 2, 3, 4]
    assert sizes.used == 4
    sizes.start(2)
    assert [sizes.next(), sizes.next(), sizes.next()] == [3, 4, 5]
    sizes.start(5)
    assert sizes.next() == 5  # a schedule that ends keeps its last value
    with pytest.raises(MTLError, match="size.* at 5 or later, got 0"):
        sizes.start(0)
        sizes.next()


def test_sizes_can_begin_later() -> None:
    expected = list(zip(range(20), compounding(10, 20, 1.1), strict=False))[12:]
    sizes = BatchSizes(compounding(10, 20, 1.1))
    sizes.start(12)
    assert [sizes.next() for _ in range(8)] == [size for _, size in expected]


@pytest.mark.parametrize("wrong", [0, -3, math.nan, math.inf, True, None])
def test_wrong_sizes(wrong: float) -> None:
    with pytest.raises(MTLError, match=f"Expected .*size.*got {wrong}"):
        BatchSizes(wrong)


def test_wrong_sizes_of_a_schedule() -> None:
    sizes = BatchSizes(iter([5.0, 0.0]))
    sizes.next()
    with pytest.raises(MTLError, match="above 0 as the batcher's `size`, got 0.0"):
        sizes.next()
