import random
from collections import Counter

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import registry

from spacy_mtl.corpora.mixed import MixedCorpus
from spacy_mtl.errors import MTLError
from spacy_mtl.training.batching import create_mixture_batches

SIZES = {"big": 80, "small": 20}


def _reader(name: str, n: int):  # type: ignore[no-untyped-def]
    def read(nlp: Language):  # type: ignore[no-untyped-def]
        for i in range(n):
            doc = nlp.make_doc(f"{name} {i}")
            yield Example(doc, doc.copy())

    return read


@pytest.fixture
def examples() -> list[Example]:
    corpora = {name: _reader(name, n) for name, n in SIZES.items()}
    return list(MixedCorpus(corpora, {})(spacy.blank("en")))


def texts(batches: list[list[Example]]) -> list[str]:
    return [eg.reference.text for batch in batches for eg in batch]


def counts(batches: list[list[Example]]) -> Counter[str]:
    return Counter(text.split()[0] for text in texts(batches))


def test_proportional_is_one_pass(examples: list[Example]) -> None:
    batches = list(create_mixture_batches(10)(examples))
    assert sorted(texts(batches)) == sorted(eg.reference.text for eg in examples)
    assert all(sum(len(eg) for eg in batch) <= 12 for batch in batches)


@pytest.mark.parametrize(
    ("sampling", "alpha", "expected"),
    [
        ("proportional", 0.5, {"big": 80, "small": 20}),
        ("uniform", 0.5, {"big": 50, "small": 50}),
        ("temperature", 0.5, {"big": 67, "small": 33}),
        ("temperature", 1.0, {"big": 80, "small": 20}),
    ],
)
def test_shares(
    examples: list[Example], sampling: str, alpha: float, expected: dict[str, int]
) -> None:
    batches = list(create_mixture_batches(10, sampling=sampling, alpha=alpha)(examples))
    assert counts(batches) == expected


def test_repeats_are_capped(examples: list[Example]) -> None:
    batches = list(create_mixture_batches(10, sampling="uniform", max_repeats=2)(examples))
    assert counts(batches) == {"big": 50, "small": 40}


def test_a_corpus_goes_on_where_it_stopped(examples: list[Example]) -> None:
    batcher = create_mixture_batches(10, sampling="uniform")
    drawn = Counter(texts([*batcher(examples), *batcher(examples)]))
    # 100 draws of 80 documents, and 100 of 20: each once more or once less than another
    assert {n for text, n in drawn.items() if text.startswith("big")} == {1, 2}
    assert {n for text, n in drawn.items() if text.startswith("small")} == {5}


def test_order_depends_on_seed_and_epoch_alone(examples: list[Example]) -> None:
    shuffled = list(examples)
    random.Random(3).shuffle(shuffled)
    one, other = (create_mixture_batches(10, sampling="uniform", seed=5) for _ in range(2))
    first, second = texts(list(one(examples))), texts(list(one(examples)))
    assert first != second
    assert texts(list(other(shuffled))) == first
    assert texts(list(other(examples))) == second
    assert texts(list(create_mixture_batches(10, sampling="uniform", seed=6)(examples))) != first


def test_a_schedule_goes_on_over_epochs(examples: list[Example]) -> None:
    schedule = registry.resolve(
        {"s": {"@schedules": "compounding.v1", "start": 4, "stop": 40, "compound": 1.1}}
    )["s"]
    batcher = create_mixture_batches(schedule)
    first, second = list(batcher(examples)), list(batcher(examples))
    assert len(second) < len(first)


def test_needs_the_marks_of_a_mixed_corpus() -> None:
    doc = spacy.blank("en")("no mark")
    with pytest.raises(MTLError, match="MixedCorpus"):
        list(create_mixture_batches(10)([Example(doc, doc.copy())]))


@pytest.mark.parametrize(
    "wrong", [{"sampling": "random"}, {"alpha": 2.0}, {"alpha": -1.0}, {"max_repeats": -1}]
)
def test_wrong_settings(wrong: dict[str, object]) -> None:
    with pytest.raises(MTLError, match="Expected"):
        create_mixture_batches(10, **wrong)  # type: ignore[arg-type]
