"""Path names of a pipeline's parameters, by which a config can speak about them.

A path begins with the component. Then come the names under which the model refers to its parts
(`embed`, `encode`, a task's name), the number of a residual block, the kind of layer, and the
parameter: "tok2vec.encode.0.maxout.W", "multitask.ner.output.b". Layers of a kind that there are
several of in the same place are numbered: "tok2vec.embed.hashembed.3.E". A PyTorch model
continues with its own names: "transformer.encoder.layer.11.attention.self.query.weight".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from spacy.language import Language
from thinc.api import Model
from thinc.shims import Shim

from ..models.freezing import Owner, frozen_names, owners, parameter_names
from ..models.topologies.base import encoders
from ..pipeline.live import live_pipelines, multitasks

T = TypeVar("T")
Key = tuple[int, str]
_MANY = 60  # names in a message
# A block of a PyTorch model ("encoder.layer.0"), a layer of a recurrent one ("weight_hh_l0").
_TORCH_BLOCK = re.compile(r"((?:.+?\.)??\d+)\.|.+_(l\d+)(?:_reverse)?$")


@dataclass(frozen=True)
class Parameter:
    """A parameter and its place.

    name: its path. owner: the layer or PyTorch wrapper that has it, which calls it `local`.
    above: how many layers of the encoder lie above it, None outside of encoders.
    """

    name: str
    owner: Owner
    local: str
    above: int | None = None

    @property
    def key(self) -> Key:
        """What an optimizer calls it in this process."""
        return self.owner.id, self.local

    @property
    def frozen(self) -> bool:
        """Whether it is frozen, see `spacy_mtl.models.freezing`."""
        return self.local in frozen_names(self.owner)

    @property
    def has_value(self) -> bool:
        """Whether it has been initialized."""
        return isinstance(self.owner, Shim) or bool(self.owner.has_param(self.local))


def named_parameters(nlp: Language) -> list[Parameter]:
    """All parameters of a pipeline, in the order of components and, in each, of its layers.

    Encoders are the components that others listen to, and those inside a `multitask`. Their
    layers are their blocks: residual ones, or the numbered ones of a PyTorch model. Below these
    are the embeddings: all that comes before the first block, or has "embed" in its name. What
    comes behind the blocks counts with the last.
    """
    models = [(name, getattr(pipe, "model", None)) for name, pipe in nlp.components]
    named = [
        place
        for name, model in models
        if isinstance(model, Model)
        for place in _Namer(name, model).parameters()
    ]
    above: dict[str, int] = {}
    for model in encoder_models(nlp):
        inside = {id(owner) for owner in owners(model)}
        above.update(_depths([(p, block) for p, block in named if id(p.owner) in inside]))
    return [replace(p, above=above.get(p.name)) for p, _ in named]


def parameters_beside(key: Key) -> list[Parameter]:
    """All parameters of the pipeline of this process that has the one which an optimizer calls
    so, none if there is no such pipeline."""
    for nlp in live_pipelines():
        parameters = named_parameters(nlp)
        if any(parameter.key == key for parameter in parameters):
            return parameters
    return []


def encoder_models(nlp: Language) -> list[Model]:
    """The components that others listen to, and the encoders inside a `multitask`, listeners
    among them."""
    found = [pipe.model for pipe in upstream(nlp).values()]
    for pipe in multitasks(nlp).values():
        found += encoders(pipe.model).values()
    return found


def upstream(nlp: Language) -> dict[str, Any]:
    """The components that others listen to, by name."""
    return {name: pipe for name, pipe in nlp.components if getattr(pipe, "listeners", None)}


def below(model: Model, parameters: Iterable[Parameter]) -> list[Parameter]:
    """Those of the parameters that belong to a model."""
    inside = {id(owner) for owner in owners(model)}
    return [parameter for parameter in parameters if id(parameter.owner) in inside]


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern (`*`, `?`, `[...]`) fits a path or the beginning of it, up to a dot."""
    pattern = pattern.strip("\"'")
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def setting_for(name: str, settings: Mapping[str, T]) -> T | None:
    """What holds for a path: the value of the last of the patterns that fit, or None."""
    fitting = [value for pattern, value in settings.items() if matches(pattern, name)]
    return fitting[-1] if fitting else None


