"""Values of documents beside the classes in `doc.cats`."""

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_mtl.errors import MTLError
from spacy_mtl.layers import Found, table
from spacy_mtl.layers.coverage import Numbers
from spacy_mtl.values import note_keys


@pytest.fixture
def doc() -> Doc:
    table()
    doc = Doc(Vocab(), words=["a"])
    doc.cats = {"mood=glad": 1.0, "stars": 4.0, "heat": 1.0}
    note_keys(doc, ["heat"])
    return doc


def test_each_key_belongs_to_one_layer(doc):
    cats, values = table()["cats"], table()["values"]
    assert cats.to_json(doc) == {"mood=glad": 1.0}
    assert values.to_json(doc) == {"heat": 1.0, "stars": 4.0}
    assert dict(cats.labels(doc)) == {"mood=glad": 1} and not values.labels(doc)
    groups = {group: found.numbers for group, found in values.coverages(doc)}
    assert groups == {"heat": Numbers.of(1.0), "stars": Numbers.of(4.0)}
    assert [group for group, _ in cats.coverages(doc)] == ["mood"]


def test_each_layer_is_blanked_by_itself(doc):
    other = doc.copy()
    table()["cats"].blank(doc)
    assert doc.cats == {"stars": 4.0, "heat": 1.0} and not table()["cats"].present(doc)
    table()["values"].blank(other)
    assert other.cats == {"mood=glad": 1.0} and not table()["values"].present(other)


def test_a_document_with_values_alone_has_no_classes(doc):
    doc.cats = {"stars": 4.0}
    assert not table()["cats"].present(doc) and table()["cats"].to_json(doc) is None


@pytest.mark.parametrize("order", [("cats", "values"), ("values", "cats")])
def test_json_in_any_order(doc, order):
    bare = Doc(Vocab(), words=["a"])
    for name in order:
        table()[name].from_json(bare, table()[name].to_json(doc))
    assert bare.cats == doc.cats
    for name in order:
        assert table()[name].to_json(bare) == table()[name].to_json(doc)


def test_json_with_missing_and_wrong_values(doc):
    bare = Doc(Vocab(), words=["a"])
    table()["values"].from_json(bare, {"stars": None, "heat": 0})
    assert bare.cats == {"heat": 0.0} and table()["values"].to_json(bare) == {"heat": 0.0}
    for wrong in ({"stars": "4"}, {"stars": True}, {"stars": float("nan")}):
        with pytest.raises(MTLError, match="a number or null for each key"):
            table()["values"].from_json(bare, wrong)


def test_two_ratings_of_a_text_are_no_contradiction(doc):
    assert [*table()["values"].statements(doc, [(0, 1)])] == []
    assert [key for _, key, _ in table()["cats"].statements(doc, [(0, 1)])] == ["mood=glad"]


def test_the_task_that_is_proposed():
    found = Found(
        "star rating", docs=100, words=20.0, first=False, taken=frozenset(["star_rating"])
    )
    proposed = table()["values"].propose(found)
    assert (proposed.name, proposed.score) == ("star_rating_2", "star_rating_2_score")
    assert proposed.settings["@mtl_tasks"] == "spacy_mtl.Regression.v1"
    assert proposed.settings["keys"] == ["star rating"]
    assert proposed.settings["ngram_length"] == 3.2
    assert "classes" not in " ".join(proposed.comments.values())


def test_numbers():
    found = Numbers()
    assert str(found.mean) == "nan" and not found.is_constant
    for value in (1.0, 1.0):
        found.add(Numbers.of(value))
    assert found.is_constant and found.others == 0
    found.add(Numbers.of(-3.0))
    assert found == Numbers(3, -1.0, -3.0, 1.0, 1) and found.mean == pytest.approx(-1 / 3)
    assert not found.is_constant
