"""Through spaCy's own training loop and commands, on partially labelled files."""

from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from thinc.api import Config

from spacy_mtl._version import __version__

from .helpers import (
    LAYERS,
    annotations,
    head_bytes,
    make_nlp,
    multitask,
    run_spacy,
    trained,
    write_corpus,
)

PARTIAL = [
    ["tagger", "pos"],
    ["ner"],
    ["things", "phrases"],
    ["sentiment", "topic"],
    ["morph"],
    ["tagger"],
]
WEIGHTS = {
    "tagger_acc": 0.2,
    "pos_acc": 0.1,
    "morph_acc": 0.1,
    "ner_f": 0.2,
    "things_f": 0.1,
    "sentiment_score": 0.2,
    "topic_score": 0.1,
}


@spacy.registry.loggers("spacy_mtl_test.Logger.v1")
def make_logger(folder: str) -> Any:
    """Writes all that spaCy's loop says at each evaluation."""

    def log(info: Any) -> None:
        if info and info["score"] is not None:
            row = {key: info[key] for key in ("step", "losses", "other_scores")}
            srsly.write_jsonl(Path(folder) / "log.jsonl", [row], append=True)

    return lambda nlp, stdout, stderr: (log, lambda: None)


def write_config(folder: Path, nlp: Language, dev: Any = LAYERS, **training: Any) -> Path:
    """A config for a few steps of training, beside its corpora."""
    config: Any = nlp.config.copy()
    config["paths"]["train"] = str(write_corpus(folder / "train.spacy", nlp, PARTIAL))
    config["paths"]["dev"] = str(write_corpus(folder / "dev.spacy", nlp, dev))
    settings = {"max_steps": 10, "eval_frequency": 3, "patience": 0, "score_weights": WEIGHTS}
    config["training"].update({**settings, **training})
    config["training"]["logger"] = {"@loggers": "spacy_mtl_test.Logger.v1", "folder": str(folder)}
    config.to_disk(folder / "config.cfg")
    return folder / "config.cfg"


@pytest.mark.parametrize("dev", [LAYERS, ("ner",), ()])
def test_spacy_train(tmp_path, dev):
    config = write_config(tmp_path, make_nlp(), dev)
    run_spacy("train", config, "--output", tmp_path / "out")
    rows = list(srsly.read_jsonl(tmp_path / "log.jsonl"))
    assert len(rows) == 4
    measured = {key for key in WEIGHTS if key.rpartition("_")[0] in dev}
    for row in rows:
        assert set(WEIGHTS) & set(row["other_scores"]) == measured
        assert {"multitask", *(f"multitask_{name}" for name in LAYERS)} <= set(row["losses"])
        assert row["losses"]["multitask"] > 0
    best = spacy.load(tmp_path / "out" / "model-best")
    assert set(WEIGHTS) <= set(best.meta["performance"])
    last = spacy.load(tmp_path / "out" / "model-last")
    assert all(len(doc["cats"]) == 5 for doc in annotations(last))


def test_spacy_evaluate(tmp_path):
    nlp = trained(make_nlp(), 30)
    nlp.to_disk(tmp_path / "model")
    corpus = write_corpus(tmp_path / "test.spacy", nlp)
    output = tmp_path / "scores.json"
    printed = run_spacy("evaluate", tmp_path / "model", corpus, "--output", output)
    scores = srsly.read_json(output)
    assert {scores[key] for key in WEIGHTS} == {1.0}
    assert {scores[key] for key in ("tag_acc", "ents_f", "cats_score")} == {1.0}
    assert "NER (per type)" in printed and "Textcat F (per label)" in printed
    write_corpus(tmp_path / "bare.spacy", nlp, [])
    run_spacy("evaluate", tmp_path / "model", tmp_path / "bare.spacy", "--output", output)
    assert {srsly.read_json(output)[key] for key in WEIGHTS} == {None}


def test_spacy_package(tmp_path):
    trained(make_nlp(), 1).to_disk(tmp_path / "model")
    (tmp_path / "out").mkdir()
    options = ["--name", "demo", "--version", "0.1.0", "--build", "none"]
    run_spacy("package", tmp_path / "model", tmp_path / "out", *options)
    meta = srsly.read_json(tmp_path / "out" / "en_demo-0.1.0" / "meta.json")
    assert all(isinstance(label, str) for label in meta["labels"]["multitask"])
    assert "ner:PER" in meta["labels"]["multitask"]
    (requirement,) = [r for r in meta["requirements"] if r.startswith("spacy-mtl")]
    assert requirement.startswith(f"spacy-mtl>={__version__}")


def test_a_frozen_encoder_in_the_training_loop(tmp_path):
    source = trained(make_nlp(), 3)
    source.to_disk(tmp_path / "source")
    nlp = make_nlp()
    path = write_config(tmp_path, nlp)
    config: Any = Config().from_disk(path, interpolate=False)
    config["components"]["tok2vec"] = {"source": str(tmp_path / "source")}
    config["training"]["frozen_components"] = ["tok2vec"]
    config["training"]["annotating_components"] = ["tok2vec"]
    loaded = init_nlp(config)
    encoder: Any = loaded.get_pipe("tok2vec")
    before, heads = encoder.model.to_bytes(), head_bytes(loaded)
    called: list[Any] = []
    listener: Any = multitask(loaded).model.get_ref("tok2vec")
    listener.receive = lambda *args: called.append(args)
    (tmp_path / "out").mkdir()
    spacy_train(loaded, tmp_path / "out")
    assert not called
    assert encoder.model.to_bytes() == before
    assert not any(
        node.has_grad(param) for node in encoder.model.walk() for param in node.param_names
    )
    assert all(head_bytes(loaded)[name] != heads[name] for name in LAYERS)


def test_accumulated_gradients_in_the_training_loop(tmp_path):
    path = write_config(tmp_path, make_nlp(), accumulate_gradient=3)
    run_spacy("train", path, "--output", tmp_path / "out")
    rows = list(srsly.read_jsonl(tmp_path / "log.jsonl"))
    assert rows and all(row["losses"]["multitask_ner"] > 0 for row in rows)


def test_two_runs_of_spacy_train_agree(tmp_path):
    models = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = write_config(tmp_path / name, make_nlp(), max_steps=5)
        run_spacy("train", path, "--output", tmp_path / name / "out")
        models.append((tmp_path / name / "out" / "model-last" / "multitask" / "model").read_bytes())
    assert models[0] == models[1]


def test_tasks_without_labels_in_the_training_corpus(tmp_path):
    config = write_config(tmp_path, make_nlp())
    write_corpus(tmp_path / "train.spacy", make_nlp(), ["tagger"])
    with pytest.raises(AssertionError) as error:
        run_spacy("train", config, "--output", tmp_path / "out")
    assert "labels of the task 'pos'" in str(error.value.__cause__)
