import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import spacy
from pipeline.helpers import make_nlp
from spacy.training import Example
from spacy.training.batchers import minibatch_by_words
from spacy.util import registry
from thinc.schedules import compounding

from spacy_mtl.errors import MTLError
from spacy_mtl.mixing.batching import create_mixture_batches
from spacy_mtl.mixing.mixed import MixedCorpus
from spacy_mtl.mixing.samplers import Epoch, Sampler

from .mixtures import CountingReader, corpus_of, counts, mixture, names, set_history, texts

SIZES = {"big": 80, "small": 20}


@pytest.fixture
def examples() -> list[Example]:
    return list(mixture(SIZES, words=3))


# As it has always been: runs of before must be found again.


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [["s1 b5 b2 b3", "b1 s2 s0 b0", "b4"], ["s1 s2 b5 b0", "b4 b1 b2 b3", "s0"]]),
        (
            {"sampling": "uniform", "seed": 5},
            [["b1 s0 s2 s1", "b3 b4 b2 s1"], ["b0 s0 b0 s1", "s2 b4 b5 s2"]],
        ),
        (
            {"sampling": "temperature", "alpha": 0.5, "max_repeats": 1},
            [["s1 b5 b2 b3", "b1 s2 s0 b0", "b4"], ["s1 s2 b5 b0", "b4 b1 b2 b3", "s0"]],
        ),
    ],
)
def test_order_of_two_epochs(settings: dict[str, Any], expected: list[list[str]]) -> None:
    examples = list(mixture({"b": 6, "s": 3}))
    batcher = create_mixture_batches(4, **settings)
    found = [[" ".join(batch) for batch in names(batcher(examples))] for _ in range(2)]
    assert found == expected


@pytest.mark.parametrize(
    ("settings", "digest"),
    [
        ({}, "08812337cf754953a79d57fdb1e519a0"),
        ({"sampling": "uniform", "seed": 5}, "1b728717362105b4f2d0271d1ebdada2"),
        (
            {"sampling": "temperature", "alpha": 0.5, "max_repeats": 2, "seed": 2**40},
            "27b94c22be5a741275c89d6161a16f5b",
        ),
        (
            {"sampling": "uniform", "discard_oversize": True, "tolerance": 0.5},
            "cf0835b97b4d7e0555352f27cbf2c9cd",
        ),
    ],
)
def test_order_of_many_documents(settings: dict[str, Any], digest: str) -> None:
    """With a schedule of sizes, which goes on over the epochs."""
    examples = list(mixture({"b": 200, "m": 60, "s": 11}, words=30))
    batcher = create_mixture_batches(compounding(12, 60, 1.03), **settings)
    found = [[" ".join(batch) for batch in names(batcher(examples))] for _ in range(4)]
    assert hashlib.md5(repr(found).encode()).hexdigest() == digest


# In memory


def test_proportional_is_one_pass(examples: list[Example]) -> None:
    batches = list(create_mixture_batches(10)(examples))
    assert sorted(texts(batches)) == sorted(texts([examples]))
    assert all(sum(len(eg) for eg in batch) <= 12 for batch in batches)


@pytest.mark.parametrize("batches", ["mixed", "homogeneous"])
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"sampling": "proportional"}, {"big": 80, "small": 20}),
        ({"sampling": "uniform"}, {"big": 50, "small": 50}),
        ({"sampling": "temperature", "alpha": 0.5}, {"big": 67, "small": 33}),
        ({"sampling": "uniform", "max_repeats": 2}, {"big": 60, "small": 40}),
    ],
)
def test_shares(
    examples: list[Example], batches: str, settings: dict[str, Any], expected: dict[str, int]
) -> None:
    batcher = create_mixture_batches(10, batches=batches, **settings)
    assert counts(batcher(examples)) == expected
    assert counts(batcher(examples)) == expected


