import random
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_mtl.errors import MTLError
from spacy_mtl.mixing.mixed import MixedCorpus
from spacy_mtl.mixing.streams import (
    LOOK,
    CorporaInMemory,
    CorpusStream,
    Place,
    StreamedCorpora,
    shuffled,
)

from .mixtures import CountingReader, mixture, name_of

SIZES = {"small": 3, "big": 40}
START = [Place(0, 0), Place(0, 0)]


def in_memory() -> CorporaInMemory:
    return CorporaInMemory(mixture(SIZES))


def streamed(**settings: int) -> StreamedCorpora:
    return StreamedCorpora(mixture(SIZES), **{"buffer": 5, **settings})


def draw(stream: CorpusStream, n: int) -> list[str]:
    return [name_of(example) for example in islice(stream, n)]


@given(n=st.integers(0, 60), buffer=st.integers(1, 20), seed=st.integers(0, 5))
def test_shuffling_holds_no_more_than_the_buffer(n: int, buffer: int, seed: int) -> None:
    read: list[int] = []
    items = (read.append(i) or i for i in range(n))  # type: ignore[func-returns-value]
    given = []
    for item in shuffled(items, buffer, np.random.default_rng(seed)):
        assert len(read) - len(given) <= buffer + 1  # the new one is read before one is given
        assert item < len(given) + buffer
        given.append(item)
    assert sorted(given) == list(range(n))


def test_a_buffer_for_all_gives_any_order() -> None:
    orders = Counter(tuple(shuffled("abc", 3, np.random.default_rng(seed))) for seed in range(600))
    assert len(orders) == 6 and min(orders.values()) > 60


@pytest.mark.parametrize("make", [in_memory, streamed])
def test_names_and_sizes(make) -> None:  # type: ignore[no-untyped-def]
    corpora = make()
    assert (corpora.names, corpora.sizes) == (["big", "small"], [40, 3])
    assert [name_of(example) for example in corpora.sample(1)] == ["small0", "small1", "small2"]


@pytest.mark.parametrize("make", [in_memory, streamed])
def test_every_pass_has_all_in_another_order(make) -> None:  # type: ignore[no-untyped-def]
    big, small = make().streams(0, START)
    passes = [draw(big, 40) for _ in range(3)]
    assert {tuple(sorted(names)) for names in passes} == {tuple(sorted(passes[0]))}
    assert len({tuple(names) for names in passes}) == 3
    assert big.place == Place(2, 40)
    assert Counter(draw(small, 9)) == {"small0": 3, "small1": 3, "small2": 3}


@pytest.mark.parametrize("make", [in_memory, streamed])
@pytest.mark.parametrize("n", [0, 1, 39, 40, 41, 97])
def test_a_stream_can_begin_at_any_place(make, n: int) -> None:  # type: ignore[no-untyped-def]
    whole, _ = make().streams(3, START)
    draw(whole, n)
    again, _ = make().streams(3, [whole.place, Place(0, 0)])
    assert draw(again, 60) == draw(whole, 60)


@pytest.mark.parametrize("make", [in_memory, streamed])
def test_the_order_depends_on_seed_and_corpus(make) -> None:  # type: ignore[no-untyped-def]
    orders = {tuple(draw(make().streams(seed, START)[0], 40)) for seed in (0, 0, 1)}
    assert len(orders) == 2


def test_the_order_in_memory_does_not_depend_on_that_of_the_examples() -> None:
    examples = list(mixture(SIZES))
    random.Random(1).shuffle(examples)
    assert draw(CorporaInMemory(examples).streams(0, START)[0], 40) == draw(
        in_memory().streams(0, START)[0], 40
    )


def test_streams_that_are_there_are_used_again() -> None:
    corpora = streamed()
    streams = corpora.streams(0, START)
    draw(streams[0], 7)
    assert corpora.streams(0, [Place(0, 7), Place(0, 0)]) is streams
    assert corpora.streams(0, START) is not streams
    reader = corpora.mixture.corpus.corpora["big"]
    assert isinstance(reader, CountingReader) and reader.n_read == 7 + 5  # and none of the second


def test_sizes_are_counted_where_they_are_not_known() -> None:
    readers = {name: CountingReader(name, n) for name, n in SIZES.items()}
    source = MixedCorpus(readers, sizes={"big": 1000})(spacy.blank("en"))
    assert StreamedCorpora(source, 5).sizes == [1000, 3]
    assert [reader.n_read for reader in readers.values()] == [3, 0]


def test_a_sample_of_a_stream_is_not_all() -> None:
    corpora = StreamedCorpora(mixture({"a": LOOK + 1}), 5)
    assert sum(1 for _ in corpora.sample(0)) == LOOK


def test_empty_corpora() -> None:
    with pytest.raises(MTLError, match="at least one example"):
        CorporaInMemory([])
    with pytest.raises(MTLError, match="documents in the corpus 'none'"):
        StreamedCorpora(mixture({"none": 0, "some": 1}), 5).sizes  # noqa: B018
    source = MixedCorpus({"none": CountingReader("none", 0)}, sizes={"none": 5})
    given = StreamedCorpora(source(spacy.blank("en")), 5)
    with pytest.raises(MTLError, match="documents in the corpus 'none'"):
        draw(given.streams(0, [Place(0, 0)])[0], 1)
