"""The one table of layers: those of spaCy's own attributes, and all in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import catalogue

from ..errors import MTLError
from ..registry import registry
from .base import AnnotationLayer
from .cats import ClassLayer
from .dependencies import DependencyLayer
from .entities import EntityLayer
from .sentences import SentenceLayer
from .span_groups import SpanGroupLayer
from .tokens import LemmaLayer, MorphLayer, PosLayer, TagLayer, TokenLayer
from .values import ValueLayer

# In the order in which tables show them and JSON has them.
BUILT_IN: Mapping[str, AnnotationLayer] = MappingProxyType(
    {
        layer.name: layer
        for layer in (
            TagLayer("tag", "tags", "tags", "tagger", {}),
            PosLayer("pos", "parts of speech", "pos", "pos", {"attr": "POS"}),
            MorphLayer("morph", "morphological features", "morphs", "morph", {"attr": "MORPH"}),
            LemmaLayer(),
            DependencyLayer(),
            EntityLayer(),
            SentenceLayer(),
            SpanGroupLayer(),
            ClassLayer(),
            ValueLayer(),
        )
    }
)


# Fields in which JSON has the text, and those by which formats of annotation tools are known.
OTHER_FIELDS = frozenset(["text", "tokens", "ner_tags", "label", "labels", "answer"])


def _taken_fields() -> set[str]:
    return {*OTHER_FIELDS, *(field for layer in BUILT_IN.values() for field in layer.fields)}


class _Table:
    """The table as it was read, and by what one can tell that it is still complete."""

    def __init__(self) -> None:
        self._rows: Mapping[str, AnnotationLayer] | None = None
        self._registered: dict[tuple[str, ...], Any] = {}
        self._n_functions = 0
        self._made: dict[int, tuple[Any, AnnotationLayer]] = {}

    def rows(self) -> Mapping[str, AnnotationLayer]:
        if self._rows is None or not self._is_current():
            self._read()
        assert self._rows is not None
        return self._rows

    def _is_current(self) -> bool:
        """Whether nothing was registered since, looked at for every Doc: so by a few look-ups."""
        functions = catalogue.REGISTRY
        return len(functions) == self._n_functions and all(
            functions.get(key) is value for key, value in self._registered.items()
        )

    def _read(self) -> None:
        own = (*registry.mtl_layers.namespace,)
        functions = dict(catalogue.REGISTRY)
        registered = {key: value for key, value in functions.items() if key[:-1] == own}
        found = registry.mtl_layers.get_all()
        others = {name: self._layer(name, found[name]) for name in sorted(found)}
        rows = {**BUILT_IN, **others}
        for layer in rows.values():
            layer.register()
        self._rows = MappingProxyType(rows)
        self._registered, self._n_functions = registered, len(functions)

    def _layer(self, name: str, value: Any) -> AnnotationLayer:
        """A layer, or what a function that makes one gave when it was called first."""
        if id(value) not in self._made:
            layer = value() if callable(value) else value
            if not isinstance(layer, AnnotationLayer):
                raise MTLError(
                    f"Expected an AnnotationLayer, or a function that makes one, as '{name}' in "
                    f"the registry `mtl_layers`, got {layer!r}."
                )
            self._made[id(value)] = value, layer  # with the value, so that its id stays its own
        layer = self._made[id(value)][1]
        if taken := sorted(layer.fields.keys() & _taken_fields()):
            raise MTLError(
                f"Expected fields of JSON of its own for the layer '{name}', got "
                f"{', '.join(taken)}, which has another meaning. Give the layer another `field`."
            )
        if layer.name != name or name in BUILT_IN:
            raise MTLError(
                f"Expected a layer of the name that it is registered under, and none of "
                f"{', '.join(BUILT_IN)}, got '{layer.name}' under '{name}' in `mtl_layers`."
            )
        return layer


_TABLE = _Table()


def table() -> Mapping[str, AnnotationLayer]:
    """All layers by their names: the built-in ones, then others by name.

    It is read again when something was registered since, so that a layer in a file that a command
    gets as --code counts as well.

    RAISES (MTLError): If there is something else in the registry, or the attribute of a layer is
        taken.
    """
    return _TABLE.rows()


def layer_named(name: str) -> AnnotationLayer:
    """A row of the table.

    RAISES (MTLError): If there is no layer of this name.
    """
    rows = table()
    if name not in rows:
        raise MTLError(f"Expected a layer out of {', '.join(rows)}, got {name!r}.")
    return rows[name]


def token_layers() -> dict[str, TokenLayer]:
    """Those that are attributes of tokens."""
    return {name: layer for name, layer in table().items() if isinstance(layer, TokenLayer)}


def attributes() -> list[str]:
    """The token attributes by which a `.spacy` file has all of them."""
    return list(dict.fromkeys(attr for layer in table().values() for attr in layer.attrs))


def needs_user_data() -> bool:
    """Whether a `.spacy` file lacks a layer of the table if it has no user data."""
    return any(layer.in_user_data for layer in table().values())
