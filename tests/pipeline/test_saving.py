"""To bytes and disk and back, and into other processes."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc

from spacy_mtl.errors import MTLError

from .helpers import (
    TASKS,
    TEXTS,
    annotations,
    make_nlp,
    multitask,
    train,
    trained,
)


@pytest.fixture(scope="module")
def learned() -> Language:
    return trained(make_nlp(), 15)


@pytest.fixture(scope="module")
def saved(learned, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "model"
    learned.to_disk(path)
    return path


def test_pipeline_to_disk_and_back(learned, saved, tmp_path):
    loaded = spacy.load(saved)
    assert annotations(loaded) == annotations(learned)
    assert multitask(loaded).labels == multitask(learned).labels
    loaded.to_disk(tmp_path / "again")
    files = [path.relative_to(saved) for path in saved.rglob("*") if path.is_file()]
    assert Path("multitask/model") in files and Path("multitask/cfg") in files
    for file in files:
        if file.name != "meta.json":
            assert (saved / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


def test_pipeline_to_bytes_and_back(learned):
    data = learned.to_bytes()
    loaded = make_nlp().from_bytes(data)
    assert loaded.to_bytes() == data
    assert annotations(loaded) == annotations(learned)


@pytest.mark.parametrize("exclude", [(), ("vocab",)])
def test_component_to_disk_and_back(learned, tmp_path, exclude):
    multitask(learned).to_disk(tmp_path / "component", exclude=exclude)
    assert (tmp_path / "component" / "vocab").exists() != bool(exclude)
    other = make_nlp()
    multitask(other).from_disk(tmp_path / "component", exclude=exclude)
    assert multitask(other).model.to_bytes() == multitask(learned).model.to_bytes()
    assert multitask(other).label_data == multitask(learned).label_data


def test_component_to_bytes_and_back_without_vocab(learned):
    component = multitask(learned)
    data = component.to_bytes(exclude=["vocab"])
    other = make_nlp()
    assert multitask(other).from_bytes(data).to_bytes(exclude=["vocab"]) == data
    # The labels must be readable although no strings came along.
    other.get_pipe("tok2vec").from_bytes(learned.get_pipe("tok2vec").to_bytes())
    assert annotations(other) == annotations(learned)


def test_no_pickle_is_written(saved):
    for path in saved.rglob("*"):
        if path.is_file():
            assert not path.read_bytes().startswith(b"\x80\x04"), path
    assert srsly.read_json(saved / "multitask" / "cfg")["labels"]["ner"] == ["LOC", "PER"]
    assert isinstance(srsly.msgpack_loads((saved / "multitask" / "model").read_bytes()), dict)


def test_training_goes_on_after_loading(saved):
    loaded = spacy.load(saved)
    assert train(loaded, 10)["multitask"] < train(spacy.load(saved), 1)["multitask"]


@pytest.mark.parametrize("names", [["ner"], [*TASKS, "more"], ["renamed"]])
def test_another_set_of_tasks_is_refused(learned, names):
    tasks = {name: TASKS.get(name, TASKS["topic"]) for name in names}
    data = multitask(learned).to_bytes()
    with pytest.raises(MTLError, match=r"tasks of the config \(.*\), got tagger, pos, morph"):
        multitask(make_nlp(tasks)).from_bytes(data)


def test_labels_survive_their_order(saved, tmp_path):
    nlp = make_nlp(["ner"])
    nlp.config["initialize"]["components"]["multitask"] = {"labels": {"ner": ["Z", "PER", "A"]}}
    trained(nlp, 1)
    nlp.to_disk(tmp_path / "model")
    assert multitask(spacy.load(tmp_path / "model")).labels_for("ner") == ("Z", "PER", "A")


def test_added_labels_are_saved(learned, tmp_path):
    nlp = make_nlp().from_bytes(learned.to_bytes())
    multitask(nlp).add_label("ner:ORG")
    multitask(nlp).add_label("topic:topic=new")
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert multitask(loaded).labels_for("ner") == ("LOC", "PER", "ORG")
    assert annotations(loaded) == annotations(nlp)


def test_an_uninitialized_pipeline_can_be_saved(tmp_path):
    make_nlp().to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert multitask(loaded).labels == ()
    assert annotations(trained(loaded, 2)) == annotations(trained(make_nlp(), 2))


def test_meta_has_flat_labels(saved):
    meta = srsly.read_json(saved / "meta.json")
    assert meta["labels"]["multitask"][12:14] == ["morph:Degree=Pos", "morph:Number=Sing"]


@pytest.fixture
def start_method() -> Iterator[None]:
    """A test may change how processes are started."""
    before = multiprocessing.get_start_method()
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_several_processes_agree_with_one(saved: Path, method: str, start_method: None) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method}")
    nlp = spacy.load(saved)
    texts = [*TEXTS, ""]
    alone = list(map(everything, nlp.pipe(texts, batch_size=2)))
    multiprocessing.set_start_method(method, force=True)
    assert list(map(everything, nlp.pipe(texts, n_process=2, batch_size=2))) == alone
    assert len(alone) == len(texts)


def everything(doc: Doc) -> Any:
    """The annotation of a document."""
    tokens = [(token.tag_, token.pos_, str(token.morph)) for token in doc]
    spans = [
        (span.text, span.label_)
        for span in (*doc.ents, *doc.spans["things"], *doc.spans["phrases"])
    ]
    return tokens, spans, dict(doc.cats)
