"""Mixtures through spaCy's own commands and loop."""

from pathlib import Path
from typing import Any

import pytest
from pipeline.helpers import make_nlp, multitask, run_spacy, write_corpus
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config

from spacy_mtl.mixing.gaps import Gaps
from spacy_mtl.mixing.samplers import SAMPLING

LABELS = {"tagger": ["N", "V", "J", ".", "D", "P"], "ner": ["PER", "LOC"]}
DECAY = {"@schedules": "compounding.v1", "start": 1.0, "stop": 0.2, "compound": 0.5}


def config_of(folder: Path, max_epochs: int, **batcher: Any) -> Config:
    """Tags in one folder of two files, entities in another; twelve steps are about four epochs."""
    nlp = make_nlp(list(LABELS))
    for name, layers in (("tags", ["tagger"]), ("entities", ["ner"])):
        (folder / name).mkdir(exist_ok=True)
        for part in "ab":
            write_corpus(folder / name / f"{part}.spacy", nlp, layers)
    write_corpus(folder / "dev.spacy", nlp, list(LABELS))
    reader = {"@readers": "spacy.Corpus.v1", "gold_preproc": False}
    config: Any = nlp.config.copy()
    config["corpora"] = {
        "train": {
            "@readers": "spacy_mtl.MixedCorpus.v1",
            "corpora": {n: {**reader, "path": str(folder / n)} for n in ("tags", "entities")},
            "layers": {"tags": ["tag"], "entities": ["ents"]},
            "labels": {"entities": {"ner": ["PER", "LOC"]}},
        },
        "dev": {**reader, "path": str(folder / "dev.spacy")},
    }
    config["initialize"]["components"] = {"multitask": {"labels": LABELS}}
    config["training"].update(max_epochs=max_epochs, max_steps=12, eval_frequency=2)
    config["training"]["score_weights"] = {"tag_acc": 0.5, "ents_f": 0.5}
    config["training"]["batcher"] = {
        "@batchers": "spacy_mtl.MixtureBatches.v1",
        "size": 30,
        "buffer": 5,
        **batcher,
    }
    return Config(config)


def trained(config: Config) -> Language:
    nlp, _ = train(init_nlp(config))
    return nlp


@pytest.mark.parametrize(("batches", "max_epochs"), [("mixed", 0), ("homogeneous", -1)])
@pytest.mark.parametrize("sampling", SAMPLING)
def test_every_sampling_trains(
    tmp_path: Path, sampling: str, batches: str, max_epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[float]] = []
    call = Gaps.__call__
    monkeypatch.setattr(Gaps, "__call__", lambda *args: seen.append(call(*args)) or seen[-1])
    alpha: Any = DECAY if sampling == "annealed" else 0.8
    config = config_of(tmp_path, max_epochs, sampling=sampling, batches=batches, alpha=alpha)
    component = multitask(trained(config))
    assert {name: len(component.history.scores(name)) for name in LABELS} == dict.fromkeys(
        LABELS, 7
    )
    assert sum(component.task_losses.values()) > 0
    assert len(seen) >= 3 if sampling == "dynamic" else not seen
    assert all(len(gaps) == 2 for gaps in seen)


@pytest.mark.parametrize("max_epochs", [0, -1], ids=["listed", "streamed"])
def test_the_same_seed_gives_the_same_model(tmp_path: Path, max_epochs: int) -> None:
    config = config_of(tmp_path, max_epochs, sampling="uniform", max_repeats=2)
    assert trained(config.copy()).to_bytes() == trained(config.copy()).to_bytes()


def test_initialization_sees_all_corpora_of_a_stream(tmp_path: Path) -> None:
    """Also where the first of them has more than the hundred documents that spaCy looks at."""
    config = config_of(tmp_path, -1)
    nlp = make_nlp(list(LABELS))
    for i in range(20):
        write_corpus(tmp_path / "tags" / f"more{i}.spacy", nlp, ["tagger"])
    config["initialize"]["components"] = {}
    assert set(multitask(init_nlp(config)).label_data["ner"]) == set(LABELS["ner"])


def test_from_the_command_line(tmp_path: Path) -> None:
    config_of(tmp_path, -1, sampling="dynamic").to_disk(tmp_path / "config.cfg")
    output = run_spacy("train", tmp_path / "config.cfg", "--output", tmp_path / "model")
    assert "Saved pipeline" in output