def unmatched(patterns: Iterable[str], parameters: Iterable[Parameter]) -> list[str]:
    """The patterns that fit none of the parameters."""
    names = [parameter.name for parameter in parameters]
    return [p for p in patterns if not any(matches(p, name) for name in names)]


def listed(parameters: Iterable[Parameter]) -> str:
    """The paths of their layers, for messages."""
    layers = list(dict.fromkeys(p.name.rpartition(".")[0] for p in parameters))
    more = f" and {len(layers) - _MANY} more" if len(layers) > _MANY else ""
    return (", ".join(layers[:_MANY]) or "none") + more


def _depths(encoder: Sequence[tuple[Parameter, str]]) -> dict[str, int]:
    """How many layers lie above each parameter, which come with the path of their block."""
    blocks = list(dict.fromkeys(block for _, block in encoder if block))
    above = {}
    reached = not blocks
    for parameter, block in encoder:
        reached = reached or bool(block)
        if block:
            above[parameter.name] = len(blocks) - 1 - blocks.index(block)
        elif not reached or "embed" in parameter.name.partition(".")[2].lower():
            above[parameter.name] = len(blocks) or 1
        else:
            above[parameter.name] = 0
    lowest = min(above.values(), default=0)
    return {name: number - lowest for name, number in above.items()}


@dataclass(frozen=True)
class _Place:
    """A layer with parameters: the path of the part that it is in, and the block."""

    path: str
    kind: str
    owner: Owner
    block: str


class _Namer:
    """Gives the parameters of a component their paths."""

    def __init__(self, component: str, model: Model) -> None:
        self._refs: dict[int, str] = {}
        for node in model.walk():  # from the top: a reference of a nearer parent counts
            for ref in node.ref_names:
                target = node.maybe_get_ref(ref)
                if target is not None and target is not node:
                    self._refs[target.id] = ref.rpartition(":")[2]
        self._residuals: Counter[str] = Counter()
        self._places: list[_Place] = []
        self._seen: set[int] = set()
        self._visit(model, component, "")
        self._kinds = Counter((place.path, place.kind) for place in self._places)

    def parameters(self) -> Iterator[tuple[Parameter, str]]:
        """Each with the path of the block that it is in, "" if it is in none."""
        numbers: Counter[tuple[str, str]] = Counter()
        for place in self._places:
            group = (place.path, place.kind)
            path = ".".join(part for part in group if part)
            if self._kinds[group] > 1:
                path += f".{numbers[group]}"
                numbers[group] += 1
            for local in parameter_names(place.owner):
                yield Parameter(f"{path}.{local}", place.owner, local), _block(place, local)

    def _visit(self, node: Model, path: str, block: str) -> None:
        if node.id in self._seen:
            return
        self._seen.add(node.id)
        named = node.id in self._refs
        if named:
            path = f"{path}.{self._refs[node.id]}"
        if not block and node.name.startswith("residual(") and len(node.layers) == 1:
            number = self._residuals[path]
            self._residuals[path] += 1
            path = block = f"{path}.{number}"
        if node.param_names:
            self._places.append(_Place(path, "" if named else node.name, node, block))
        self._places += [_Place(path, "", shim, block) for shim in node.shims]
        for layer in node.layers:
            self._visit(layer, path, block)


def _block(place: _Place, local: str) -> str:
    found = _TORCH_BLOCK.match(local) if isinstance(place.owner, Shim) else None
    if place.block or not found:
        return place.block
    return f"{place.path}.{found[1] or found[2]}"