def test_a_corpus_goes_on_where_it_stopped(examples: list[Example]) -> None:
    batcher = create_mixture_batches(10, sampling="uniform")
    drawn = Counter(texts([*batcher(examples), *batcher(examples)]))
    # 100 draws of 80 documents, and 100 of 20: each once more or once less than another
    assert {n for text, n in drawn.items() if text.startswith("big")} == {1, 2}
    assert {n for text, n in drawn.items() if text.startswith("small")} == {5}


def test_a_corpus_goes_on_where_it_stopped_when_shares_change(examples: list[Example]) -> None:
    batcher = create_mixture_batches(
        10, sampling="annealed", alpha=registry_schedule(start=1.0, stop=0.1, compound=0.5)
    )
    epochs = [list(batcher(examples)) for _ in range(6)]
    assert [counts(epoch)["small"] for epoch in epochs] == [20, 33, 41, 46, 47, 47]
    drawn = Counter(texts(chain.from_iterable(epochs)))
    for name, n in SIZES.items():
        times = [drawn[f"{name}{i}"] for i in range(n)]
        assert max(times) - min(times) <= 1


def registry_schedule(**settings: float) -> Iterator[float]:
    block = {"@schedules": "compounding.v1", **settings}
    schedule: Iterator[float] = registry.resolve({"schedule": block})["schedule"]
    return schedule


def test_order_depends_on_seed_and_epoch_alone(examples: list[Example]) -> None:
    mixed = list(examples)
    random.Random(3).shuffle(mixed)
    one, other = (create_mixture_batches(10, sampling="uniform", seed=5) for _ in range(2))
    first, second = texts(one(examples)), texts(one(examples))
    assert first != second
    assert texts(other(mixed)) == first
    assert texts(other(examples)) == second
    assert texts(create_mixture_batches(10, sampling="uniform", seed=6)(examples)) != first


def test_a_schedule_goes_on_over_epochs(examples: list[Example]) -> None:
    batcher = create_mixture_batches(registry_schedule(start=4, stop=40, compound=1.1))
    first, second = list(batcher(examples)), list(batcher(examples))
    assert len(second) < len(first)


def test_corpora_take_turns(examples: list[Example]) -> None:
    batches = create_mixture_batches(10, sampling="round_robin")(examples)
    order = [corpus_of(example) for batch in batches for example in batch]
    assert order == ["big", "small"] * 50


