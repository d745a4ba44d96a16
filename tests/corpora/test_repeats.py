from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin, Span

from spacy_mtl.corpora.audit import audit
from spacy_mtl.corpora.coverage import measure_all
from spacy_mtl.corpora.layer_coverage import REJECTED, Layer
from spacy_mtl.corpora.repeats import Contradiction, contradictions

MOOD = Layer("cats", "mood")


@pytest.fixture
def found(tmp_path: Path, monkeypatch) -> Callable[..., dict[Layer, list[Contradiction]]]:
    """The contradictions in these files, each of several Docs."""
    monkeypatch.chdir(tmp_path)

    def found(*files: list[Doc], exclusive: bool = False) -> dict[Layer, list[Contradiction]]:
        paths = [Path(f"{name}.spacy") for name, _ in zip("abc", files, strict=False)]
        for path, docs in zip(paths, files, strict=True):
            DocBin(docs=docs).to_disk(path)
        repeated = {file.path: file.repeated for file in measure_all(paths)}
        return contradictions(repeated, [MOOD] if exclusive else [])

    return found


def with_cats(doc: Doc, **cats: float) -> Doc:
    doc.cats = {f"mood={key}": value for key, value in cats.items()}
    return doc


def with_spans(doc: Doc, *spans: tuple[int, int, str], key: str = "sc") -> Doc:
    doc.spans[key] = [Span(doc, *span) for span in spans]
    return doc


def test_tags_and_entities_on_the_same_tokens(found, make_doc) -> None:
    a = make_doc("Ana left", tags=["NNP", "VBD"], ents=["B-PER", "O"])
    b = make_doc("Ana left", tags=["NNP", "VBN"], ents=["O", "O"])
    result = found([a, b])
    assert result[Layer("tag")] == [
        Contradiction("Ana left ", "left", ("VBD", "VBN"), (Path("a.spacy"),) * 2)
    ]
    assert result[Layer("ents")][0][1:3] == ("Ana", ("B-PER", "O"))


def test_between_files_with_other_tokens(found, make_doc) -> None:
    result = found(
        [make_doc("can not go", tags=["A", "B", "C"])],
        [make_doc("cannot go", tags=["X", "Y"]), make_doc("no", tags=["Z"])],
    )
    (only,) = result[Layer("tag")]
    assert (only.unit, only.values) == ("go", ("C", "Y"))
    assert only.paths == (Path("a.spacy"), Path("b.spacy"))


def test_what_one_leaves_open_is_no_contradiction(found, make_doc) -> None:
    docs = [
        make_doc("Bo ran", tags=["NNP", ""]),
        make_doc("Bo ran", tags=["", "VBD"]),
        make_doc("Bo ran", ents=["B-PER", "O"]),
        make_doc("Bo ran"),
        with_cats(make_doc("Bo ran"), glad=1.0),
        with_cats(make_doc("Bo ran"), sad=1.0),
    ]
    assert found(docs) == {}


def test_spans_of_a_group(found, make_doc) -> None:
    a, b = (make_doc("a b c") for _ in range(2))
    result = found([with_spans(a, (0, 2, "X")), with_spans(b)])
    assert result[Layer("spans", "sc")][0].values == ("X 'ab'", "none")
    rejected = [
        with_spans(make_doc("a b"), span, key=REJECTED.group) for span in [(0, 1, "X"), (1, 2, "X")]
    ]
    assert found(rejected) == {}


def test_classes(found, make_doc) -> None:
    a, b = with_cats(make_doc("hi"), glad=1.0), with_cats(make_doc("hi"), sad=0.9)
    assert found([a, b], exclusive=True)[MOOD][0].values == ("mood=glad", "mood=sad")
    c = with_cats(make_doc("hi"), glad=0.2)
    assert found([a], [c])[MOOD][0][1:3] == ("mood=glad", ("1.0", "0.0"))
    assert found([a], [c], exclusive=True)[MOOD][0][1:3] == ("mood=glad", ("1.0", "0.0"))


def test_each_text_counts_once(found, make_doc) -> None:
    docs = [with_cats(make_doc(w), glad=v) for w in "xyz" for v in (0.0, 1.0, 0.0)]
    assert len(found([*docs, with_cats(make_doc("w"), glad=1.0)])[MOOD]) == 3


def test_the_audit_says_it(tmp_path: Path, make_doc) -> None:
    docs = [
        with_cats(make_doc(f"no {i}"), glad=value, sad=1 - value)
        for i in range(12)
        for value in (0.0, 1.0)
    ]
    DocBin(docs=docs).to_disk(tmp_path / "a.spacy")
    (finding,) = audit(measure_all([tmp_path / "a.spacy"]), [])
    assert finding.kind == "contradiction"
    assert finding.message.startswith("12 texts stand several times with contradicting cats[mood]")
    assert "'no 0': mood=sad and mood=glad, both in" in finding.message
