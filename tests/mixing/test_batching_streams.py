"""Batches from streams, and from any position on."""

import random
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import pytest
import spacy
from pipeline.helpers import make_nlp
from spacy.training import Example
from thinc.schedules import compounding

from spacy_mtl.errors import MTLError
from spacy_mtl.mixing import batching
from spacy_mtl.mixing.batching import MixtureBatches, create_mixture_batches
from spacy_mtl.mixing.mixed import MixedCorpus, Mixture
from spacy_mtl.mixing.samplers import SAMPLING
from spacy_mtl.state import Stateful

from .mixtures import (
    CountingReader,
    counts,
    mixture,
    names,
    set_history,
    tagged_mixture,
    texts,
)

SIZES = {"big": 80, "small": 20}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BLOCK", 30)


def test_streams_have_the_shares_of_lists(small_blocks: None) -> None:
    for sampling in ("proportional", "uniform", "temperature", "round_robin"):
        for batches in ("mixed", "homogeneous"):
            settings = {"sampling": sampling, "batches": batches, "max_repeats": 2}
            source = mixture(SIZES)
            streamed = counts(create_mixture_batches(10, **settings)(source))
            listed = counts(create_mixture_batches(10, **settings)(list(source)))
            in_turn = (sampling, batches) == ("round_robin", "homogeneous")
            assert abs(streamed["small"] - listed["small"]) <= (3 if in_turn else 0)
            assert abs(streamed["big"] - listed["big"]) <= (3 if in_turn else 0)


def test_streams_go_on_in_the_next_epoch(small_blocks: None) -> None:
    source = mixture({"a": 20, "b": 7})
    batcher = create_mixture_batches(3, sampling="uniform", buffer=4)
    drawn = Counter(texts(chain.from_iterable(batcher(source) for _ in range(5))))
    assert sum(drawn.values()) == 5 * 28
    for name, n in (("a", 20), ("b", 7)):
        times = [drawn[f"{name}{i}"] for i in range(n)]
        assert max(times) - min(times) <= 1
    readers = source.corpus.corpora.values()
    # counted once, then read as far as they were drawn: no epoch begins from the start
    assert [reader.n_read for reader in readers] == [20 + 70 + 4, 7 + 70]  # type: ignore[attr-defined]


def test_streams_are_mixed_evenly() -> None:
    batches = create_mixture_batches(100, sampling="uniform", buffer=10)(
        mixture({"a": 900, "b": 5})
    )
    shares = [counts([batch])["b"] / len(batch) for batch in batches]
    assert min(shares) > 0.3 and max(shares) < 0.7


@pytest.mark.parametrize("sampling", ["temperature", "round_robin"])
@pytest.mark.parametrize("batches", ["mixed", "homogeneous"])
def test_streams_are_read_no_further_than_the_buffer(sampling: str, batches: str) -> None:
    readers = {name: CountingReader(name, n) for name, n in (("a", 3000), ("b", 1000))}
    source = MixedCorpus(readers, sizes={"a": 3000, "b": 1000})(spacy.blank("en"))
    batcher = create_mixture_batches(20, sampling=sampling, batches=batches, buffer=50)
    given: Counter[str] = Counter()
    for batch in batcher(source):
        given.update(counts([batch]))
        for name, reader in readers.items():
            passes = reader.n_read // reader.n
            assert reader.n_read - given[name] <= 50 * (passes + 1) + 2 * 24 + 1
    assert sum(given.values()) == 4000


def test_a_corpus_without_end() -> None:
    def endless(nlp: Any) -> Iterator[Example]:
        while True:
            yield from CountingReader("a", 10)(nlp)

    corpora = {"a": endless, "b": CountingReader("b", 10)}
    source = MixedCorpus(corpora, sizes={"a": 90})(spacy.blank("en"))
    batcher = create_mixture_batches(10, buffer=5)
    for _ in range(2):
        assert counts(batcher(source)) == {"a": 90, "b": 10}


def test_dynamic_shares_change_with_each_block(small_blocks: None) -> None:
    readers = {
        "tags": CountingReader("tags", 60, tags="T"),
        "entities": CountingReader("entities", 60, ents="O"),
    }
    source = MixedCorpus(readers)(make_nlp(["tagger", "ner"]))
    settings: dict[str, Any] = {"sampling": "dynamic", "strength": 8, "buffer": 5}
    scores = [{"tagger": 0.8, "ner": 0.8}, {"tagger": 0.8, "ner": 0.4}]
    set_history(source, [])
    batcher = create_mixture_batches(10, **settings)
    batches = batcher(source)
    first = list(islice(batches, 2))
    state = batcher.state()
    first += islice(batches, 1)
    set_history(source, scores)
    rest = list(batches)
    assert counts(first) == {"tags": 15, "entities": 15}
    assert counts(rest) == {"tags": 15, "entities": 75}

    again = create_mixture_batches(10, **settings)
    again.load_state(state)  # with the shares of the block, whatever the scores are now
    assert names(again(source)) == names([first[2], *rest])


def test_another_mixture_is_another_training() -> None:
    batcher = create_mixture_batches(10)
    list(batcher(mixture({"a": 5})))
    with pytest.raises(MTLError, match="began with, of 5 documents, got a of 6"):
        list(batcher(mixture({"a": 6})))


SCORES = [{"tagger": 0.1, "ner": 0.0}, {"tagger": 0.9, "ner": 0.5}, {"tagger": 0.6, "ner": 0.4}]


def make_batcher(sampling: str, batches: str) -> MixtureBatches:
    alpha = compounding(1.0, 0.3, 0.7) if sampling == "annealed" else 0.6
    return create_mixture_batches(
        compounding(6, 20, 1.02), sampling, alpha, seed=3, batches=batches, buffer=7
    )


def epochs_from(batcher: MixtureBatches, source: Mixture, listed: bool, first: int) -> Iterator:
    """The batches up to the third epoch's end, each with the number of its epoch."""
    for epoch in range(first, 3):
        set_history(source, SCORES[: epoch + 1])
        examples = list(source) if listed else source
        if listed:
            random.Random(epoch).shuffle(examples)
        for batch in batcher(examples):
            yield epoch, names([batch])[0]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "streamed"])
@pytest.mark.parametrize("batches", ["mixed", "homogeneous"])
@pytest.mark.parametrize("sampling", SAMPLING)
def test_a_training_can_be_continued(
    sampling: str, batches: str, listed: bool, small_blocks: None
) -> None:
    source = tagged_mixture({"a": 60, "b": 11})
    batcher = make_batcher(sampling, batches)
    assert isinstance(batcher, Stateful)
    states = [(0, batcher.state())]
    whole = []
    for epoch, batch in epochs_from(batcher, source, listed, 0):
        whole.append((epoch, batch))
        states.append((epoch, batcher.state()))
    for n in range(0, len(states), 7):
        epoch, state = states[n]
        again = make_batcher(sampling, batches)
        again.load_state(state)
        assert list(epochs_from(again, source, listed, epoch)) == whole[n:]


@pytest.mark.parametrize("listed", [True, False])
def test_a_broken_off_epoch_goes_on(listed: bool, small_blocks: None) -> None:
    source = mixture({"a": 60, "b": 11}, words=5)
    items = list(source) if listed else source
    expected = [names(batcher(items)) for batcher in [make_batcher("uniform", "mixed")] * 2]
    batcher = make_batcher("uniform", "mixed")
    first = names(islice(batcher(items), 5))
    assert first + names(batcher(items)) == expected[0]
    assert names(batcher(items)) == expected[1]
