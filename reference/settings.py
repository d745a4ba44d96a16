"""The settings of what is registered: type, default and meaning."""

from __future__ import annotations

import enum
import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from thinc.api import Model
from thinc.optimizers import FloatOrSeq

from .docstrings import meanings

REQUIRED = inspect.Parameter.empty
_SEE = re.compile(r"\b(?:[Ss]ee|of) `(\w+)`")
_NAMES = {Any: "any", NoneType: "null", Path: "path", Model: "model", None: "any"}


@dataclass(frozen=True)
class Setting:
    """A setting of a config block.

    default: `REQUIRED` if there is none.
    """

    name: str
    type: str
    default: Any
    meaning: str


def settings(target: Any, defaults: dict[str, Any] | None = None) -> list[Setting]:
    """The settings of a registered function or class.

    defaults: in place of the signature's; names that it lacks are no settings.
    """
    hints = _hints(target)
    found = []
    for name, parameter in inspect.signature(target).parameters.items():
        if defaults is not None and name not in defaults:
            continue
        default = parameter.default if defaults is None else defaults[name]
        found.append(Setting(name, type_text(hints.get(name)), default, meaning(target, name)))
    return found


def attributes(thing: Any) -> list[Setting]:
    """What an object has of all that its class describes, with its values."""
    said, hints = said_by(type(thing)), get_type_hints(type(thing))
    names = [name for name in said if hasattr(thing, name)]
    values = {name: getattr(thing, name) for name in names}
    return [
        Setting(name, type_text(hints.get(name, type(value))), value, said[name])
        for name, value in values.items()
    ]


def meaning(target: Any, name: str) -> str:
    """What is said of a setting: by the target, and by what it says is to be seen."""
    own = said_by(target).get(name, "")
    for match in _SEE.finditer(own):
        known = said_by(_globals(target).get(match.group(1)))
        if name in known:
            before, more = own[: match.start()].rstrip(" ,;"), known[name]
            return f"{before}. {more[:1].upper()}{more[1:]}" if before else more
    return own or said_by(returned_class(target)).get(name, "")


def type_text(annotation: Any) -> str:
    """A type as somebody needs it who writes a config."""
    if annotation == FloatOrSeq:
        return "float or schedule"
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(args[0])
    if origin in (Union, UnionType):
        return " or ".join(type_text(arg) for arg in args)
    if origin is Literal:
        return " or ".join(shown(arg) for arg in args)
    if origin is dict:
        return "dict" if args[1] is Any else f"dict of {type_text(args[1])}"
    if origin in (list, tuple):
        return f"list of {type_text(args[0])}"
    if origin is Callable:
        return "function"
    if inspect.isclass(annotation) and issubclass(annotation, enum.Enum):
        return " or ".join(shown(each) for each in annotation)
    kind = origin or annotation
    return _NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def shown(value: Any) -> str:
    """A value as a config has it."""
    if value is REQUIRED:
        return "required"
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, dict):
        registered = [named for key, named in value.items() if key.startswith("@")]
        return registered[0] if registered else json.dumps(value)
    if callable(value):
        return str(value.__name__)
    if isinstance(value, (set, frozenset)):
        value = sorted(value)
    return json.dumps(value, ensure_ascii=False)


def returned_class(target: Any) -> type | None:
    """The class whose objects a registered name makes, if it is one of this package."""
    kind = target if inspect.isclass(target) else _hints(target).get("return")
    if not callable(target):
        kind = type(target)
    kind = get_origin(kind) or kind
    ours = inspect.isclass(kind) and _package(kind) in ("spacy_mtl", _package(target))
    return kind if ours else None


def own_classes(kind: type) -> list[type]:
    """The class and those above it that are of the same package, nearest first."""
    return [each for each in kind.__mro__ if _package(each) == _package(kind)]


def said_by(thing: Any) -> dict[str, str]:
    """What the docstrings of a function, or of a class and those above it, say of settings."""
    if thing is None:
        return {}
    if not inspect.isclass(thing):
        return meanings(inspect.getdoc(thing))
    found: dict[str, str] = {}
    for each in reversed(own_classes(thing)):
        found.update(meanings(each.__doc__))
        found.update(meanings(vars(each).get("__init__", each).__doc__))
    return found


def _hints(target: Any) -> dict[str, Any]:
    function = target.__init__ if inspect.isclass(target) else target
    return get_type_hints(function, include_extras=True)


def _package(thing: Any) -> str:
    return str(thing.__module__).partition(".")[0]


def _globals(target: Any) -> dict[str, Any]:
    module = inspect.getmodule(target)
    return vars(module) if module else {}
