"""A layer in `token._.` and one in `doc._.`, from a file to what is annotated."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_mtl.bulk import annotate_file
from spacy_mtl.cli import app
from spacy_mtl.corpora.audit import audit
from spacy_mtl.corpora.augmented import KeepsMissing
from spacy_mtl.corpora.coverage import measure, measure_all
from spacy_mtl.corpora.layer_coverage import Layer
from spacy_mtl.corpora.stored import stored_docs
from spacy_mtl.errors import MTLError
from spacy_mtl.layers import DocExtension, TokenExtension, table
from spacy_mtl.mixing.mixed import MixedCorpus

ROWS: list[dict[str, Any]] = [
    {"tokens": ["a", "b", "a"], "distance": [None, None, 2], "tone": "dry"},
    {"tokens": ["b", "b"], "distance": [None, 1], "tone": None},
    {"tokens": ["c"], "tone": "warm"},
    {"tokens": ["c", "d"], "tags": ["X", "Y"]},
]
CODE = """
from spacy_mtl.layers import DocExtension, TokenExtension
from spacy_mtl.registry import registry

registry.mtl_layers("distance", func=TokenExtension("distance", title="distances"))
registry.mtl_layers("tone", func=DocExtension("tone", labelled=True))
"""


@pytest.fixture(autouse=True)
def layers(register) -> None:
    register("distance", TokenExtension("distance", title="distances", json_type="numbers"))
    register("tone", DocExtension("tone", labelled=True))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "rows.jsonl", ROWS)


@pytest.fixture
def converted(source: Path) -> Path:
    run("convert", source, source.with_suffix(".spacy"))
    return source.with_suffix(".spacy")


def run(*args: Any) -> str:
    """Run a command in this process; its output."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exit_code:
        raise MTLError(" ".join(result.output.split()))
    return result.output


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def distances(doc: Doc) -> list[Any]:
    return [token._.distance for token in doc]


def test_converted(source, tmp_path):
    said = run("convert", source, tmp_path / "rows.spacy")
    assert "  distance           2 tokens labelled\n  tone               2 docs labelled" in said
    assert "not used" not in said
    docs = read(tmp_path / "rows.spacy")
    assert [distances(doc) for doc in docs] == [[None, None, 2], [None, 1], [None], [None, None]]
    assert [doc._.tone for doc in docs] == ["dry", None, "warm", None]


def test_only_the_chosen_ones_are_converted(source, tmp_path):
    run("convert", source, tmp_path / "rows.spacy", "--layers", "tone")
    assert [*measure(tmp_path / "rows.spacy").layers] == [Layer("tone")]


@pytest.mark.parametrize(
    "row, message",
    [
        ({"tokens": ["a"], "distance": [1, 2]}, "'distance': Expected 1 distances, .* 2 values"),
        ({"tokens": ["a"], "distance": 1}, "Expected 1 distances, one a token, got 1"),
        ({"text": "a", "distance": [1]}, "Expected 'tokens' beside 'distance'"),
    ],
)
def test_wrong_values_are_refused(tmp_path, row, message):
    path = write(tmp_path / "rows.jsonl", [row])
    with pytest.raises(MTLError, match=message):
        run("convert", path, tmp_path / "rows.spacy")


def test_inspected(converted):
    found = json.loads(run("inspect", converted, "--json"))
    by_name = {layer["layer"]: layer for layer in found["train"][0]["layers"]}
    assert (by_name["distance"]["labelled"], by_name["distance"]["unit"]) == (2, "tokens")
    assert by_name["distance"]["labels"] == {}
    assert by_name["tone"]["labels"] == {"dry": 1, "warm": 1}
    assert all(finding["kind"] != "no-user-data" for finding in found["warnings"])
    assert "tone" in run("inspect", converted)


def test_a_file_that_was_saved_without_them_is_named(converted):
    DocBin(docs=read(converted)).to_disk(converted)
    found = {finding.kind: finding.message for finding in audit([measure(converted)], [])}
    assert f"{converted} was saved without Doc.user_data" in found["no-user-data"]
    assert "distance, tone" in found["no-user-data"]


