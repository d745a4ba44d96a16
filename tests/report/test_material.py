import json
import shutil
from collections import Counter
from pathlib import Path
from shutil import copytree

import pytest
from spacy.tokens import DocBin

from spacy_mtl.corpora import stored
from spacy_mtl.errors import MTLError
from spacy_mtl.report.material import Material, gather
from spacy_mtl.report.page import make_page, render

from .made import LABELS, Made, affinity


@pytest.fixture
def copied(made: Made, tmp_path: Path) -> Path:
    return Path(copytree(made.folder, tmp_path / "copy"))


def test_reads_tasks_documents_and_logs(material: Material) -> None:
    assert {name: list(task.labels) for name, task in material.tasks.items()} == LABELS
    assert len(material.gold) == 4
    assert [len(rows) for rows in material.histories("joint")] == [3, 3]
    pairs = [material.examples(run) for run in material.system("joint").runs]
    assert [len(examples) for examples in pairs] == [4, 4]
    assert pairs[0][1].predicted.ents[0].label_ == "LOC"
    assert pairs[0][1].reference.ents[0].label_ == "ORG"
    assert material.affinity is None and material.direction == "ltr"


def test_each_file_is_read_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[Path] = Counter()
    read_doc_bin = stored.read_doc_bin

    def counting(path: Path) -> DocBin:
        read[path] += 1
        return read_doc_bin(path)

    monkeypatch.setattr(stored, "read_doc_bin", counting)
    render(make_page(gather(made.folder)))
    predictions = sorted(made.folder.glob("runs/*/predictions.spacy"))
    assert len(predictions) == 10  # the joint system and four single ones, with two seeds
    assert read == Counter([made.test, *predictions])


def test_what_was_judged(material: Material) -> None:
    first, second = material.judged("joint", "ner")
    assert first.spans is not None and len(first.spans) == len(material.gold)
    assert second.spans is None  # only those of the first seed are shown
    assert first.statistics is not None and len(first.statistics) == len(material.gold)
    alone = material.judged("single:ner", "ner")
    assert alone[0].spans is None and alone[0].statistics is not None
    assert material.judged("joint", "ner")[0] is first
    with pytest.raises(KeyError):  # the system does not have it
        material.judged("single:ner", "tagger")


def test_test_documents_that_moved(copied: Path, made: Made) -> None:
    results = json.loads((copied / "results.json").read_text("utf-8"))
    results["test"] = "gone/test.spacy"
    (copied / "results.json").write_text(json.dumps(results), "utf-8")
    with pytest.raises(MTLError, match="gone/test.spacy.*--test"):
        gather(copied)
    assert len(gather(copied, test=made.test).gold) == 4


def test_other_test_documents(copied: Path, material: Material, tmp_path: Path) -> None:
    other = tmp_path / "other.spacy"
    DocBin(docs=material.gold[:3]).to_disk(other)
    with pytest.raises(MTLError, match="--test"):
        gather(copied, test=other).judged("joint", "ner")


def test_affinity_is_found_or_given(copied: Path, tmp_path: Path) -> None:
    document = affinity(["tagger", "ner"], lambda i, j: 0.1)
    (copied / "affinity.json").write_text(json.dumps(document), "utf-8")
    assert gather(copied).affinity == document
    given = tmp_path / "other.json"
    given.write_text(json.dumps({**document, "tasks": ["mood", "ner"]}), "utf-8")
    found = gather(copied, affinity=given).affinity
    assert found is not None and found["tasks"] == ["mood", "ner"]


def test_affinity_of_other_tasks(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "affinity.json"
    path.write_text(json.dumps(affinity(["ner", "chunks"], lambda i, j: 0.1)), "utf-8")
    with pytest.raises(MTLError, match="got that of chunks. Name the one of this config"):
        gather(made.folder, affinity=path)
    copied = shutil.copytree(made.folder, tmp_path / "copied")
    shutil.copy(path, copied)
    with pytest.warns(UserWarning, match="got that of chunks.*does without it"):
        assert gather(copied).affinity is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"tasks": ["a"], "cosines": [["x"]]}', '{"tasks": ["a"], "cosines": [[1, 2]]}'],
)
def test_damaged_affinity(made: Made, tmp_path: Path, content: str) -> None:
    path = tmp_path / "affinity.json"
    path.write_text(content, "utf-8")
    with pytest.raises(MTLError, match="spacy mtl affinity"):
        gather(made.folder, affinity=path)


@pytest.mark.parametrize("name", ["run.json", "predictions.spacy", "result.json"])
def test_missing_parts_of_a_run(copied: Path, name: str) -> None:
    (copied / "runs" / "0-0" / name).unlink()
    with pytest.raises(MTLError, match=name):
        found = gather(copied)
        found.judged("joint", "ner")
        found.histories("joint")


def test_unknown_task(copied: Path) -> None:
    path = copied / "runs" / "0-0" / "run.json"
    path.write_text(path.read_text("utf-8").replace("spacy_mtl.NER.v1", "mine.v1"), "utf-8")
    with pytest.raises(MTLError, match="--code"):
        gather(copied)
