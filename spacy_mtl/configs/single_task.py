"""The configs that are compared: the joint one, one for each task alone with what it needs, and
variants."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any

from spacy.language import Language
from thinc.api import Config

from ..errors import MTLError
from ..models.topologies.base import named_corpora
from ..pipeline.live import multitasks, task_names, tasks_by_name
from ..pipeline.needs import with_needs
from ..pipeline.score_names import main_name, score_owner
from ..tasks.base import Task
from .partial import block_of, by_task, place_of, upstreams

Settings = dict[str, Any]
JOINT = "joint"
SINGLE = "single"
CONFLICT_EVERY = 10  # updates, so that the report can show how the gradients stand
_MIXTURE = "spacy_mtl.MixedCorpus.v1"
_SUBSET = "spacy_mtl.Subset.v1"


def single_name(task: str) -> str:
    """The name of the pipeline that has one task alone."""
    return f"{SINGLE}:{task}"


def tasks_of(nlp: Language) -> dict[str, tuple[str, Task]]:
    """Each task with the name of its component.

    RAISES (MTLError): If there are not two tasks at least, or two of the same name.
    """
    found = tasks_by_name(multitasks(nlp))
    for component, task in found.values():
        if task.name not in found:
            raise MTLError(
                f"Expected tasks of different names, got '{task.name}' in '{component}' and in "
                "another component. Rename one."
            )
    if len(found) < 2:
        raise MTLError(
            "Expected a config with two tasks or more in components with the factory 'multitask', "
            f"got {', '.join(found) or 'none'}: there is nothing to share."
        )
    return found


def check_comparable(config: Settings, nlp: Language) -> None:
    """Check that the tasks of a config can be taken apart.

    RAISES (MTLError): If a component is sourced from another pipeline, or one of another kind
        learns from the same encoder.
    """
    blocks = config["components"]
    own = {component for component, _ in tasks_of(nlp).values()}
    sourced = [name for name in sorted(own) if "tasks" not in blocks[name]]
    if sourced:
        raise MTLError(
            f"Expected the tasks of '{sourced[0]}' in its config, got a component from another "
            "pipeline (`source`). Write its block out, with factory and tasks."
        )
    encoders = {upstream for name in own for upstream in upstreams(blocks[name])}
    for name in config["nlp"]["pipeline"]:
        heard = set(upstreams(blocks[name])) if name not in own else set()
        if heard & encoders or "*" in heard or ("*" in encoders and heard):
            raise MTLError(
                f"Expected an encoder from which only tasks of 'multitask' learn, got '{name}', "
                "which would train it in every pipeline that is compared. Take it out of the "
                "config, or make it a task."
            )


def measured(config: Settings) -> Settings:
    """The config with the gradients' conflict measured, which does not change the training."""
    config = deepcopy(config)
    for block in config["components"].values():
        if block.get("factory") == "multitask" and not block.get("conflict_every"):
            block["conflict_every"] = CONFLICT_EVERY
    return config


def needed_with(nlp: Language, task: str) -> list[str]:
    """The other tasks that are trained with a task alone, because it needs them."""
    component = multitasks(nlp)[tasks_of(nlp)[task][0]]
    return [name for name in with_needs(component.needs, [task]) if name != task]


def single_task(
    config: Settings, nlp: Language, task: str, without: Mapping[str, Collection[str]]
) -> Settings:
    """The config of a pipeline that has one task alone with what it needs, on the same encoder.

    It reads those corpora of a mixture that have labels for these tasks, has no balancer, and
    chooses its best model by the task's own scores.

    nlp: the pipeline that the config makes.
    without: by task, the corpora of the mixture that say nothing about it.
    """
    config = deepcopy(config)
    places = tasks_of(nlp)
    component = places[task][0]
    kept = [task, *needed_with(nlp, task)]
    gone = [name for name in task_names(multitasks(nlp)) if name not in kept]
    pipe = multitasks(nlp)[component]
    blocks, initialize = config["components"], config["initialize"]["components"]
    before = set(blocks)
    blocks[component] = block_of(blocks[component], pipe, kept)
    blocks[component].pop("balancer", None)
    if component in initialize:
        initialize[component] = by_task(initialize[component], pipe.tasks, kept)
    _keep_component(config, component, {place for place, _ in places.values()})
    _keep_scores(config, task, {name: found for name, (_, found) in places.items()})
    silent = set.intersection(*(set(without.get(name, ())) for name in kept))
    silent -= {*named_corpora(pipe.model)}  # from which its topology learns
    _keep_corpora(config, gone, silent)
    removed = {(component, name) for name in gone} | {(name, None) for name in before - set(blocks)}
    _keep_training(config["training"], gone, removed)
    if len(kept) == 1:
        _stop_nothing(config["training"])
        _speak_plainly(blocks[component]["tasks"][task])
    return config