def test_contradictions_are_found(tmp_path):
    rows = [{"tokens": ["a", "b"], "distance": [None, n], "tone": "dry"} for n in (1, 2)]
    run("convert", write(tmp_path / "a.jsonl", rows), tmp_path / "a.spacy")
    messages = [f.message for f in audit(measure_all([tmp_path / "a.spacy"]), [])]
    assert sum("contradicting distance" in message and "1 and 2" in message for message in messages)
    assert not any("contradicting tone" in message for message in messages)


def test_mixed(converted):
    nlp = spacy.blank("xx")
    reader = MixedCorpus({"a": Corpus(converted)}, layers={"a": ["distance"]})
    with pytest.warns(UserWarning, match="does not vouch for: tone"):
        first, second, third, fourth = (example.reference for example in reader(nlp))
    assert distances(first) == [None, None, 2] and distances(second) == [None, 1]
    assert [doc._.tone for doc in (first, second, third, fourth)] == [None] * 4


def test_mixed_without_them(converted):
    reader = MixedCorpus({"a": Corpus(converted)}, layers={"a": ["tag"]})
    with pytest.warns(UserWarning, match="vouch for: distance, tone"):
        docs = [example.reference for example in reader(spacy.blank("xx"))]
    assert not any(table()["distance"].present(doc) for doc in docs)
    with pytest.raises(MTLError, match="Expected a layer out of .*, distance, tone, got 'zeal'"):
        MixedCorpus({"a": Corpus(converted)}, layers={"a": ["zeal"]})


def test_they_stay_through_an_augmenter(converted):
    def upper(nlp: Language, example: Example) -> list[Example]:
        given = example.to_dict()
        given["token_annotation"]["ORTH"] = [token.text.upper() for token in example.reference]
        return [Example.from_dict(nlp.make_doc(example.text.upper()), given)]

    nlp = spacy.blank("xx")
    augmenter = KeepsMissing(upper, "the test")
    example = next(iter(Corpus(converted)(nlp)))
    (augmented,) = augmenter(nlp, example)
    assert [token.text for token in augmented.reference] == ["A", "B", "A"]
    assert distances(augmented.reference) == [None, None, 2]
    assert augmented.reference._.tone == "dry"


@Language.component("distance_setter")
def set_distances(doc: Doc) -> Doc:
    for token in doc[1:]:
        token._.distance = token.i / 2
    doc._.tone = {"dry": numpy.int64(len(doc))}
    return doc


@pytest.fixture
def model(tmp_path: Path) -> Path:
    nlp = spacy.blank("xx")
    nlp.add_pipe("distance_setter")
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


def test_annotated_as_jsonl(model, tmp_path):
    texts = write(tmp_path / "in.jsonl", [{"text": "a b c", "tone": "own"}])
    annotate_file(str(model), texts, tmp_path / "out.jsonl")
    (row,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert row == {
        "text": "a b c",
        "tokens": ["a", "b", "c"],
        "distance": [None, 0.5, 1.0],
        "tone": {"dry": 3},
        "input_tone": "own",
    }


def test_annotated_as_parquet(model, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    texts = write(tmp_path / "in.jsonl", [{"text": "a b c"}, {"text": "d"}])
    annotate_file(str(model), texts, tmp_path / "out.parquet")
    found = parquet.read_table(tmp_path / "out.parquet").to_pydict()
    assert found["distance"] == [[None, 0.5, 1.0], None]
    assert found["tone"] == ['{"dry": 3}', '{"dry": 1}']


def test_annotated_as_spacy(model, tmp_path):
    texts = write(tmp_path / "in.jsonl", [{"text": "a b c"}])
    annotate_file(str(model), texts, tmp_path / "out.spacy")
    (doc,) = read(tmp_path / "out.spacy")
    assert distances(doc) == [None, 0.5, 1.0]
    assert measure(tmp_path / "out.spacy").has_user_data


def test_a_file_of_code_has_layers(source, tmp_path):
    (tmp_path / "own.py").write_text(CODE)
    said = run("convert", source, tmp_path / "a.spacy", "--code", tmp_path / "own.py")
    assert "2 tokens labelled" in said


def test_attributes_are_known_as_soon_as_docs_are_read(converted, register):
    register("later", TokenExtension("later"))
    docs = list(stored_docs(converted, Vocab()))
    assert docs[0][0]._.later is None
