"""The configurations that are compared: stock spaCy's and ours, on the same encoder."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer
from spacy.cli.init_config import init_config

from spacy_mtl.configs.proposal import OPTIMIZER, SAMPLING

from .corpora import BenchmarkCorpus
from .proposed import proposed

Settings = dict[str, Any]

ENCODER: Settings = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 96,
    "depth": 4,
    "embed_size": 5000,
    "window_size": 1,
    "maxout_pieces": 3,
    "subword_features": True,
}
FAST_ENCODER: Settings = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy_mtl.HashEmbed.v1",
        "width": ENCODER["width"],
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": [5000, 2500, 2500, 2500],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy_mtl.WindowEncoder.v1",
        "width": ENCODER["width"],
        "depth": ENCODER["depth"],
        "window_size": ENCODER["window_size"],
        "maxout_pieces": ENCODER["maxout_pieces"],
    },
}
LISTENER: Settings = {
    "@architectures": "spacy.Tok2VecListener.v1",
    "width": ENCODER["width"],
    "upstream": "tok2vec",
}
BAG_OF_WORDS: Settings = {
    "@architectures": "spacy.TextCatBOW.v3",
    "exclusive_classes": True,
    "ngram_size": 1,
    "no_output_layer": False,
    "length": 262144,
    "nO": None,
}
SCORES = {"tag": "tag_acc", "ents": "ents_f", "cats": "cats_score"}
COMPONENTS = {"tag": "tagger", "ents": "ner", "cats": "textcat"}
TASKS: Settings = {
    "tag": ("tagger", {"@mtl_tasks": "spacy_mtl.Tagger.v1"}),
    "ents": ("ner", {"@mtl_tasks": "spacy_mtl.NER.v1"}),
    "cats": ("textcat", {"@mtl_tasks": "spacy_mtl.TextCat.v2"}),  # with settings of the corpus
}


def separate(corpus: BenchmarkCorpus, steps: int) -> dict[str, Settings]:
    """A stock pipeline for each layer, trained on the files that have it."""
    return {
        layer: stock(corpus, steps, [COMPONENTS[layer]], train=corpus.train[layer])
        for layer in corpus.layers
    }


def separate_tuned(corpus: BenchmarkCorpus, steps: int) -> dict[str, Settings]:
    """The separate stock pipelines with the optimizer's settings that ours has."""
    configs = separate(corpus, steps)
    for config in configs.values():
        settings = {key: OPTIMIZER[key] for key in ("learn_rate", "use_averages")}
        config["training"]["optimizer"].update(settings)
    return configs


