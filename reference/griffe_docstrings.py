"""Shows docstrings of this project as Markdown, and those of inherited methods where one has none."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from griffe import Docstring, Extension, Object

from .docstrings import markdown


class Docstrings(Extension):
    """An extension of griffe, which reads sources for mkdocstrings."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Replace the docstring of each object of this package."""
        if obj.is_class or obj.is_module:
            return
        own = obj.docstring.value if obj.docstring else _inherited(obj)
        if own:
            obj.docstring = Docstring(markdown(own), parent=obj)


def _inherited(obj: Object) -> str | None:
    """What a class above says of a method or property; classes that are shown are imported."""
    if obj.parent is None or not obj.parent.is_class:
        return None
    kind = getattr(sys.modules.get(obj.module.path), obj.parent.name, None)
    return inspect.getdoc(getattr(kind, obj.name, None)) if kind else None
