"""A training config with one encoder for each group of tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from thinc.api import Config

from ..errors import MTLError
from ..tasks.base import Task

Block = dict[str, Any]


def grouped_config(
    config: Config,
    component: str,
    encoder: str | None,
    tasks: Mapping[str, Task],
    groups: Sequence[Sequence[str]],
) -> Config:
    """The config with `encoder` and `component` once for each group, which has its tasks alone.

    The copies are called `tok2vec_1`, `multitask_1` and so on. What refers to the components
    follows: listeners, variables, patterns of layers, lists of names, labels and weights of tasks,
    and scores that tasks of several groups would have under the same name. Other components that
    listen to the encoder listen to the last copy. All else is as it was; with one group, all.
    Each component stands before the next encoder, as encoders hand on their vectors in the same
    place, `Doc.tensor`.

    config: complete, not interpolated. encoder: None if the component has its own.
    tasks: of the component.
    RAISES (MTLError): If a name is taken.
    """
    if len(groups) == 1:
        return config.copy()
    originals = [name for name in (encoder, component) if name is not None]
    copies = {name: [f"{name}_{i + 1}" for i in range(len(groups))] for name in originals}
    _check_free(config, [name for names in copies.values() for name in names])
    plain: Block = deepcopy(dict(config))
    last = {name: new[-1] for name, new in copies.items()}
    result: Block = _renamed(plain, last)
    for section, old in ((result, plain), (result["initialize"], plain["initialize"])):
        section["components"] = {}
        for name, block in old["components"].items():
            for i, group in enumerate(groups):
                names = {original: new[i] for original, new in copies.items()}
                if name not in copies and names != last:
                    continue
                own = _only(block, tasks, group) if name == component else block
                section["components"][names.get(name, name)] = _renamed(own, names)
    _rename_lists(result, copies)
    _rename_patterns(result["training"], component, copies, groups)
    _rename_scores(result["training"], tasks, groups)
    return Config(result, section_order=config.section_order)


def _check_free(config: Config, names: Sequence[str]) -> None:
    if taken := [name for name in names if name in config["components"]]:
        raise MTLError(
            f"Expected the names {', '.join(names)} to be free for the components of the groups, "
            f"got a config that has {', '.join(taken)}. Rename these."
        )


def _only(value: Any, tasks: Mapping[str, Task], group: Sequence[str]) -> Any:
    """A block of the component; what is by task (tasks, labels, weights) for these alone."""
    if not isinstance(value, dict):
        return value
    by_task = value.keys() <= tasks.keys()
    kept = [key for key in value if not by_task or key in group]
    return {key: _only(value[key], tasks, group) for key in kept}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """With other components behind variables and listeners, whose `upstream` may be "*"."""
    if isinstance(value, dict):
        renamed = {key: _renamed(inner, names) for key, inner in value.items()}
        upstream = renamed.get("upstream")
        if upstream == "*" and len(names) > 1:  # else the component has an encoder of its own
            renamed["upstream"] = next(iter(names.values()))
        elif isinstance(upstream, str) and upstream in names:
            renamed["upstream"] = names[upstream]
        return renamed
    if isinstance(value, list):
        return [_renamed(inner, names) for inner in value]
    if isinstance(value, str):
        return _in_variables(value, lambda name: names.get(name, name))
    return value


def _in_variables(text: str, rename: Callable[[str], str]) -> str:
    """Rename the components in ${components.NAME.x} and ${initialize.components.NAME.x}."""
    return re.sub(
        r"(\$\{(?:initialize\.)?components\.)([^.:}]+)",
        lambda match: match[1] + rename(match[2]),
        text,
    )


def _rename_lists(config: Block, copies: Mapping[str, Sequence[str]]) -> None:
    """Let all copies stand where the names stood; pretraining is of the last.

    In the pipeline, the last stand there, and before them the others, each with its encoder.
    """
    training, nlp = config["training"], config["nlp"]
    *others, last = (
        dict(zip(copies, names, strict=True)) for names in zip(*copies.values(), strict=True)
    )
    start = min(nlp["pipeline"].index(name) for name in copies)
    nlp["pipeline"] = [last.get(name, name) for name in nlp["pipeline"]]
    nlp["pipeline"][start:start] = [name for names in others for name in names.values()]
    listed = [(nlp, "disabled")]
    listed += [(training, key) for key in ("frozen_components", "annotating_components")]
    for section, key in listed:
        if isinstance(section.get(key), list):
            section[key] = [new for name in section[key] for new in copies.get(name, [name])]
    pretraining = config.get("pretraining") or {}
    if pretraining.get("component") in copies:
        pretraining["component"] = copies[pretraining["component"]][-1]


def _rename_patterns(
    training: Block,
    component: str,
    copies: Mapping[str, Sequence[str]],
    groups: Sequence[Sequence[str]],
) -> None:
    """Paths of layers, by which optimizers and callbacks of this package have settings."""
    for section, key in (("optimizer", "factors"), ("before_update", "layers")):
        block = training.get(section)
        if not isinstance(block, dict) or not isinstance(block.get(key), dict):
            continue
        renamed: Block = {}
        for pattern, value in block[key].items():
            quote = pattern[0] if pattern[0] in "\"'" else ""
            name, dot, path = pattern.strip(quote or " ").partition(".")
            task = path.partition(".")[0]
            for new, group in zip(copies.get(name, [name]), groups, strict=False):
                other = any(task in tasks for tasks in groups) and task not in group
                if not (name == component and name in copies and other):
                    renamed[f"{quote}{new}{dot}{path}{quote}"] = value
        block[key] = renamed


def _rename_scores(
    training: Block, tasks: Mapping[str, Task], groups: Sequence[Sequence[str]]
) -> None:
    """Choose by a task's own scores where components would give several the same name.

    Within one component, the standard name ("cats_score") is that of the first task of its kind.
    """
    weights = training.get("score_weights")
    if not isinstance(weights, dict):
        return
    renamed: Block = {}
    for key, weight in weights.items():
        owners = [name for name, task in tasks.items() if task.own_key(key) != key]
        shared = sum(any(name in group for name in owners) for group in groups) > 1
        if not shared or key.startswith(tuple(f"{name}_" for name in tasks)):
            renamed[key] = weight
        else:
            renamed[key] = None
            if weight is not None:
                own = f"{owners[0]}_{tasks[owners[0]].own_key(key)}"
                renamed[own] = (renamed.get(own) or 0.0) + weight
    training["score_weights"] = renamed
