"""Pipelines that earlier versions have saved: they load, and say what they said then."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language

from spacy_mtl.errors import MTLError

from .helpers import multitask
from .saved.make import annotation

SAVED = Path(__file__).parent / "saved" / "0.1"
SAID = json.loads((SAVED / "annotation.json").read_text(encoding="utf8"))
TEMPERATURES = {"tagger": 1.0, "ner": 0.8, "names": 1.0, "sentiment": 1.5, "topic": 1.0}


def check(nlp: Language) -> None:
    """It annotates as it did when it was saved: labels exactly, scores to 1e-5."""
    multitask(nlp).confidences = True
    docs = list(nlp.pipe([said["text"] for said in SAID]))
    for doc, said in zip(docs, SAID, strict=True):
        found = json.loads(json.dumps(annotation(doc)))
        for key in ("tags", "ents", "names"):
            assert found[key] == said[key]
        for key in ("tag_confidences", "ent_confidences", "cats"):
            assert found[key] == pytest.approx(said[key], abs=1e-5)


def test_the_test_file_says_something() -> None:
    assert len(SAID) == 20
    assert len({tag for said in SAID for tag in said["tags"]}) > 10
    for key in ("ents", "names"):
        assert len({label for said in SAID for *_, label in said[key]}) > 3
    best = {max(said["cats"], key=said["cats"].__getitem__) for said in SAID}
    assert len(best) > 3
    for file in SAVED.rglob("*"):
        assert file.is_dir() or not file.read_bytes().startswith(b"\x80\x04")  # a pickle


def test_it_says_the_same() -> None:
    nlp = spacy.load(SAVED / "model")
    assert {n: task.temperature for n, task in multitask(nlp).tasks.items()} == TEMPERATURES
    check(nlp)


def test_saved_by_this_version_it_says_the_same(tmp_path: Path) -> None:
    nlp = spacy.load(SAVED / "model")
    nlp.to_disk(tmp_path / "model")
    check(spacy.load(tmp_path / "model"))
    check(spacy.blank("xx", config=dict(nlp.config)).from_bytes(nlp.to_bytes()))


def test_it_can_be_trained_further() -> None:
    nlp = spacy.load(SAVED / "model")
    before = multitask(nlp).model.to_bytes()
    doc = nlp.make_doc("Ana left Rio")
    example = spacy.training.Example.from_dict(doc, {"tags": ["NNP", "VBD", "NNP"]})
    losses: dict[str, float] = {}
    nlp.update([example], sgd=nlp.resume_training(), losses=losses)
    assert losses["multitask"] > 0 and multitask(nlp).model.to_bytes() != before


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAVED / "model", tmp_path / "model"))


def test_cfg_of_labels_and_temperatures_alone(copied: Path) -> None:
    cfg = srsly.read_json(copied / "multitask" / "cfg")
    assert set(cfg) == {"labels", "temperatures"}
    assert cfg["temperatures"] == {"ner": 0.8, "sentiment": 1.5}
    check(spacy.load(copied))


def test_cfg_of_labels_alone(copied: Path) -> None:
    path = copied / "multitask" / "cfg"
    srsly.write_json(path, {"labels": srsly.read_json(path)["labels"]})
    nlp = spacy.load(copied)
    assert {task.temperature for task in multitask(nlp).tasks.values()} == {1.0}
    assert multitask(nlp).labels_for("sentiment") == (
        "sentiment=negative",
        "sentiment=neutral",
        "sentiment=positive",
    )
    multitask(nlp).tasks["ner"].temperature = 0.8
    multitask(nlp).tasks["sentiment"].temperature = 1.5
    check(nlp)


@pytest.mark.parametrize(
    "change",
    [
        lambda cfg: cfg["labels"].pop("ner"),
        lambda cfg: cfg["labels"]["ner"].append("NEW"),
        lambda cfg: cfg["temperatures"].update(ner=-1),
        lambda cfg: cfg.pop("labels"),
    ],
)
def test_damaged_cfg_is_refused(copied: Path, change: Any) -> None:
    path = copied / "multitask" / "cfg"
    cfg = srsly.read_json(path)
    change(cfg)
    srsly.write_json(path, cfg)
    with pytest.raises(MTLError, match="'multitask'"):
        spacy.load(copied)
