"""A training config with one encoder for each group of tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from spacy.language import Language
from thinc.api import Config

from ..affinity.observe import learning_multitask
from ..errors import MTLError
from ..pipeline.component import MultiTask
from ..pipeline.listeners import upstream_encoders
from ..pipeline.score_names import component_score, named_owner, own_name, standard_owners
from .partial import block_of, by_task, place_of, upstreams

Block = dict[str, Any]


def grouped_config(nlp: Language, groups: Sequence[Sequence[str]]) -> Config:
    """The pipeline's config with its `multitask` and the encoders that this one listens to once for
    each group, which has its tasks alone.

    The copies are called `tok2vec_1`, `multitask_1` and so on. What refers to the components
    follows: listeners, variables, patterns of layers, lists of names, labels and weights of tasks,
    and scores that tasks of several groups would have under the same name. Other components that
    listen to the encoder listen to the last copy. All else is as it was; with one group, all.
    Each component stands before the next encoder, as encoders hand on their vectors in the same
    place, `Doc.tensor`. A topology has all its encoders in each copy.

    groups: of tasks, none of which needs one of another group.
    RAISES (MTLError): If a name is taken, or a listener to one of several
        encoders does not name it.
    """
    config = nlp.config
    if len(groups) == 1:
        return config.copy()
    component = learning_multitask(nlp)
    encoders = list(upstream_encoders(nlp, component.name, component.model))
    originals = [*encoders, component.name]
    _check_upstreams(config["components"][component.name]["model"], component.name, encoders)
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
                own = _only(block, component, group) if name == component.name else block
                section["components"][names.get(name, name)] = _renamed(own, names)
    _rename_lists(result, copies)
    _rename_patterns(result["training"], component.name, copies, groups)
    _rename_scores(result["training"], component, copies[component.name], groups)
    return Config(result, section_order=config.section_order)


def _check_upstreams(block: Any, component: str, encoders: Sequence[str]) -> None:
    """Listeners that take what comes ("*") would hear all copies of several encoders."""
    if len(encoders) > 1 and "*" in upstreams(block):
        raise MTLError(
            f"Expected in [components.{component}.model] listeners that name one of the encoders "
            f"{', '.join(encoders)} as `upstream`, to give each group its own, got '*'."
        )


def _only(block: Block, component: MultiTask, group: Sequence[str]) -> Block:
    """A block of the component for these tasks alone, in [components] or [initialize]."""
    if "factory" in block:
        return block_of(block, component, group)
    found: Block = by_task(block, component.tasks, group)
    return found


def _check_free(config: Config, names: Sequence[str]) -> None:
    if taken := [name for name in names if name in config["components"]]:
        raise MTLError(
            f"Expected the names {', '.join(names)} to be free for the components of the groups, "
            f"got a config that has {', '.join(taken)}. Rename these."
        )


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """With other components behind variables and listeners, whose `upstream` may be "*"."""
    if isinstance(value, dict):
        renamed = {key: _renamed(inner, names) for key, inner in value.items()}
        upstream = renamed.get("upstream")
        if upstream == "*" and len(names) == 2:  # one encoder and the component
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
            name, part = place_of(pattern)
            for new, group in zip(copies.get(name, [name]), groups, strict=False):
                other = any(part in tasks for tasks in groups) and part not in group
                if not (name == component and name in copies and other):
                    renamed[pattern.replace(name, new, 1)] = value
        block[key] = renamed


def _rename_scores(
    training: Block,
    component: MultiTask,
    copies: Sequence[str],
    groups: Sequence[Sequence[str]],
) -> None:
    """Choose by a task's own scores where components would give several the same name.

    Within one component, the standard name ("cats_score") is that of the first task of its kind.
    The weight of the component's one score is that of the copies', by their numbers of tasks.
    """
    tasks = component.tasks
    weights = training.get("score_weights")
    if not isinstance(weights, dict):
        return
    renamed: Block = {}
    for key, weight in weights.items():
        if component.selection is not None and key == component_score(component.name):
            for copy, group in zip(copies, groups, strict=True):
                share = None if weight is None else weight * len(group) / len(tasks)
                renamed[component_score(copy)] = share
            continue
        owners = standard_owners(key, tasks)
        shared = sum(any(name in group for name in owners) for group in groups) > 1
        if not shared or named_owner(key, tasks):
            renamed[key] = weight
        else:
            renamed[key] = None
            if weight is not None:
                own = own_name(tasks[owners[0]], key)
                renamed[own] = (renamed.get(own) or 0.0) + weight
    training["score_weights"] = renamed
