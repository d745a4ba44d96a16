"""What the tests of resuming share: small trainings with everything in them that has a state."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import spacy
from pipeline.helpers import ENCODER, LISTENER, make_nlp, write_corpus
from spacy.language import Language
from spacy.training.initialize import init_nlp
from thinc.api import Config

from spacy_mtl.training.loop import Loop
from spacy_mtl.training.output_folder import OutputFolder
from spacy_mtl.training.trainer import Frequency, train

LAYERS = ("tagger", "ner", "sentiment")
TIMES = ("seconds", "words_per_second", "seconds_left", "run")
OURS = {"@loggers": "spacy_mtl.ConsoleLogger.v1", "console_output": False}
# Rows enough for a table, of which a batch has few.
BIG_TABLE = {**ENCODER, "embed_size": 1500}
READER = {"@readers": "spacy.Corpus.v1", "gold_preproc": False}


DYNAMIC = {"sampling": "dynamic", "strength": 100.0, "references": {"ner": 1.0}}


class Killed(Exception):
    """Stands for a kill at a step."""


@cache
def small_nlp() -> Language:
    """A pipeline that is not initialized; for its config and its vocabulary."""
    return make_nlp(LAYERS)


@cache
def empty_nlp() -> Language:
    return spacy.blank("en")


def mixed(folder: Path, **settings: Any) -> Config:
    """Three tasks on one encoder, from two partially labelled corpora.

    settings: of the component. With dropout, a learned balancer, tables that lag behind, averages,
    an encoder that waits, and a schedule of everything that may have one.
    """
    settings = {"balancer": {"@mtl_balancers": "spacy_mtl.GradNorm.v1", "window": 3}, **settings}
    nlp = small_nlp()
    config: Any = nlp.config.copy()
    config["components"]["multitask"].update(conflict_every=2, **settings)
    config["components"]["tok2vec"]["model"] = BIG_TABLE
    corpora = {}
    for name, layers in (("some", ["tagger", "sentiment"]), ("others", ["ner"])):
        path = write_corpus(folder / f"{name}.spacy", nlp, layers)
        corpora[name] = {**READER, "path": str(path)}
    dev = {**READER, "path": str(write_corpus(folder / "dev.spacy", nlp, LAYERS))}
    mixture = {"@readers": "spacy_mtl.MixedCorpus.v1", "corpora": corpora}
    config["corpora"] = {"train": mixture, "dev": dev}
    config["training"].update(
        dropout=0.3,
        batcher={"@batchers": "spacy_mtl.MixtureBatches.v1", "size": 12, **DYNAMIC},
        before_update={"@callbacks": "spacy_mtl.unfreeze.v1", "encoder": 3},
        optimizer={
            "@optimizers": "spacy_mtl.GroupedOptimizer.v1",
            "learn_rate": {
                "@schedules": "warmup_linear.v1",
                "warmup_steps": 3,
                "total_steps": 40,
                "initial_rate": 0.02,
            },
            "factors": {"multitask.ner": 0.5},
            "average": 0.9,
            "sparse_rows": True,
        },
        score_weights={"tagger_acc": 0.5, "ner_f": 0.25, "sentiment_score": 0.25},
    )
    return _short(config)


def stopping(folder: Path, **settings: Any) -> Config:
    """Tasks that patience stops while another learns on, and a score over several evaluations.

    settings: of the callback.
    """
    selection = {"rule": "worst", "evaluations": 2}
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1"}
    config: Any = mixed(folder, balancer=balancer, selection=selection)
    config["components"]["multitask"]["tasks"]["sentiment"]["ngram_rows"] = 1500
    callback = {"@callbacks": "spacy_mtl.unfreeze.v2", "patience": 2, "smoothing": 2}
    tasks = {"ner": {"patience": None}}
    config["training"]["before_update"] = {**callback, "tasks": tasks, **settings}
    unused = dict.fromkeys(["tag_acc", "pos_acc", "morph_acc", "ents_f", "cats_score"])
    config["training"]["score_weights"] = {**unused, "multitask_score": 1.0}
    config["training"].update(max_steps=19, eval_frequency=2)
    return Config(config)


def stock(folder: Path, **training: Any) -> Config:
    """spaCy's own components on one encoder, with spaCy's own optimizer, batcher and dropout."""
    nlp = small_nlp()
    config: Any = empty_nlp().config.copy()
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 8,
        "maxout_pieces": 2,
        "tok2vec": LISTENER,
    }
    textcat = {
        "@architectures": "spacy.TextCatEnsemble.v2",
        "tok2vec": LISTENER,
        "linear_model": {
            "@architectures": "spacy.TextCatBOW.v3",
            "exclusive_classes": True,
            "length": 500,
            "ngram_size": 1,
            "no_output_layer": False,
        },
    }
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    config["nlp"]["pipeline"] = ["tok2vec", "tagger", "ner", "textcat"]
    config["components"] = {
        "tok2vec": {"factory": "tok2vec", "model": ENCODER},
        "tagger": {"factory": "tagger", "model": tagger},
        "ner": {"factory": "ner", "model": parser, "update_with_oracle_cut_size": 2},
        "textcat": {"factory": "textcat", "model": textcat},
    }
    for name in ("train", "dev"):
        path = write_corpus(folder / f"{name}.spacy", nlp, LAYERS)
        config["corpora"][name]["path"] = str(path)
    size = {"@schedules": "compounding.v1", "start": 8, "stop": 20, "compound": 1.3}
    config["training"]["batcher"] = {
        "@batchers": "spacy.batch_by_words.v1",
        "size": size,
        "discard_oversize": False,
        "tolerance": 0.2,
    }
    config["training"]["score_weights"] = {"tag_acc": 0.4, "ents_f": 0.3, "cats_score": 0.3}
    config["training"].update(training)
    return _short(config)


def frozen(folder: Path) -> Config:
    """A tagger that was trained before, whose tags the others could see."""
    run(stock(folder), folder / "before")
    config: Any = stock(
        folder, frozen_components=["tagger"], annotating_components=["tagger"], seed=3
    )
    config["components"]["tagger"] = {
        "source": str(folder / "before/model-last"),
        "replace_listeners": ["model.tok2vec"],
    }
    return Config(config)


def _short(config: Any) -> Config:
    config["training"].update(max_steps=13, eval_frequency=4, patience=0)
    config["training"]["logger"] = OURS
    return Config(config)


def run(config: Config, output: Path, resume: bool = False, every: int = 2, keep: int = 3) -> str:
    """Train into a folder, with a checkpoint at every second step; what was printed."""
    stdout = io.StringIO()
    train(
        init_nlp(config.copy()),
        OutputFolder(output, keep),
        frequency=Frequency(every, 3600),
        resume=resume,
        stdout=stdout,
        stderr=io.StringIO(),
    )
    return plain(stdout.getvalue())


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    """Let a training end in this step, without saving anything, as a kill would."""
    update = Loop._update

    def fail(self: Loop, batch: Any) -> None:
        update(self, batch)
        if self.state.progress.steps == step:
            raise Killed

    with (
        patch.object(Loop, "_update", fail),
        patch("spacy_mtl.training.trainer.Training._abort", lambda *args: None),
    ):
        yield


def interrupted(config: Config, output: Path, steps: list[int], **settings: Any) -> None:
    """Train with kills at these steps, each followed by a resumption."""
    for number, step in enumerate(steps):
        try:
            with killed_at(step):
                run(config, output, resume=number > 0, **settings)
        except Killed:
            continue
        raise AssertionError(f"not killed at {step}")
    run(config, output, resume=True, **settings)


def plain(text: str) -> str:
    """Printed text without colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def digests(folder: Path) -> dict[str, str]:
    """A checksum of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def models(output: Path) -> dict[str, str]:
    """Checksums of the files of the models."""
    return {**digests(output / "model-best"), **_named(digests(output / "model-last"), "last")}


def _named(checksums: dict[str, str], start: str) -> dict[str, str]:
    return {f"{start}/{name}": value for name, value in checksums.items()}


def log(output: Path) -> list[dict[str, Any]]:
    """The rows of the log file without what depends on time."""
    text = (output / "training.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        row["scores"].pop("speed")
        for name in TIMES:
            row.pop(name)
    return rows