def joint(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """Stock components on one encoder; `textcat` is the bag of words, which does not listen."""
    return stock(corpus, steps, [COMPONENTS[layer] for layer in corpus.layers])


def joint_ensemble(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """Stock components on one encoder; `textcat` is the ensemble, which listens."""
    return _with_ensemble(joint(corpus, steps), "textcat", exclusive=True)


def expert(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """The order and component that avoid the lost gradient and the false negatives."""
    names = ["ner", "tagger", "textcat_multilabel"]
    if "tag" not in corpus.layers:
        names.remove("tagger")
    return _with_ensemble(stock(corpus, steps, names), "textcat_multilabel", exclusive=False)


def stock(
    corpus: BenchmarkCorpus, steps: int, names: list[str], train: Path | None = None
) -> Settings:
    """What `spacy init config` writes for these components, with the common encoder."""
    config = init_config(lang="en", pipeline=names, optimize="efficiency", silent=True)
    settings: Settings = config.interpolate()
    if "tok2vec" in settings["components"]:
        settings["components"]["tok2vec"]["model"] = dict(ENCODER)
    if "textcat" in names:
        settings["components"]["textcat"]["model"] = dict(BAG_OF_WORDS)
    return with_data(settings, corpus, steps, train or corpus.train_all)


def balanced(settings: Settings, weights: dict[str, float] | None = None) -> Settings:
    """Stock components with the one line changed that balances their encoder."""
    settings["components"]["tok2vec"]["factory"] = "balanced_tok2vec"
    if weights:
        balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": weights}
        settings["components"]["tok2vec"]["balancer"] = balancer
    return settings


def balanced_joint(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """`joint` on a balanced encoder."""
    return balanced(joint(corpus, steps))


def mixed_joint(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """`joint` with the files mixed as for `multitask`."""
    settings = joint(corpus, steps)
    _mix(settings, corpus)
    return settings


def balanced_mixed_joint(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """`mixed_joint` on a balanced encoder."""
    return balanced(mixed_joint(corpus, steps))


def balanced_ensemble(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """`joint_ensemble` on a balanced encoder."""
    return balanced(joint_ensemble(corpus, steps))


def balanced_ensemble_weighted(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """`balanced_ensemble` whose encoder does not learn from the classifier's false negatives."""
    return balanced(joint_ensemble(corpus, steps), {"textcat": 0.0})


def single(corpus: BenchmarkCorpus, steps: int, **changes: Any) -> dict[str, Settings]:
    """Our component with one task, for each layer, trained on the file that has it."""
    return {
        layer: multitask(replace(corpus, train={layer: file}, train_all=file), steps, **changes)
        for layer, file in corpus.train.items()
    }


def multitask(corpus: BenchmarkCorpus, steps: int, **changes: Any) -> Settings:
    """Our component with its defaults, and classes as `init-config` sets them.

    changes: dotted paths with `__` for the dots.
    Raises typer.BadParameter for a change outside of the config's sections.
    """
    config = init_config(lang="en", pipeline=["tagger"], optimize="efficiency", silent=True)
    settings: Settings = config.interpolate()
    settings["nlp"]["pipeline"] = ["tok2vec", "multitask"]
    settings["components"] = {
        "tok2vec": {"factory": "balanced_tok2vec", "model": deepcopy(FAST_ENCODER)},
        "multitask": {
            "factory": "multitask",
            "model": {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": dict(LISTENER)},
            "tasks": {TASKS[layer][0]: dict(TASKS[layer][1]) for layer in corpus.layers},
        },
    }
    names = [SCORES[layer] for layer in corpus.layers]
    unused = dict.fromkeys(("tag_acc", "pos_acc", "morph_acc", "ents_f", "cats_score"))
    if "cats" in corpus.layers:
        settings["components"]["multitask"]["tasks"]["textcat"] = _classes(corpus)
    settings["training"]["score_weights"] = {**unused, **dict.fromkeys(names, 1 / len(names))}
    settings["training"]["optimizer"].update(OPTIMIZER)
    settings = with_data(settings, corpus, steps, corpus.train_all)
    if len(set(corpus.train.values())) > 1:
        _mix(settings, corpus)
    for path, value in changes.items():
        set_value(settings, path.split("__"), value)
    return settings


def _classes(corpus: BenchmarkCorpus) -> Settings:
    """The task of the only group of classes, as `init-config` writes it."""
    tasks: Settings = proposed(corpus, {})["components"]["multitask"]["tasks"]
    (block,) = (task for task in tasks.values() if task["@mtl_tasks"] == "spacy_mtl.TextCat.v2")
    return {setting: value for setting, value in block.items() if setting != "group"}


VARIANTS: dict[str, Settings] = {
    "multitask-stock-encoder": {"components__tok2vec": {"factory": "tok2vec", "model": ENCODER}},
    "multitask-dense-optimizer": {"training__optimizer__sparse_rows": False},
    "multitask-mean": {"components__multitask__loss_unit": "mean"},
    "multitask-sqrt": {"components__multitask__loss_unit": "sqrt"},
    "multitask-crf": {"components__multitask__tasks__ner__crf": True},
    "multitask-proportional": {"training__batcher__sampling": "proportional"},
    "multitask-stock-optimizer": {
        "training__optimizer__learn_rate": 0.001,
        "training__optimizer__use_averages": False,
    },
}


def _mix(settings: Settings, corpus: BenchmarkCorpus) -> None:
    """Read several training files as a mixture, in place of one after the other."""
    files = sorted(set(corpus.train.values()))
    settings["corpora"]["train"] = {
        "@readers": "spacy_mtl.MixedCorpus.v1",
        "corpora": {file.stem: _reader(file) for file in files},
    }
    settings["training"]["batcher"] = {
        **settings["training"]["batcher"],
        "@batchers": "spacy_mtl.MixtureBatches.v1",
        **SAMPLING,
    }
    del settings["training"]["batcher"]["get_length"]


def _reader(path: Path) -> Settings:
    return {"@readers": "spacy_mtl.GoldTokenCorpus.v1", "path": str(path), "max_length": 0}


def with_data(settings: Settings, corpus: BenchmarkCorpus, steps: int, train: Path) -> Settings:
    """Set the files and the number of steps."""
    for name, path in (("train", train), ("dev", corpus.dev)):
        settings["corpora"][name] = _reader(path)
    settings["training"].update(max_steps=steps, patience=0)
    return settings


def _with_ensemble(settings: Settings, name: str, *, exclusive: bool) -> Settings:
    settings["components"][name]["model"] = {
        "@architectures": "spacy.TextCatEnsemble.v2",
        "nO": None,
        "tok2vec": dict(LISTENER),
        "linear_model": {**BAG_OF_WORDS, "exclusive_classes": exclusive},
    }
    return settings


def set_value(settings: Settings, path: list[str], value: Any) -> None:
    """Change a setting. RAISES (typer.BadParameter): If it is in no section of the config."""
    *sections, key = path
    section: Any = settings
    for name in sections:
        section = section.get(name) if isinstance(section, dict) else None
    if not isinstance(section, dict):
        raise typer.BadParameter(
            "Expected to change a setting in a section of the config, such as "
            f"training.batcher.alpha, got {'.'.join(path)}."
        )
    section[key] = deepcopy(value)  # every config has its own
