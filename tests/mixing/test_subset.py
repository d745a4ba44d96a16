"""A fraction of a corpus."""

import pytest
import spacy
from spacy.training import Example

from spacy_mtl.errors import MTLError
from spacy_mtl.mixing.subset import create_subset

NLP = spacy.blank("en")


def _reader(nlp):
    return (Example.from_dict(nlp.make_doc(f"w{i}"), {}) for i in range(40))


def _texts(fraction: float, seed: int = 0) -> list[str]:
    return [eg.text for eg in create_subset(_reader, fraction, seed)(NLP)]


def test_smaller_parts_are_within_larger_ones() -> None:
    parts = [_texts(fraction) for fraction in (0.01, 0.1, 0.5, 1.0)]
    assert [len(part) for part in parts] == [1, 4, 20, 40]
    for small, large in zip(parts, parts[1:], strict=False):
        assert set(small) < set(large)
    assert parts[-1] == [eg.text for eg in _reader(NLP)]


def test_the_order_is_kept_and_the_seed_decides() -> None:
    numbers = [int(text[1:]) for text in _texts(0.5)]
    assert numbers == sorted(numbers)
    assert _texts(0.5) == _texts(0.5)
    assert _texts(0.5) != _texts(0.5, seed=1)


@pytest.mark.parametrize("fraction", [0.0, 1.5, float("nan")])
def test_fractions_out_of_range(fraction: float) -> None:
    with pytest.raises(MTLError, match="a fraction above 0"):
        create_subset(_reader, fraction)


def test_no_reader() -> None:
    with pytest.raises(MTLError, match="a reader"):
        create_subset({"path": "x"}, 0.5)