def test_homogeneous_batches(examples: list[Example]) -> None:
    batches = list(create_mixture_batches(10, batches="homogeneous")(examples))
    assert all(len(counts([batch])) == 1 for batch in batches)
    whose = [corpus_of(batch[0]) for batch in batches]
    assert 0.15 < whose.count("small") / len(whose) < 0.25
    assert "small" in whose[: len(whose) // 2] and "small" in whose[len(whose) // 2 :]
    assert [len(eg) for batch in batches for eg in batch if len(eg) > 12] == []
    same = create_mixture_batches(10, batches="homogeneous", sampling="proportional")(examples)
    assert names(same) == names(batches)


def test_homogeneous_batches_in_turn(examples: list[Example]) -> None:
    batcher = create_mixture_batches(10, sampling="round_robin", batches="homogeneous")
    batches = list(batcher(examples))
    whose = [corpus_of(batch[0]) for batch in batches]
    assert all(len(counts([batch])) == 1 for batch in batches)
    assert sum(map(len, batches)) == len(examples)
    assert whose[:-2] == (["big", "small"] * len(whose))[: len(whose) - 2]


def test_batches_of_one_corpus_are_the_same_in_both_ways() -> None:
    examples = list(mixture({"a": 50}, words=5))
    mixed, homogeneous = (
        list(create_mixture_batches(12, batches=batches)(examples))
        for batches in ("mixed", "homogeneous")
    )
    assert mixed == homogeneous == list(minibatch_by_words(chain(*mixed), 12))


# Dynamic shares


def test_dynamic_shares_follow_the_dev_scores() -> None:
    nlp = make_nlp(["tagger", "ner"])
    readers = {
        "tags": CountingReader("tags", 50, tags="T"),
        "entities": CountingReader("entities", 50, ents="O"),
    }
    source = MixedCorpus(readers)(nlp)
    examples = list(source)
    batcher = create_mixture_batches(10, sampling="dynamic", strength=10, references={"ner": 0.8})
    assert counts(batcher(examples)) == {"tags": 50, "entities": 50}
    set_history(source, [{"tagger": 0.1, "ner": 0.1}])
    assert counts(batcher(examples)) == {"tags": 50, "entities": 50}
    set_history(source, [{"tagger": 0.1, "ner": 0.1}, {"tagger": 0.9, "ner": 0.72}])
    assert counts(batcher(examples)) == {"tags": 33, "entities": 67}
    set_history(source, [{"tagger": 0.8, "ner": 0.9}, {"tagger": 0.7, "ner": 0.9}])
    assert counts(batcher(examples)) == {"tags": 69, "entities": 31}


def test_dynamic_shares_need_the_component(examples: list[Example]) -> None:
    with pytest.raises(MTLError, match="component 'multitask'"):
        list(create_mixture_batches(10, sampling="dynamic")(examples))


# Settings


def test_needs_the_marks_of_a_mixed_corpus() -> None:
    doc = spacy.blank("en")("no mark")
    with pytest.raises(MTLError, match="MixedCorpus"):
        list(create_mixture_batches(10)(iter([Example(doc, doc.copy())])))


def test_from_a_config() -> None:
    block = {
        "@batchers": "spacy_mtl.MixtureBatches.v1",
        "size": {"@schedules": "compounding.v1", "start": 4, "stop": 8, "compound": 1.1},
        "sampling": "annealed",
        "alpha": {"@schedules": "compounding.v1", "start": 1.0, "stop": 0.2, "compound": 0.8},
        "batches": "homogeneous",
        "references": {"ner": 0.8},
        "strength": 5,
        "buffer": 100,
    }
    batcher = registry.resolve({"batcher": block})["batcher"]
    source = mixture(SIZES)
    assert [counts(batcher(source))["small"] for _ in range(3)] == [20, 25, 29]


def test_a_sampler_from_a_config() -> None:
    sampling = {"@mtl_samplers": "spacy_mtl.Temperature.v1", "alpha": 0.5}
    block = {"@batchers": "spacy_mtl.MixtureBatches.v1", "size": 10, "sampling": sampling}
    batcher = registry.resolve({"batcher": block})["batcher"]
    word = create_mixture_batches(10, sampling="temperature", alpha=0.5)
    assert texts(batcher(mixture(SIZES))) == texts(word(mixture(SIZES)))


class Only(Sampler):
    """One of two corpora."""

    def __init__(self, in_turn: bool) -> None:
        self.in_turn = in_turn

    def weights(self, epoch: Epoch) -> list[float]:
        return [float(name == "small") for name in epoch.names]


@pytest.mark.parametrize("batches", ["mixed", "homogeneous"])
@pytest.mark.parametrize("in_turn", [False, True])
def test_a_corpus_that_weighs_nothing_is_not_drawn(in_turn: bool, batches: str) -> None:
    batcher = create_mixture_batches(10, sampling=Only(in_turn), batches=batches)
    for _ in range(2):
        assert counts(batcher(mixture(SIZES))) == {"small": 100}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sampling": "random"}, "`sampling`.*'random'"),
        ({"alpha": 2.0}, "`alpha`.*2.0"),
        ({"max_repeats": -1}, "`max_repeats`.*-1"),
        ({"references": {"ner": 0.0}}, "reference.*'ner'.*0.0"),
        ({"strength": -1.0}, "`strength`.*-1.0"),
        ({"batches": "pure"}, r"`batches` to be one of \['mixed', 'homogeneous'\], got 'pure'"),
        ({"seed": -1}, "`seed` of 0 or more, got -1"),
        ({"buffer": 0}, "`buffer` of 1 or more, got 0"),
        ({"tolerance": float("nan")}, "`tolerance` of 0 or more, got nan"),
        ({"size": 0}, "`size`, got 0"),
    ],
)
def test_wrong_settings(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(MTLError, match=message):
        create_mixture_batches(**{"size": 10, **wrong})
