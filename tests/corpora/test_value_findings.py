"""Keys of `doc.cats` that are values, over several files."""

from pathlib import Path

import pytest
from spacy.tokens import DocBin

from spacy_mtl.corpora.audit import audit
from spacy_mtl.corpora.coverage import Coverage, measure, measure_all
from spacy_mtl.corpora.layer_coverage import Layer
from spacy_mtl.errors import MTLError
from spacy_mtl.values import note_keys

STARS = Layer("values", "stars")


@pytest.fixture
def save(tmp_path, make_doc):
    """A file of documents with these `doc.cats`."""

    def save(name: str, *cats: dict[str, float], noted=()) -> Path:
        docs = []
        for number, each in enumerate(cats):
            docs.append(make_doc(f"{name} {number}"))
            docs[-1].cats = dict(each)
            note_keys(docs[-1], noted)
        path = tmp_path / f"{name}.spacy"
        DocBin(docs=docs, store_user_data=bool(noted)).to_disk(path)
        return path

    return save


def kinds(train: list[Coverage], held_out: list[Coverage]) -> list[str]:
    return [finding.kind for finding in audit(train, held_out)]


def message(kind: str, train: list[Coverage], held_out: list[Coverage]) -> str:
    (found,) = (each.message for each in audit(train, held_out) if each.kind == kind)
    return found


def test_a_file_tells_of_its_keys(save):
    """A document alone would not, and the class group would not be exclusive."""
    path = save("a", {"m=x": 1, "m=y": 0, "stars": 1.0}, {"m=x": 0, "m=y": 1, "stars": 4.0})
    found = measure(path)
    assert found.values == {"stars"} and found.classes == {"m=x", "m=y"}
    numbers = found.layers[STARS].numbers
    assert (numbers.n, numbers.mean, numbers.lowest, numbers.highest) == (2, 2.5, 1.0, 4.0)
    assert found.layers[STARS].docs == 2 and found.share(STARS) == 1.0
    assert found.layers[Layer("cats", "m")].exclusive


def test_what_is_a_value_in_one_file_is_so_in_all(save):
    plain, other = save("plain", {"stars": 1.0, "b": 1.0}, {"stars": 0.0}), save("o", {"stars": 3})
    assert measure(plain).classes == {"stars", "b"}
    for paths in ([plain, other], [other, plain]):
        by_path = {found.path: found for found in measure_all(paths)}
        assert by_path[plain].values == {"stars"} and by_path[plain].classes == {"b"}
        assert by_path[plain].layers[STARS].units == 2


def test_a_folder_is_one(save, tmp_path):
    save("a", {"stars": 1.0}), save("b", {"stars": 3.0})
    (found,) = measure_all([tmp_path])
    assert found.values == {"stars"} and not found.classes
    assert found.layers[STARS].numbers.total == 4.0


def test_keys_can_be_said_to_be_values(save):
    a, b = save("a", {"helpful": 1.0}), save("b", {"helpful": 0.0, "x": 1.0})
    found = measure_all([a, b], values=["helpful"])
    assert [each.values for each in found] == [{"helpful"}, {"helpful"}]
    assert kinds(found[:1], found[1:]).count("value-or-class") == 0
    with pytest.raises(MTLError, match=r"files have in doc.cats \(helpful, x\), got helpfull"):
        measure_all([a, b], values=["helpfull"])


def test_a_file_can_have_noted_it(save):
    noted = save("a", {"helpful": 1.0}, noted=["helpful"])
    plain = save("b", {"helpful": 0.0})
    assert [each.values for each in measure_all([noted, plain])] == [{"helpful"}, {"helpful"}]


def test_texts_that_stand_several_times(save, make_doc, tmp_path):
    """What is known of the keys counts for their comparison too."""
    docs = [make_doc("same"), make_doc("same"), make_doc("other")]
    for doc, stars in zip(docs, (1.0, 0.0, 5.0), strict=True):
        doc.cats = {"stars": stars}
    DocBin(docs=docs[:2]).to_disk(tmp_path / "a.spacy")
    DocBin(docs=docs[2:]).to_disk(tmp_path / "b.spacy")
    assert "contradiction" in kinds([measure_all([tmp_path / "a.spacy"])[0]], [])
    assert "contradiction" not in kinds(measure_all(sorted(tmp_path.glob("*.spacy"))), [])


def test_files_with_both_habits(save):
    a, b = measure_all([save("a", {"stars": 1.0}, {"stars": 0.0}), save("b", {"stars": 2.0})])
    said = message("value-or-class", [a], [b])
    assert "'stars' in doc.cats is only ever 0 or 1 in" in said
    assert said.index("a.spacy") < said.index("has other numbers in") < said.index("b.spacy")
    same = measure_all([save("c", {"stars": 1.0}, {"stars": 4.0}), save("d", {"stars": 3.0})])
    assert "value-or-class" not in kinds(same[:1], same[1:])


def test_values_that_are_all_the_same(save):
    same, dev = measure_all([save("a", {"stars": 3.0}, {"stars": 3.0}), save("d", {"stars": 4.0})])
    said = message("constant-values", [same], [dev])
    assert said.startswith("All 2 training docs labelled with values[stars] have the value 3:")
    assert "constant-values" not in kinds([dev, same], [])


def test_values_that_only_one_side_has(save):
    a, b = measure_all([save("a", {"stars": 3.0}, {"stars": 4.0}), save("b", {"heat": 0.5})])
    assert "values[heat], which no training file has" in message("unlearnable", [a], [b])
    assert "values[stars], which no held-out file has" in message("unscored", [a], [b])


def test_what_is_no_number_is_an_error(save):
    path = save("a", {"stars": 3.0}, {"stars": "four"})  # type: ignore[dict-item]
    with pytest.raises(MTLError, match="finite number as the value of 'stars', got 'four'"):
        measure(path)
