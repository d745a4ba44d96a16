"""What an optimizer knows about each parameter, under names that hold in any process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from thinc.api import Optimizer

from ..errors import MTLError
from ..models.freezing import torch_module
from ..state import State, joined, part_of
from .grouped import GroupedOptimizer
from .parameter_state import on_device, on_host, shim_paths
from .parameters import Parameter

COUNTS = ("nr_update", "last_seen")
MOMENTS = ("mom1", "mom2")


def optimizer_state(
    optimizer: Optimizer, parameters: dict[str, Parameter], outgrown: Collection[int] = ()
) -> State:
    """Moments, averages and numbers of updates; of ours also what rows of tables have missed.

    It changes nothing, while reading `averages` of ours brings all tables up to date. What is
    scheduled is no part of it: see `step_schedules`.

    outgrown: ids of layers that the pipeline has no more. What is known of them has no effect.
    """
    names = {parameter.key: name for name, parameter in parameters.items()}
    modules = _module_names(parameters)

    def named(entries: dict[Any, Any]) -> State:
        return _named({k: v for k, v in entries.items() if k[0] not in outgrown}, names)

    parts: dict[str, State] = {}
    for kind in COUNTS:
        parts[kind] = named({k: np.asarray(n) for k, n in getattr(optimizer, kind).items()})
    for kind in MOMENTS:
        parts[kind] = named({k: on_host(a) for k, a in getattr(optimizer, kind).items()})
    averages = {k: on_host(a) for k, a in _averages(optimizer).items()}
    of_modules = {k: averages.pop(k) for k in [*averages] if k in modules}
    parts["averages"] = named(averages)
    parts["module_averages"] = _named(of_modules, modules)
    buffer = [[np.nan if n is None else n for n in entry] for entry in optimizer._radam_buffer]
    parts["radam"] = {"buffer": np.asarray(buffer, dtype="float64")}
    if isinstance(optimizer, GroupedOptimizer):
        parts["rows"] = optimizer.row_state(names)
    return joined(parts)


def load_optimizer_state(
    optimizer: Optimizer, parameters: dict[str, Parameter], state: State
) -> None:
    """Set what `optimizer_state` gave, for a pipeline that has its parameters already."""
    keys = {name: parameter.key for name, parameter in parameters.items()}
    modules = {name: key for key, name in _module_names(parameters).items()}
    for kind in COUNTS:
        counts = getattr(optimizer, kind)
        counts.update({keys[n]: int(a) for n, a in part_of(state, kind).items()})
    for kind in MOMENTS:
        moments = getattr(optimizer, kind)
        moments.update({keys[n]: on_device(a) for n, a in part_of(state, kind).items()})
    averages: dict[Any, Any] = {}
    for kind, known in (("averages", keys), ("module_averages", modules)):
        averages.update({known[n]: on_device(a) for n, a in part_of(state, kind).items()})
    if isinstance(optimizer, GroupedOptimizer):
        optimizer.load_averages(averages)
    elif optimizer.averages is not None:
        optimizer.averages.update(averages)
    buffer = part_of(state, "radam")["buffer"].tolist()
    optimizer._radam_buffer = [[None if n != n else n for n in entry] for entry in buffer]
    if isinstance(optimizer, GroupedOptimizer):
        optimizer.load_row_state(parameters, part_of(state, "rows"))


def step_schedules(optimizer: Optimizer, steps: int) -> None:
    """Go on with the schedules of a new optimizer as after so many steps."""
    for _ in range(steps):
        optimizer.step_schedules()


def _averages(optimizer: Optimizer) -> dict[Any, Any]:
    if isinstance(optimizer, GroupedOptimizer):
        return optimizer.own_averages
    return optimizer.averages or {}


def _module_names(parameters: dict[str, Parameter]) -> dict[str, str]:
    """The names of what averages have under the keys by which thinc's wrappers look for it.

    These are keys beside the parameters' own: moments and counts are never under them.
    """
    names = {}
    for path, shim in shim_paths(parameters).items():
        module: Any = torch_module(shim)
        for name in module.state_dict():
            names[f"pytorch_{shim.id}_{name}"] = f"{path}.{name}"
    return names


def _named(entries: Mapping[Any, Any], names: Mapping[Any, str]) -> State:
    unknown = [key for key in entries if key not in names]
    if unknown:
        raise MTLError(
            f"Expected an optimizer of the pipeline's own parameters, got others too "
            f"({unknown[0]}), which no checkpoint can name. Train with `spacy train`."
        )
    return {names[key]: value for key, value in entries.items()}
