"""An entity recognizer that meets labels which it lacks, in the middle of a training."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Config

from spacy_mtl.errors import MTLError
from spacy_mtl.training.checkpoints import read_checkpoint
from spacy_mtl.training.transition_labels import load_transition_labels, transition_labels

from .runs import interrupted, log, models, run, stock


def doc(nlp: Any, text: str, label: str) -> Doc:
    found = Doc(nlp.vocab, words=text.split())
    found.ents = [Span(found, 0, 1, "PER"), Span(found, 2, 3, label)]
    return found


def growing(folder: Path, use_upper: bool = True) -> Config:
    """A recognizer that was trained with PER, and meets two labels more at a later step."""
    config: Any = stock(folder)
    nlp = spacy.blank("en")
    model = {**config["components"]["ner"]["model"], "use_upper": use_upper}
    model["tok2vec"] = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 8,
        "depth": 1,
        "embed_size": 50,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    }
    ner = nlp.add_pipe("ner", config={"model": model})
    known = [doc(nlp, "Ana sees Bob", "PER")]
    nlp.initialize(lambda: [Example(nlp.make_doc(d.text), d) for d in known])
    ner.add_label("NOT_SEEN")
    nlp.to_disk(folder / "base")
    new = [doc(nlp, "Ana sees Rome", "LOC"), doc(nlp, "Ana sees Acme", "ORG")]
    DocBin(docs=[*known * 14, new[0], *known * 4, new[1]]).to_disk(folder / "train.spacy")
    config["nlp"]["pipeline"] = ["ner"]
    config["components"] = {"ner": {"source": str(folder / "base")}}
    config["corpora"]["dev"]["path"] = str(folder / "train.spacy")
    config["training"].update(max_epochs=-1, score_weights={"ents_f": 1.0})
    config["training"]["batcher"] = {"@batchers": "spacy.batch_by_sequence.v1", "size": 2}
    return Config(config)


@pytest.mark.parametrize("use_upper", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_killed_before_and_after_it_grows(tmp_path: Path, use_upper: bool) -> None:
    config = growing(tmp_path, use_upper)
    run(config, tmp_path / "whole")
    interrupted(config, tmp_path / "parts", [4, 12])
    assert models(tmp_path / "parts") == models(tmp_path / "whole")
    assert log(tmp_path / "parts") == log(tmp_path / "whole")
    labels = spacy.load(tmp_path / "parts/model-last").get_pipe("ner").labels
    assert labels == ("LOC", "NOT_SEEN", "ORG", "PER")


def test_what_was_outgrown_is_not_written(tmp_path: Path) -> None:
    config = growing(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spacy_mtl.training.output_folder.Checkpoints.clear", lambda self: None)
        run(config, tmp_path / "out", keep=100)
    first, *_, last = sorted((tmp_path / "out/checkpoints").glob("step-*"))
    moments = [read_checkpoint(p).arrays["optimizer/mom1/ner.upper.b"] for p in (first, last)]
    assert [array.size for array in moments] == [10, 18]


def test_there_and_back(tmp_path: Path) -> None:
    growing(tmp_path)
    nlp, other = spacy.load(tmp_path / "base"), spacy.load(tmp_path / "base")
    for label in ("Z-1", "A"):
        nlp.get_pipe("ner").add_label(label)
    nlp.get_pipe("ner").model.attrs["unseen_classes"].remove(12)
    document = transition_labels(nlp)
    load_transition_labels(other, document)
    assert transition_labels(other) == document
    assert document["ner"]["actions"][-8:] == [f"{a}-{x}" for x in ("Z-1", "A") for a in "BILU"]
    assert document["ner"]["unseen"] == [10, 11, 13, 14, 15, 16, 17]


def test_other_labels(tmp_path: Path) -> None:
    growing(tmp_path)
    nlp = spacy.load(tmp_path / "base")
    document = transition_labels(nlp)
    nlp.get_pipe("ner").add_label("MORE")
    with pytest.raises(MTLError, match="Expected 'ner' to have the labels that it had when"):
        load_transition_labels(nlp, document)
