"""The configurations of `benchmarks.classes`: stock spaCy's three classifiers, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import reweighted
from .class_corpora import THINNED
from .corpora import BenchmarkCorpus
from .proposed import proposed
from .systems import BAG_OF_WORDS, ENCODER, LISTENER, Settings, stock

ARCHITECTURES: dict[str, Settings] = {
    "bag of words": BAG_OF_WORDS,
    "CNN": {
        "@architectures": "spacy.TextCatReduce.v1",
        "tok2vec": LISTENER,
        "exclusive_classes": True,
        "use_reduce_first": False,
        "use_reduce_last": False,
        "use_reduce_max": False,
        "use_reduce_mean": True,
        "nO": None,
    },
    "ensemble": {
        "@architectures": "spacy.TextCatEnsemble.v2",
        "nO": None,
        "tok2vec": LISTENER,
        "linear_model": BAG_OF_WORDS,
    },
}
OURS = "multitask"
BATCHES = {"start": 400, "stop": 1000}  # words


def config_of(
    system: str, corpus: BenchmarkCorpus, steps: int, overrides: Mapping[str, Any]
) -> Settings:
    """The config of a system: one of `ARCHITECTURES`, or what `init-config` proposes.

    overrides: what else ours has, by dotted paths.
    """
    if system == OURS:
        settings: Settings = proposed(corpus, overrides).interpolate()
        settings["training"].update(max_steps=steps, patience=0)
    else:
        settings = _stock(system, corpus, steps)
    settings["training"]["batcher"]["size"].update(BATCHES)
    return settings


def set_class_task(config: Settings, settings: Mapping[str, Any]) -> str | None:
    """Give the class task other settings; those of `benchmarks.reweighted` need its file, which is
    returned."""
    tasks = config["components"]["multitask"]["tasks"]
    weights = {name: value for name, value in settings.items() if name in reweighted.SETTINGS}
    for name, block in tasks.items():
        if block["@mtl_tasks"] == "spacy_mtl.TextCat.v2":
            block.update((key, value) for key, value in settings.items() if key not in weights)
            if weights:
                tasks[name] = {"@mtl_tasks": reweighted.NAME, "task": block, **weights}
    return reweighted.__file__ if weights else None


def _stock(architecture: str, corpus: BenchmarkCorpus, steps: int) -> Settings:
    """A stock `textcat` alone, or beside `ner` where the corpus has slots."""
    names = ["ner"] if "ents" in corpus.layers else []
    if names or "tok2vec" in ARCHITECTURES[architecture]:
        names.append("tok2vec")
    settings = stock(corpus, steps, [*names, "textcat"])
    settings["components"]["textcat"]["model"] = ARCHITECTURES[architecture]
    if "tok2vec" in names:
        settings["components"]["tok2vec"] = {"factory": "tok2vec", "model": ENCODER}
        order = [name for name in settings["nlp"]["pipeline"] if name != "tok2vec"]
        settings["nlp"]["pipeline"] = ["tok2vec", *order]
    return settings


def metric_of(corpus: str) -> str:
    """What the corpus is scored by: thinned classes have a test file of the old proportions."""
    return "macro F" if corpus in THINNED else "accuracy"
