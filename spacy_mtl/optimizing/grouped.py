"""Adam with a learning rate for each part of a pipeline, and averages of constant decay."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from thinc.api import Optimizer, torch2xp
from thinc.optimizers import FloatOrSeq
from thinc.shims import Shim
from thinc.types import FloatsXd

from ..errors import MTLError
from ..models.freezing import torch_module
from ..state import State, joined, part_of
from .clipping import CommonNorm
from .pace import pace
from .parameter_state import value_of
from .parameters import Key, Parameter, listed, parameters_beside, setting_for, unmatched
from .row_adam import Rates, RowState, rows_with_gradient

_TABLE = 1024  # rows from which a parameter is a table


class GroupedOptimizer(Optimizer):
    """thinc's Adam or RAdam, with factors on the learning rate and averages of constant decay.

    With all factors 1 and no `average` it does exactly what thinc's does. spaCy's loop names a
    parameter by a number, so its path is looked up in the pipelines of this process; one that
    is in none has the factor 1, with a warning. See `optimizer` for the settings.
    """

    __slots__ = [
        "factors",
        "layer_decay",
        "average",
        "sparse_rows",
        "_averages",
        "_common_norm",
        "_factors",
        "_names",
        "_rows",
        "_shared",
        "_warned",
    ]

    def __init__(
        self,
        learn_rate: FloatOrSeq,
        factors: Mapping[str, float],
        layer_decay: float,
        average: float | None,
        sparse_rows: bool = False,
        clip_together: bool = False,
        **settings: Any,
    ) -> None:
        self._rows: dict[Key, RowState] = {}
        super().__init__(learn_rate, **settings)
        _check_rates(factors, layer_decay)
        if average is not None and (self._averages is None or not 0 <= average < 1):
            raise MTLError(
                "Expected `average` from 0 to below 1, together with `use_averages`, got "
                f"{average} and {self._averages is not None}."
            )
        self.factors = dict(factors)
        self.layer_decay = layer_decay
        self.average = average
        self.sparse_rows = sparse_rows
        self._factors: dict[Key, float] = {}
        self._names: dict[Key, list[str]] = {}  # of PyTorch parameters in the averages
        self._shared: set[str] = set()  # averages that are still the model's own memory
        self._warned = False
        self._common_norm = CommonNorm() if clip_together else None

    @property
    def clips_together(self) -> bool:
        """Whether all gradients of a component are clipped by their common norm."""
        return self._common_norm is not None

    @property
    def averages(self) -> Any:
        """The averages by parameter, or None. To read them brings all tables up to date."""
        self.flush()
        return self._averages

    @averages.setter
    def averages(self, averages: dict[Any, FloatsXd] | None) -> None:
        self._averages = averages

    def flush(self) -> None:
        """Bring all rows of all tables up to date: weights, moments and averages.

        Before `averages` are read, as spaCy's loop does to evaluate and to save, this is done by
        itself. Whoever reads the weights or moments in another way during training calls it
        first. Afterwards there is no more to an optimizer than without `sparse_rows`, but for the
        numbers of gradients from which the next moves are foreseen.
        """
        for state in self._rows.values():
            state.catch_up()

    def squares(self, key: Key) -> Any:
        """Adam's second moments of a parameter with all rows up to date, while everything stays as
        it is; None before its first step."""
        if key in self._rows:
            return self._rows[key].squares()
        return self.mom2.get(key)

    @property
    def own_averages(self) -> dict[Any, FloatsXd]:
        """The averages that do not share the model's memory, as they are: tables may lag behind."""
        averages = self._averages or {}
        return {key: array for key, array in averages.items() if key not in self._shared}

    def load_averages(self, averages: Mapping[Any, FloatsXd]) -> None:
        """Set what `own_averages` gave, by the keys of this process."""
        if self._averages is not None:
            self._averages.update(averages)
            for key in self.nr_update:
                self._factor(key)
            for first, *others in self._names.values():  # tied ones share an array
                self._averages.update(dict.fromkeys(others, self._averages[first]))

    def row_state(self, names: Mapping[Key, str]) -> State:
        """What rows of tables have missed, by the names of the parameters."""
        return joined({names[key]: rows.state() for key, rows in self._rows.items()})

    def load_row_state(self, parameters: Mapping[str, Parameter], state: State) -> None:
        """Set what `row_state` gave, when all else has been set."""
        for name in dict.fromkeys(entry.rpartition("/")[0] for entry in state):
            key = parameters[name].key
            weights = value_of(parameters[name])
            if isinstance(parameters[name].owner, Shim):
                weights = torch2xp(weights.data)
            average = (self._averages or {}).get(self._names.get(key, [key])[0])
            tables: Any = (weights, self.mom1[key], self.mom2[key], average)
            self._rows[key] = RowState(*tables)
            self._rows[key].load_state(part_of(state, name))

    def __call__(
        self, key: Key, weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        """Update a parameter. One whose factor is 0 stays as it is, without weight decay."""
        factor = self._factor(key) * pace(key)
        if not factor:
            gradient *= 0
            return weights, gradient
        before = self.grad_clip
        if self._common_norm is not None:
            clip = self._common_norm.factor(key, gradient, before)
            if clip is not None:
                gradient *= clip
                self.grad_clip = 0.0  # each by itself
        try:
            return self._step(key, weights, gradient, factor, lr_scale)
        finally:
            self.grad_clip = before

    def step_schedules(self) -> None:
        """Go on with all schedules, at the end of a step."""
        super().step_schedules()
        if self._common_norm is not None:
            self._common_norm.step()

    def _step(
        self, key: Key, weights: FloatsXd, gradient: FloatsXd, factor: float, lr_scale: float
    ) -> tuple[FloatsXd, FloatsXd]:
        if self.sparse_rows and self._step_on_rows(key, weights, gradient, factor * lr_scale):
            return weights, gradient
        learn_rate, averages, rows = self.learn_rate, self._averages, self._rows
        self.learn_rate = learn_rate * factor  # not by `lr_scale`, which RAdam passes over
        self._averages = averages if self.average is None else None
        self._rows = {}  # for thinc reads `averages`, without need of the other tables
        try:
            weights, gradient = super().__call__(key, weights, gradient, lr_scale=lr_scale)
        finally:
            self.learn_rate, self._averages, self._rows = learn_rate, averages, rows
        if self.average is not None:
            self._update_average(key, weights, self.average)
        return weights, gradient

    def _step_on_rows(self, key: Key, weights: Any, gradient: Any, scale: float) -> bool:
        """Update a table, with `scale` on the learning rate; False where that is not the way."""
        arrays, state = self._table(key, weights, gradient), self._rows.get(key)
        if arrays is not None and (state is None or state.weights.shape != weights.shape):
            state = self._rows[key] = RowState(*arrays)
        if state is None:
            return False
        if arrays is None:
            state.catch_up()
            return False
        rows, norm = rows_with_gradient(gradient)
        if not state.worthwhile(rows.size):
            state.catch_up()
            return False
        state.hold(*arrays)
        self.nr_update[key] += 1
        clip = self.grad_clip / norm if 0 < self.grad_clip <= norm else 1.0
        state.step(gradient, rows, clip, self._rates(self.nr_update[key], scale))
        return True

    def _table(self, key: Key, weights: Any, gradient: Any) -> tuple[Any, Any, Any, Any] | None:
        """A table's weights, moments and average; None for what always takes the usual step."""
        decay = not self.L2 or self.L2_is_weight_decay
        adam = not self.use_radam and 0 < self.b1**2 < self.b2 and self.eps > 0
        if not (adam and decay and _is_table(weights) and _is_table(gradient)):
            return None
        mom1, mom2 = self.mom1.get(key), self.mom2.get(key)
        average = (self._averages or {}).get(self._names.get(key, [key])[0])
        if mom1 is None or mom2 is None or (average is None) != (self._averages is None):
            return None  # its first step
        return (weights, mom1, mom2, average) if mom1.size == weights.size else None

    def _rates(self, step: int, scale: float) -> Rates:
        learn_rate, average = float(self.learn_rate * scale), 1.0
        if self.average is not None:
            average = self.average
        elif self._averages is not None:
            average = min((1 + step) / (10 + step), 0.9999)  # as thinc has it
        return Rates(
            learn_rate * (1 - self.b2**step) ** 0.5 / (1 - self.b1**step),
            float(np.float32(self.b1)),  # as thinc has them on the way
            float(np.float32(self.b2)),
            self.eps,
            kept=1 - learn_rate * self.L2,
            average=average,
        )

    def _factor(self, key: Key) -> float:
        plain = not self.factors and self.layer_decay == 1 and self.average is None
        if plain and self._common_norm is None:
            return 1.0
        if key not in self._factors:
            self._look_up(key)
        return self._factors[key]

    def known_factor(self, key: Key) -> float:
        """The factor of a parameter, 1 for one that has had no step yet. Changes nothing."""
        return self._factors.get(key, 1.0) * pace(key)

    def _look_up(self, key: Key) -> None:
        """Get to know all parameters of the pipeline that has this one."""
        parameters = parameters_beside(key)
        if not parameters:
            self._factors[key] = 1.0
            self._warn(f"Expected a parameter of a pipeline, got {key}: it has the factor 1.")
        elif unknown := unmatched(self.factors, parameters):
            self._warn(
                f"Expected patterns of layers as `factors`, got {', '.join(unknown)}, which fit "
                f"none. There are: {listed(parameters)}."
            )
        for parameter in parameters:
            own = setting_for(parameter.name, self.factors)
            decay = self.layer_decay ** (parameter.above or 0)
            self._factors[parameter.key] = decay * (1.0 if own is None else own)
        if self._common_norm is not None:
            self._common_norm.know(parameters)
        if self.average is not None:
            for shim in {p.owner for p in parameters if isinstance(p.owner, Shim)}:
                self._include(shim)

    def _warn(self, message: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(message, stacklevel=2)

    def _include(self, shim: Shim) -> None:
        """Prepare the averages for a PyTorch model, whose wrapper takes all or nothing of it.

        What does not learn is in them by itself, in arrays that share the model's memory.
        """
        averages: Any = self._averages
        prefix, module = f"pytorch_{shim.id}_", torch_module(shim)
        for name, tensor in module.state_dict().items():
            if f"{prefix}{name}" not in averages:
                averages[f"{prefix}{name}"] = torch2xp(tensor)
                self._shared.add(f"{prefix}{name}")
        tied: dict[int, list[str]] = {}
        for name, tensor in module.named_parameters(remove_duplicate=False):
            tied.setdefault(id(tensor), []).append(f"{prefix}{name}")
        for name, tensor in module.named_parameters():
            self._names[shim.id, name] = tied[id(tensor)]

    def _update_average(self, key: Key, weights: FloatsXd, decay: float) -> None:
        averages: Any = self._averages
        names: list[Any] = [*self._names.get(key, [key])]
        if names[0] not in averages or names[0] in self._shared:
            averages.update(dict.fromkeys(names, weights.copy()))
            self._shared.difference_update(names)
        else:
            averages[names[0]] += (1 - decay) * (weights - averages[names[0]])


def _check_rates(factors: Mapping[str, float], layer_decay: float) -> None:
    for pattern, factor in factors.items():
        if not math.isfinite(factor) or factor < 0:
            raise MTLError(f"Expected a factor of zero or more for '{pattern}', got {factor}.")
    if not 0 < layer_decay <= 1:
        raise MTLError(f"Expected `layer_decay` above 0 and up to 1, got {layer_decay}.")


def _is_table(array: Any) -> bool:
    return (
        isinstance(array, np.ndarray)
        and array.ndim == 2
        and len(array) >= _TABLE
        and array.dtype == np.float32
        and array.flags.c_contiguous
    )
