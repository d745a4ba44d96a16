"""Which layers are frozen at which step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from spacy.language import Language
from thinc.api import Model

from ..errors import MTLError
from ..models.freezing import Owner, frozen_names, set_frozen
from ..models.topologies.base import encoders
from ..pipeline.live import multitasks
from .parameters import (
    Parameter,
    below,
    listed,
    named_parameters,
    setting_for,
    unmatched,
    upstream,
)


class FreezingPlan:
    """At which step each parameter of a pipeline begins to learn.

    encoder, gradual, layers: see `spacy_mtl.optimizing.unfreeze.create_unfreeze`.
    RAISES (MTLError): For an encoder or layers that the pipeline does not have.
    """

    def __init__(
        self, nlp: Language, encoder: int, gradual: int, layers: Mapping[str, int]
    ) -> None:
        parameters = named_parameters(nlp)
        _check(nlp, parameters, encoder or gradual, layers)
        self._begins: dict[Parameter, int] = {}
        for parameter in parameters:
            begin = setting_for(parameter.name, layers)
            if begin is None and parameter.above is not None:
                begin = encoder + parameter.above * gradual
            if begin is not None:
                self._begins[parameter] = begin
        self._beginnings = sorted({begin for begin in self._begins.values() if begin > 0})

    def stage(self, step: int) -> int:
        """A number that is the same for steps at which the same parameters wait."""
        return bisect_right(self._beginnings, step)

    def apply(
        self, nlp: Language, step: int, idle: Set[str], protected: Iterable[Parameter]
    ) -> None:
        """Freeze what waits for its step, what stands above idle components alone, and what is
        protected; let all else learn that the plan knows."""
        parameters, components = named_parameters(nlp), multitasks(nlp)
        above = {name: set(pipe.listening_components) for name, pipe in upstream(nlp).items()}
        of = {name: below(pipe.model, parameters) for name, pipe in upstream(nlp).items()}
        frozen = {p for p, begin in self._begins.items() if begin < 0 or step < begin}
        frozen.update(p for name in of if above[name] <= idle for p in of[name])
        frozen.update(protected)
        _set(self._begins, frozen)
        for name, component in components.items():
            component.frozen_encoders = {
                encoder
                for encoder, node in encoders(component.model).items()
                if all(p.frozen for p in _heard(nlp, name, node, of))
                and (name in idle or all(p.frozen for p in below(node, parameters)))
            }


def _check(
    nlp: Language, parameters: Sequence[Parameter], waits: int, layers: Mapping[str, int]
) -> None:
    unknown = unmatched(layers, parameters)
    if unknown:
        raise MTLError(
            f"Expected names of layers in [training.before_update.layers], got "
            f"{', '.join(unknown)}. There are: {listed(parameters)}."
        )
    if waits and all(p.above is None for p in parameters):
        raise MTLError(
            "Expected an encoder for `encoder` and `gradual` of [training.before_update]: a "
            f"component that others listen to, or a multitask. There are: {nlp.pipe_names}."
        )


def _set(parameters: Iterable[Parameter], frozen: set[Parameter]) -> None:
    """Freeze some of these parameters and let the others learn."""
    by_owner: dict[Owner, list[Parameter]] = {}
    for parameter in parameters:
        by_owner.setdefault(parameter.owner, []).append(parameter)
    for owner, own in by_owner.items():
        others = frozen_names(owner) - {parameter.local for parameter in own}
        set_frozen(owner, others | {p.local for p in own if p in frozen})


def _heard(
    nlp: Language, component: str, encoder: Model, of: Mapping[str, list[Parameter]]
) -> Iterator[Parameter]:
    """The parameters of the components that an encoder listens to. of: by component."""
    inside = {id(node) for node in encoder.walk()}
    for name, pipe in upstream(nlp).items():
        if any(id(listener) in inside for listener in pipe.listener_map.get(component, ())):
            yield from of[name]
