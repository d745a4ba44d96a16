"""One pipeline that decides as several of the same tasks do together."""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps
from typing import Any

from spacy.language import Language

from ..errors import MTLError, one_line
from ..models.topologies.base import head_of, resize_head
from ..models.topologies.ensemble import members_of
from ..pipeline.component import MultiTask
from ..pipeline.listeners import upstream_encoders
from ..pipeline.live import multitasks
from ..tasks.capable import Scaled
from .fitting import check_fitting, copied, made_of

_ARCHITECTURE = "spacy_mtl.Ensemble.v1"


def ensemble(pipelines: Mapping[str, Language]) -> Language:
    """A pipeline whose `multitask` averages the scores of those of all pipelines.

    Their encoders move into it. Temperatures are 1 and thresholds as configured, as the
    members' are of other probabilities: calibrate it anew. Settings are those of the first.

    pipelines: trained, by what messages call them.
    RAISES (MTLError): If they are not of the same tasks and labels, have other components, or
        languages, tokenizers or vectors differ.
    """
    check_fitting(pipelines)
    for title, nlp in pipelines.items():
        _only(title, nlp)
    pipelines = {title: copied(nlp) for title, nlp in pipelines.items()}  # to be taken apart
    each = list(pipelines.values())
    found = {title: _only(title, nlp) for title, nlp in pipelines.items()}
    _check_tasks(found)
    _check_settings(
        {title: _block(nlp, found[title].name)["tasks"] for title, nlp in pipelines.items()}
    )
    _check_labels(found)
    for nlp, component in zip(each, found.values(), strict=True):
        _move_encoders(nlp, component)
    config = each[0].config.copy()
    name = next(iter(found.values())).name
    blocks = [
        _block(nlp, component.name) for nlp, component in zip(each, found.values(), strict=True)
    ]
    members = {f"m{number}": block["model"] for number, block in enumerate(blocks)}
    model = {"@architectures": _ARCHITECTURE, "members": members}
    config["components"] = {name: {**blocks[0], "model": model}}
    config["nlp"]["pipeline"], config["nlp"]["disabled"] = [name], []
    config["training"].update(frozen_components=[], annotating_components=[], before_update=None)
    config["initialize"]["components"] = {}
    made = made_of(config, each)
    _fill(multitasks(made)[name], list(found.values()))
    return made


def _only(title: str, nlp: Language) -> MultiTask:
    """The one component of ours in a pipeline that has no other but encoders."""
    ours = multitasks(nlp)
    heard = {n for n, pipe in ours.items() for n in upstream_encoders(nlp, n, pipe.model)}
    others = [name for name in nlp.component_names if name not in ours and name not in heard]
    if len(ours) != 1 or others:
        raise MTLError(
            f"Expected in each pipeline of an ensemble one component 'multitask' and encoders "
            f"that it listens to, got in {title} {', '.join(nlp.component_names) or 'none'}. "
            "Merge other components in without --ensemble."
        )
    return next(iter(ours.values()))


def _check_tasks(components: Mapping[str, MultiTask]) -> None:
    (first, one), *others = components.items()
    for title, other in others:
        if other.auxiliary != one.auxiliary:
            raise MTLError(
                f"Expected the same auxiliary tasks in all pipelines, got "
                f"{', '.join(sorted(one.auxiliary)) or 'none'} in {first} and "
                f"{', '.join(sorted(other.auxiliary)) or 'none'} in {title}."
            )
        if set(other.tasks) != set(one.tasks):
            raise MTLError(
                f"Expected pipelines of the same tasks, got {', '.join(one.tasks)} in {first} and "
                f"{', '.join(other.tasks)} in {title}."
            )


def _check_settings(blocks: Mapping[str, Mapping[str, Any]]) -> None:
    """The blocks of tasks in the configs."""
    (first, one), *others = blocks.items()
    for title, other in others:
        for task, settings in one.items():
            differ = [
                f"{key} = {dumps(side.get(key))} in {name}"
                for key in sorted({*settings, *other[task]})
                if settings.get(key) != other[task].get(key)
                for name, side in ((first, settings), (title, other[task]))
            ]
            if differ:
                raise MTLError(
                    f"Expected the same settings of the task '{task}' in all pipelines, got "
                    f"{', '.join(differ)}. Train them with the same config."
                )


def _check_labels(components: Mapping[str, MultiTask]) -> None:
    (first, one), *others = components.items()
    for title, other in others:
        for task, labels in one.label_data.items():
            if set(other.label_data[task]) != set(labels):
                only = sorted(set(other.label_data[task]) ^ set(labels))
                raise MTLError(
                    f"Expected the same labels of '{task}' in all pipelines, got "
                    f"{', '.join(only[:5])} in {first} or {title} alone. Train them with the same "
                    f"[initialize.components.{one.name}.labels]."
                )


def _block(nlp: Language, component: str) -> dict[str, Any]:
    """Of the component in the config."""
    found: dict[str, Any] = nlp.config.interpolate()["components"][component]
    return found


def _move_encoders(nlp: Language, component: MultiTask) -> None:
    for upstream in list(upstream_encoders(nlp, component.name, component.model)):
        listeners = [
            f"model.{name}"
            for name in component.model.ref_names
            if getattr(component.model.maybe_get_ref(name), "upstream_name", None) is not None
        ]
        nlp.replace_listeners(upstream, component.name, listeners)


def _fill(component: MultiTask, members: list[MultiTask]) -> None:
    """Give the ensemble the members' numbers."""
    component.set_labels(members[0].label_data)
    for target, member in zip(members_of(component.model), members, strict=True):
        columns = {name: task.columns for name, task in member.labelled_tasks.items()}
        try:
            target.from_bytes(member.model.to_bytes())
        except (ValueError, KeyError) as error:
            raise MTLError(
                "Expected members with the same settings of tasks, such as `hidden_width`, as the "
                f"first, got others: {one_line(error)}. Train them with the same config."
            ) from error
        for name, task in component.labelled_tasks.items():
            if columns[name] != task.columns:  # the same in another order
                resize_head(target, name, columns[name], task.columns)
    for name, each in component.tasks.items():
        if isinstance(each, Scaled):
            heads = [head_of(target, name) for target in members_of(component.model)]
            each.share_unit([member.tasks[name] for member in members], heads)
