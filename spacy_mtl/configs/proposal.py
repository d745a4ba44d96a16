"""A training config for the annotation that there is.

The encoder's function and size and almost everything about training are what `spacy init config`
writes; in place of spaCy's components stands ours, with a task for each layer, and its
convolutional encoder is computed by ours, which is faster. What else differs was found better by
measurement: the optimizer's settings, the size of the first batches, and how several files are
mixed. Settings by name that stand empty have a section, which can be filled in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from spacy import util
from spacy.language import Language
from thinc.api import Config

from ..config_files import path_setting
from ..corpora.coverage import Coverage, combine, short_names
from ..corpora.findings import Finding
from ..corpora.layer_coverage import REJECTED, Layer
from ..errors import MTLError
from ..languages import blank
from ..layers import LayerCoverage
from ..layers.proposals import Block, identifier, unique
from ..pipeline.live import multitasks
from .encoder_blocks import with_fast_encoders
from .label_sets import label_set_notes
from .pretrained import recommended, set_recipe, transformer_block
from .proposed_tasks import (
    ProposedTask,
    of_long_texts,
    propose_tasks,
    unlearned,
    useless_files,
)
from .stopping import COMMENTS as STOPPING_COMMENTS
from .stopping import stopping
from .unset_layers import unset_layers

# What was measured to be better than the defaults of `spacy init config`, see docs/results.md.
OPTIMIZER: Block = {
    "@optimizers": "spacy_mtl.GroupedOptimizer.v1",
    "learn_rate": 0.003,
    "use_averages": True,
    "sparse_rows": True,
}
BATCH_START = 400  # words; a batch of 100, spaCy's first, often holds a single document
LOGGER: Block = {"@loggers": "spacy_mtl.ConsoleLogger.v1", "progress_bar": "eval"}
SAMPLING: Block = {"sampling": "temperature", "alpha": 0.6}
_PATH_NAMES = {"dev", "init_tok2vec", "labels", "vectors"}


@dataclass(frozen=True)
class Proposal:
    """A complete config, and what it rests on.

    corpora: The training files by the names that they have in the config.
    comments: Why settings are as they are, by their dotted paths.
    notes: What the config lacks, in words; after an empty line, what could be added to it.
    findings: What of it will hurt.
    """

    config: Config
    tasks: list[ProposedTask]
    corpora: dict[str, Coverage]
    comments: dict[str, str]
    notes: list[str]
    findings: list[Finding]


def propose(
    train: Sequence[Coverage],
    dev: Coverage,
    labels: Path | None = None,
    *,
    lang: str = "en",
    optimize: str = "efficiency",
    gpu: bool = False,
    encoder: str | None = None,
    transformer: str | None = None,
    main_task: str | None = None,
    names: Collection[str] = (),
) -> Proposal:
    """Propose a config that trains on these files as it is.

    train: The training files.
    dev: The file to choose the best model on.
    labels: The folder where each task's labels will be, as TASK.json; None to have them
        collected from the training files whenever the pipeline is initialized.
    lang: The language's code.
    optimize: "efficiency" or "accuracy", as for `spacy init config`.
    gpu: Whether the config is for a GPU; without `encoder`, spacy-transformers' encoder then.
    encoder: "cnn", "transformer" for a `TransformerEncoder`, or None.
    transformer: The folder or name of its weights; None for those that spaCy recommends.
    main_task: The only task that chooses the best model; None for all, with the same weight.
    names: The tasks to propose, out of those that the files have something to learn for; none for
        all. Training files that have nothing for them are left out.
    RAISES (MTLError): If there is nothing to learn or to choose by, no such language or task, or
        no package for transformers.
    """
    known = combine(train)
    pretrained = transformer is not None or encoder == "transformer"
    tasks = propose_tasks(known, combine([*train, dev]), pretrained, names)
    if not tasks:
        raise MTLError(
            f"Expected annotation with labels to learn in {_joined(train)}, got none. "
            "`spacy mtl inspect` shows what is there."
        )
    left_out = useless_files(train, tasks) if names else []
    train = [file for file in train if file not in left_out]
    scores = _scores(tasks, dev, main_task)
    stock = gpu and not pretrained and encoder is None
    config, notes = _base_config(lang, optimize, stock)
    comments = _comments(tasks)
    if pretrained:
        notes = []
        block = transformer_block(transformer or recommended(lang, optimize), gpu)
        _set_encoder(config, block)
        words = sum(file.tokens for file in train)
        comments.update(set_recipe(config, words, of_long_texts(tasks, known)))
    corpora = dict(zip(_corpus_names([file.path for file in train]), train, strict=True))
    notes += _notes(known, tasks, corpora)
    if left_out:
        notes.append(f"Left out, as these tasks learn nothing from it: {_joined(left_out)}.")
    _set_corpora(config, corpora, dev)
    _set_tasks(config, tasks, labels)
    config["training"]["logger"] = LOGGER
    config["training"]["score_weights"] = _score_weights(scores, main_task)
    nlp = util.load_model_from_config(config, auto_fill=True)
    filled = nlp.config
    if filled["paths"]["train"] is None:  # the training files have names of their own
        del filled["paths"]["train"]
    made = multitasks(nlp)["multitask"].tasks
    if not (stock or pretrained):  # distillation keeps copies of an encoder, too large here
        filled["training"]["before_update"] = stopping(made, scores)
    findings = [*unset_layers(made, {task.layer.kind for task in tasks})]
    return Proposal(filled, tasks, corpora, comments, notes, findings)


def _comments(tasks: Sequence[ProposedTask]) -> dict[str, str]:
    where = "components.multitask.tasks"
    return STOPPING_COMMENTS | {
        f"{where}.{task.name}.{setting}": comment
        for task in tasks
        for setting, comment in task.comments.items()
    }


def _scores(tasks: Sequence[ProposedTask], dev: Coverage, main_task: str | None) -> dict[str, str]:
    """The main score of each task that dev has annotation for.

    RAISES (MTLError): If there is none to choose the best model by, or not that of the main task.
    """
    scores = {task.name: task.score for task in tasks if task.layer in dev.layers}
    if not scores:
        raise MTLError(
            f"Expected in {dev.path} some of what the training files have "
            f"({', '.join(str(task.layer) for task in tasks)}), to choose the best model by, "
            f"got {', '.join(map(str, dev.layers)) or 'nothing'}."
        )
    if main_task is not None and main_task not in scores:
        raise MTLError(
            f"Expected as the main task one that {dev.path} has annotation for "
            f"({', '.join(scores)}), got '{main_task}'."
        )
    return scores


def _notes(
    known: Mapping[Layer, LayerCoverage],
    tasks: Sequence[ProposedTask],
    corpora: Mapping[str, Coverage],
) -> list[str]:
    """What the training files have that the tasks do not learn, or learn with a risk."""
    learned = {task.name: task.layer for task in tasks if task.settings.get("exclusive", True)}
    notes = label_set_notes(learned, corpora)
    if others := unlearned(known):
        notes.append(
            f"No task here learns {', '.join(others)}, which the training files have as well. "
            "Components of spaCy's own can, or a task of yours."
        )
    accepted = any(layer.kind == "ents" and found.labels for layer, found in known.items())
    if REJECTED in known and not accepted:
        notes.append(
            "The training files have rejected spans, but no entities that were accepted, so that "
            "no task learns from them. Add some."
        )
    return notes


def _score_weights(scores: Mapping[str, str], main_task: str | None) -> dict[str, float | None]:
    """The same weight for all, or 1 for the main task."""
    unused = dict.fromkeys(Language.get_factory_meta("multitask").default_score_weights or ())
    if main_task is None:
        weights = dict.fromkeys(scores.values(), 1 / len(scores))
    else:
        weights = {key: float(task == main_task) for task, key in scores.items()}
    return {**unused, **weights}


def _base_config(lang: str, optimize: str, gpu: bool) -> tuple[Config, list[str]]:
    """What `spacy init config` writes, with our component and encoder in place of spaCy's."""
    from spacy.cli.init_config import init_config  # all of spaCy's commands come with it

    if gpu and find_spec("spacy_transformers") is None:
        raise MTLError(
            "Expected spacy-transformers, which a config for the GPU needs, got no such package. "
            'Install it with: pip install "spacy-mtl[spacy-transformers]"'
        )
    blank(lang)
    config = init_config(lang=lang, pipeline=["tagger"], optimize=optimize, gpu=gpu)
    listener = config["components"].pop("tagger")["model"]["tok2vec"]
    encoder = config["nlp"]["pipeline"][0]
    notes = []
    if encoder == "tok2vec":
        notes = _require_vectors(config)
        config["components"]["tok2vec"]["factory"] = "balanced_tok2vec"
        config, _ = with_fast_encoders(config)
        config["training"]["optimizer"].update(OPTIMIZER)
        config["training"]["batcher"]["size"]["start"] = BATCH_START
    listener["upstream"] = encoder
    config["nlp"]["pipeline"] = [encoder, "multitask"]
    config["components"]["multitask"] = {
        "factory": "multitask",
        "model": {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": listener},
        "balancer": {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {}},
    }
    # A variable that names a component would make the pipeline unreadable without that component.
    config["components"] = config.interpolate()["components"]
    return config, notes


def _set_encoder(config: Config, block: Block) -> None:
    """Another model for the encoder, and its width for what listens to it."""
    config["components"]["tok2vec"]["model"] = block
    config["components"]["multitask"]["model"]["tok2vec"]["width"] = block["width"]
    config["paths"]["vectors"] = None


def _require_vectors(config: Config) -> list[str]:
    """Let the encoder do without word vectors where there are none, with a note if there could."""
    embed = config["components"]["tok2vec"]["model"]["embed"]
    vectors = config["paths"]["vectors"]
    if vectors and util.is_package(vectors):
        return []
    config["paths"]["vectors"] = None
    embed["include_static_vectors"] = False
    if not vectors:
        return []
    return [
        f"The package {vectors}, whose word vectors spaCy recommends for accuracy, is not "
        "installed, so the config does without. Install it (spacy download "
        f"{vectors}) and run this command again to use them."
    ]


def _set_tasks(config: Config, tasks: Sequence[ProposedTask], labels: Path | None) -> None:
    config["components"]["multitask"]["tasks"] = {task.name: task.settings for task in tasks}
    if labels is None:
        return
    folder = path_setting(labels)
    if "$" not in folder:  # else a variable with more behind it is not filled in rightly
        config["paths"]["labels"] = folder
        folder = "${paths.labels}"
    # Without `require`, tasks whose file is not found would be initialized with other labels.
    config["initialize"]["components"]["multitask"] = {
        "labels": {
            task.name: {
                "@readers": "spacy.read_labels.v1",
                "path": f"{folder}/{task.name}.json",
                "require": True,
            }
            for task in tasks
            if task.labels
        }
    }


def _set_corpora(config: Config, corpora: Mapping[str, Coverage], dev: Coverage) -> None:
    """Name the files in [paths], and mix the training files, be it one."""
    paths = {name: path_setting(file.path) for name, file in corpora.items()}
    config["paths"].update(paths, dev=path_setting(dev.path))
    reader = config["corpora"]["train"]
    config["corpora"]["train"] = {
        "@readers": "spacy_mtl.MixedCorpus.v1",
        "corpora": {name: {**reader, "path": f"${{paths.{name}}}"} for name in corpora},
        "layers": {},
        "labels": {},
        "sizes": {},
    }
    if len(corpora) == 1:
        return
    config["corpora"]["train"]["layers"] = {
        name: list(dict.fromkeys(layer.kind for layer in file.layers))
        for name, file in corpora.items()
    }
    batcher = config["training"]["batcher"]
    if batcher["@batchers"] == "spacy.batch_by_words.v1":
        batcher.pop("get_length")
        batcher.update(
            {
                "@batchers": "spacy_mtl.MixtureBatches.v1",
                **SAMPLING,
                "seed": "${training.seed}",
                "references": {},
            }
        )


def _corpus_names(paths: Sequence[Path]) -> list[str]:
    """A name for each file, which `[paths]` and an override on the command line can have."""
    if len(paths) == 1:
        return ["train"]
    names: list[str] = []
    for name in short_names(paths):
        name = identifier(name.removesuffix(".spacy")) or "corpus"
        names.append(unique(name, {*names, *_PATH_NAMES}))
    return names


def _joined(files: Sequence[Coverage]) -> str:
    return ", ".join(str(file.path) for file in files)