def at_fraction(
    config: Settings, fraction: float, seed: int, steps: int, frequency: int
) -> Settings:
    """The config with a part of its training data, trained for so many steps.

    Of a mixture, that part of each corpus. frequency: steps from one evaluation to the next.
    """
    config = deepcopy(config)
    config["training"].update(max_steps=steps, eval_frequency=frequency, patience=0)
    if fraction < 1:
        section, name = _place(config, config["training"]["train_corpus"])
        if section[name]["@readers"] == _MIXTURE:
            section, names = section[name]["corpora"], list(section[name]["corpora"])
        else:
            names = [name]
        for each in names:
            section[each] = {
                "@readers": _SUBSET,
                "reader": section[each],
                "fraction": fraction,
                "seed": seed,
            }
    return config


def _place(config: Settings, path: str) -> tuple[Settings, str]:
    *sections, key = path.split(".")
    section: Any = config
    for name in sections:
        section = section[name]
    return section, key


def _keep_component(config: Settings, kept: str, multitask: Collection[str]) -> None:
    """Take out the other components of ours, and the encoders that only they listened to."""
    blocks, pipeline = config["components"], config["nlp"]["pipeline"]
    gone = {name for name in multitask if name != kept}
    heard = {name: set(upstreams(block)) for name, block in blocks.items()}
    staying = set().union(*(heard[name] for name in pipeline if name not in gone))
    if "*" not in staying:
        gone |= set().union(*(heard[name] for name in gone)) - staying
    config["nlp"]["pipeline"] = [name for name in pipeline if name not in gone]
    for name in gone & set(blocks):
        del blocks[name]
        config["initialize"]["components"].pop(name, None)
    for setting in ("frozen_components", "annotating_components"):
        listed = config["training"].get(setting) or []
        config["training"][setting] = [name for name in listed if name not in gone]


def _keep_scores(config: Settings, task: str, tasks: Mapping[str, Task]) -> None:
    """Give the weight to the task's own scores; without any, to its main score."""
    weights = config["training"]["score_weights"]
    own = {
        key: weight
        for key, weight in weights.items()
        if weight is not None and score_owner(key, tasks) in (task, None)
    }
    total = sum(own.values())
    if total > 0:
        own = {key: weight / total for key, weight in own.items()}
    else:
        own[main_name(tasks[task])] = 1.0
    standard = Language.get_factory_meta("multitask").default_score_weights or {}
    unused = dict.fromkeys([*weights, *standard])
    config["training"]["score_weights"] = {**unused, **own}


def _keep_corpora(config: Settings, others: Collection[str], without: Collection[str]) -> None:
    """Take the other tasks, and corpora without labels, out of a mixture and its batches."""
    section, name = _place(config, config["training"]["train_corpus"])
    mixture = section[name]
    if mixture["@readers"] != _MIXTURE:
        return
    for setting in ("corpora", "layers", "labels", "sizes"):
        mixture[setting] = {
            corpus: value
            for corpus, value in (mixture.get(setting) or {}).items()
            if corpus not in without
        }
    mixture["labels"] = {
        corpus: {task: labels for task, labels in by_task.items() if task not in others}
        for corpus, by_task in mixture["labels"].items()
    }
    references = config["training"]["batcher"].get("references")
    if references:
        config["training"]["batcher"]["references"] = {
            task: value for task, value in references.items() if task not in others
        }


def _keep_training(
    training: Settings, gone: Collection[str], removed: Collection[tuple[str, str | None]]
) -> None:
    """Take the other tasks and their layers out of the settings of optimizer and callbacks.

    removed: components, and with the name of a task, heads in them.
    """
    optimizer, callback = (training.get(key) or {} for key in ("optimizer", "before_update"))
    for block, key in ((optimizer, "factors"), (callback, "layers")):
        if isinstance(block.get(key), dict):
            block[key] = {
                pattern: value
                for pattern, value in block[key].items()
                if (place := place_of(pattern)) not in removed and (place[0], None) not in removed
            }
    if isinstance(callback.get("tasks"), dict):
        callback["tasks"] = {n: own for n, own in callback["tasks"].items() if n not in gone}


def _stop_nothing(training: Settings) -> None:
    """Leave it to [training.patience] to stop a task that is alone."""
    callback = training.get("before_update") or {}
    if callback.get("patience") is None:
        return
    callback["patience"] = None
    if not any(callback.get(key) for key in ("encoder", "gradual", "layers", "tasks")):
        training["before_update"] = None


def _speak_plainly(task: Settings) -> None:
    """Leave the gradient into the encoder as it is: alone, there is nobody to speak beside."""
    if "encoder_gradient" in task:
        task["encoder_gradient"] = 1.0


def plain(config: Config, seed: int) -> Settings:
    """A config with all variables filled in, and every seed that follows [training] or [system]
    set to this one, as nested plain values."""
    seeded = Config(deepcopy(dict(config)))
    seeded.setdefault("system", {})["seed"] = seed
    seeded["training"]["seed"] = seed
    found: Settings = json.loads(json.dumps(seeded.interpolate()))
    return found
