from collections import Counter

import numpy as np
import pytest

from spacy_mtl.mixing.minibatches import BatchSizes, WordBatches
from spacy_mtl.mixing.order import Drawn, batches_in_turn, in_random_order, in_turn
from spacy_mtl.mixing.streams import CorporaInMemory, CorpusStream, Place

from .mixtures import corpus_of, mixture, name_of

SIZES = {"a": 30, "b": 5, "c": 10}


def streams(words: int = 1) -> list[CorpusStream]:
    return CorporaInMemory(mixture(SIZES, words)).streams(0, [Place(0, 0)] * len(SIZES))


def letters(drawn: Drawn) -> str:
    pairs = list(drawn)
    assert all("abc"[number] == corpus_of(example) for number, example in pairs)
    return "".join(corpus_of(example) for _, example in pairs)


@pytest.mark.parametrize("whole", [True, False])
def test_random_order(whole: bool) -> None:
    draws = [60, 0, 20]
    found = [
        letters(in_random_order(streams(), draws, np.random.default_rng(seed), whole))
        for seed in (1, 1, 2)
    ]
    assert Counter(found[0]) == {"a": 60, "c": 20}
    assert found[0] == found[1] != found[2]
    # the corpora are spread over the whole, however it is cut
    quarters = [found[0][i : i + 20].count("c") for i in range(0, 80, 20)]
    assert min(quarters) >= 1


def test_documents_that_may_not_be_drawn_at_once_come_in_the_order_of_their_corpus() -> None:
    drawn = in_random_order(streams(), [60, 5, 20], np.random.default_rng(0), False)
    found = [name_of(example) for number, example in drawn if number == 0]
    expected = streams()[0]
    assert found == [name_of(next(expected)) for _ in range(60)]


def test_documents_in_turn() -> None:
    assert letters(in_turn(streams(), [4, 1, 3])) == "abcacaca"


def gathers(size: float, n: int = 3) -> list[WordBatches]:
    sizes = BatchSizes(size)
    return [WordBatches(sizes, 0.0, False) for _ in range(n)]


def test_batches_in_turn() -> None:
    made = gathers(2)
    batches = list(batches_in_turn(streams(), made, 20, [20, 20, 20]))
    # a batch is complete with the first document that is too many for it
    assert "".join(corpus_of(batch[0]) for batch in batches) == "abcabcab"
    assert [len(batch) for batch in batches] == [2] * 8
    assert sum(len(batch) for gather in made for batch in gather.flush()) == 4


def test_long_documents_do_not_make_a_corpus_come_later() -> None:
    def batches(words: int) -> str:
        found = batches_in_turn(streams(words), gathers(30), 200, [200] * 3)
        return "".join(corpus_of(batch[0]) for batch in found)

    assert batches(40).startswith("abc" * 5)
    assert batches(1).startswith("abcabc")


def test_a_corpus_at_its_limit_is_passed_over() -> None:
    batches = list(batches_in_turn(streams(), gathers(1), 40, [40, 5, 40]))
    found = "".join(corpus_of(batch[0]) for batch in batches)
    assert found.startswith("abcabcabcabcacacac")


def test_limits_end_it_too() -> None:
    made = gathers(1)
    batches = list(batches_in_turn(streams(), made, 40, [2, 5, 1]))
    left = [batch for gather in made for batch in gather.flush()]
    assert Counter(corpus_of(batch[0]) for batch in batches + left) == {"a": 2, "b": 5, "c": 1}


def test_documents_that_are_left_out_count_too() -> None:
    gather = WordBatches(BatchSizes(1), 0.0, True)
    assert list(batches_in_turn(streams(40), [gather] * 3, 50, [50] * 3))
