"""Which keys of `doc.cats` are values."""

import math
import warnings
from typing import Any

import pytest
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_mtl.errors import MTLError
from spacy_mtl.values import (
    checked_value,
    forget_values,
    keys_of_values,
    note_keys,
    note_values,
    noted_values,
    register_extension,
    value_keys,
    values_of,
)


@pytest.fixture
def doc() -> Doc:
    register_extension()
    doc = Doc(Vocab(), words=["a"])
    doc.cats = {"stars": 4.0, "mood=glad": 1.0, "heat": 1.0, "rude": 0.25}
    return doc


@pytest.mark.parametrize(
    "cats, keys",
    [
        ([{"a": 0.0}, {"a": 1.0, "b": 1}, {"b": True}], set()),
        ([{"a": 1.0}, {"a": 0.5}], {"a"}),
        ([{"a": -1}, {"b": 2}, {"c": 1.5}], {"a", "b", "c"}),
        ([{"mood=glad": 0.7, "mood=sad": 0.3}], set()),  # the probabilities of a group's classes
        ([{"mood=glad": 1.0}, {"mood=glad": 5}], {"mood=glad"}),
        ([{"a": None, "b": "5", "c": math.nan, "d": math.inf, 1: 7.0}], set()),
        ([{"a": 10**400, "b": 10**20}], {"b"}),
        ([], set()),
    ],
)
def test_a_key_is_a_value_by_its_numbers(cats: Any, keys: set[str]) -> None:
    assert keys_of_values(cats) == keys


def test_a_document_alone_knows_less(doc: Doc) -> None:
    assert value_keys(doc) == {"stars"}
    note_keys(doc, ["heat", "absent"])
    assert value_keys(doc) == {"stars", "heat"}
    assert values_of(doc) == {"heat": 1.0, "stars": 4.0}
    assert doc._.values == {"heat": 1.0}


def test_annotation_comes_before_what_was_noted(doc: Doc) -> None:
    note_values(doc, {"stars": 3.5, "length": 7})
    assert values_of(doc) == {"stars": 4.0, "length": 7.0}
    note_values(doc, {"length": 8})
    note_keys(doc, ["stars"])
    assert doc._.values == {"stars": 3.5, "length": 8}
    doc.cats = {"stars": None}  # type: ignore[dict-item]
    assert values_of(doc) == {"length": 8.0}


def test_forgotten(doc: Doc) -> None:
    note_keys(doc, ["heat"])
    forget_values(doc)
    assert doc.cats == {"mood=glad": 1.0, "rude": 0.25}
    assert doc._.values is None and values_of(doc) == {}


@pytest.mark.parametrize("value", ["5", True, math.nan, math.inf, [1], 10**400])
def test_what_is_no_number(doc: Doc, value: Any) -> None:
    with pytest.raises(MTLError, match="Expected a finite number as the value of 'stars', got"):
        checked_value("stars", value)
    note_values(doc, {"stars": value})
    del doc.cats["stars"]
    with pytest.raises(MTLError, match="of 'stars'"):
        values_of(doc)


def test_values_outlive_a_file(doc: Doc) -> None:
    note_keys(doc, ["heat"])
    saved = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (again,) = DocBin().from_bytes(saved).get_docs(Vocab())
    assert values_of(again) == {"heat": 1.0, "stars": 4.0}
    assert values_of(doc.copy()) == values_of(doc)


def test_another_attribute_of_the_name_stays(doc: Doc) -> None:
    doc._.values = ["what", "somebody", "has"]
    assert noted_values(doc) == {} and values_of(doc) == {"stars": 4.0}
    forget_values(doc)
    assert doc._.values == ["what", "somebody", "has"]
    Doc.set_extension("values", getter=len, force=True)
    try:
        with pytest.warns(UserWarning, match="Doc._.values exists, and stays"):
            register_extension()
        assert doc._.values == 1
    finally:
        Doc.remove_extension("values")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register_extension()
        register_extension()
