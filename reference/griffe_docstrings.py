"""Shows docstrings of this project as Markdown, with what they only refer to in its place."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

from griffe import Docstring, Extension, Object

from .docstrings import markdown

_REFERENCE = re.compile(r"See `(?P<name>[\w.]+)`(?P<rest>\.|: |; )")


class Docstrings(Extension):
    """An extension of griffe, which reads sources for mkdocstrings."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Replace the docstring of each method and property of this package."""
        if obj.parent is None or not obj.parent.is_class:
            return
        own = obj.docstring.value if obj.docstring else inherited(obj.path)
        if own:
            obj.docstring = Docstring(markdown(in_full(own, obj.path)), parent=obj)


def inherited(path: str) -> str | None:
    """What a class above says of a method or property; classes that are shown are imported."""
    kind, name = _class_of(path)
    return inspect.getdoc(getattr(kind, name, None)) if kind else None


def in_full(docstring: str, path: str) -> str:
    """The docstring, with that of a class or method in place of the reference to it."""
    match = _REFERENCE.match(docstring)
    if match is None:
        return docstring
    kind, name = _class_named(match["name"]), path.rpartition(".")[2]
    if kind is None:  # a method: `Balancer.reset`
        owner, _, name = match["name"].rpartition(".")
        kind = _class_named(owner)
    referred = inspect.getdoc(getattr(kind, name, None)) if kind else None
    if referred is None:
        return docstring
    rest = docstring[match.end() :].strip()
    return f"{referred}\n\n{rest[:1].upper()}{rest[1:]}".strip()


def _class_named(name: str) -> type | None:
    """A class of this package by its name or path."""
    module, _, name = name.rpartition(".")
    found = (
        getattr(loaded, name, None)
        for path, loaded in list(sys.modules.items())
        if path.startswith("spacy_mtl.") and module in ("", path)
    )
    return next((kind for kind in found if inspect.isclass(kind)), None)


def _class_of(path: str) -> tuple[type | None, str]:
    """The class that has a method or property, and its name in it."""
    owner, _, name = path.rpartition(".")
    module, _, kind = owner.rpartition(".")
    return getattr(sys.modules.get(module), kind, None), name
