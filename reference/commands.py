"""The commands of `spacy mtl`: their arguments, options and help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, get_type_hints

from typer import Typer
from typer.models import ArgumentInfo, OptionInfo, ParameterInfo

from .docstrings import outside_code
from .entries import command_app
from .settings import REQUIRED, Setting, shown, type_text


@dataclass(frozen=True)
class Command:
    """A command: its words behind `spacy`, and the function that it runs."""

    words: tuple[str, ...]
    function: Callable[..., Any]
    takes_overrides: bool

    @property
    def page(self) -> str:
        """Its page below docs."""
        return f"reference/commands/{'-'.join(self.words[1:])}.md"

    @property
    def usage(self) -> str:
        """How it is called."""
        arguments = [setting.name for setting in self.arguments]
        overrides = ["[--SECTION.KEY VALUE ...]"] if self.takes_overrides else []
        needed = [f"{o.name.split(',')[0]} ..." for o in self.options if o.default is REQUIRED]
        return " ".join(
            ["python -m spacy", *self.words, *arguments, *needed, "[OPTIONS]", *overrides]
        )

    @property
    def arguments(self) -> list[Setting]:
        """What is given by its place."""
        return [
            Setting(info.metavar or name.upper(), kind, default, _plain(info.help))
            for name, info, kind, default in self._parameters
            if isinstance(info, ArgumentInfo)
        ]

    @property
    def options(self) -> list[Setting]:
        """What is given by its name."""
        return [
            Setting(_option_names(name, info, kind), kind, default, _plain(info.help))
            for name, info, kind, default in self._parameters
            if isinstance(info, OptionInfo) and not info.hidden
        ]

    @cached_property
    def _parameters(self) -> list[tuple[str, ParameterInfo, str, Any]]:
        hints = get_type_hints(self.function, include_extras=True)
        found = []
        for name, parameter in inspect.signature(self.function).parameters.items():
            for info in getattr(hints[name], "__metadata__", ()):
                if isinstance(info, ParameterInfo):
                    default = _default(parameter.default, info)
                    found.append((name, info, _type(hints[name], info), default))
        return found


@cache
def commands() -> tuple[Command, ...]:
    """All of them, by name."""
    found = _commands(command_app(), ("mtl",))
    return tuple(sorted(found, key=lambda command: command.words))


def _commands(app: Typer, words: tuple[str, ...]) -> Iterator[Command]:
    for info in app.registered_commands:
        if info.callback and not info.hidden:
            name = info.name or info.callback.__name__.replace("_", "-")
            settings: Any = info.context_settings or {}
            extra = bool(settings.get("allow_extra_args"))
            yield Command((*words, name), info.callback, extra)
    for group in app.registered_groups:
        if group.typer_instance and group.name and not group.hidden:
            yield from _commands(group.typer_instance, (*words, group.name))


def _plain(text: str | None) -> str:
    """Help, which is no Markdown but for code, as Markdown."""
    return outside_code(text or "", _escaped)


def _escaped(text: str) -> str:
    return re.sub(r"([*_])", r"\\\1", text).replace("<", "&lt;")


def _option_names(name: str, info: ParameterInfo, kind: str) -> str:
    """ "--output, -o": as declared, or made of the parameter's name as Typer does."""
    declared = [info.default, *(info.param_decls or ())]  # Typer puts the first declaration there
    given = [each for each in declared if isinstance(each, str) and each.startswith("-")]
    if not any(each.startswith("--") for each in given):
        dashed = name.replace("_", "-")
        given.insert(0, f"--{dashed}/--no-{dashed}" if kind == "flag" else f"--{dashed}")
    return ", ".join(sorted(given, key=lambda each: not each.startswith("--")))


def _type(hint: Any, info: ParameterInfo) -> str:
    kind = type_text(hint).removesuffix(" or null")
    if kind == "bool":
        return "flag"
    bounds = [f"{word} {bound:g}" for word, bound in _bounds(info) if bound is not None]
    return " ".join([kind, *bounds])


def _bounds(info: ParameterInfo) -> list[tuple[str, float | None]]:
    return [("from", info.min), ("to", info.max)]


def _default(default: Any, info: ParameterInfo) -> Any:
    """What holds without it: `REQUIRED`, a value, or words that the command has for it."""
    if isinstance(info.show_default, str):
        return Words(info.show_default)
    return default


class Words(str):
    """A default that is described."""


def shown_default(default: Any) -> str:
    """A default as the command's help has it."""
    if isinstance(default, Words):
        return str(default)
    if default is None or default == "" or default == ():
        return "none"
    if default is False:
        return "off"
    if default is True:
        return "on"
    return "required" if default is REQUIRED else f"`{shown(default)}`"
