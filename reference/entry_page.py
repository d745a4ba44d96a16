"""The page of a registered name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from spacy.language import Language

from . import blocks
from .docstrings import prose
from .entries import Entry
from .settings import attributes, own_classes, returned_class, said_by, settings
from .tables import as_code, cell, plain_table, settings_table, stated


def entry_page(entry: Entry) -> str:
    """The page of a registered name, as Markdown."""
    thing = described(entry)
    parts = [
        f"# {entry.name}",
        f"{_kind(entry)}, `{_path(entry, thing)}`",
        prose(inspect.getdoc(thing)),
        *(_config(entry) if entry.in_configs else _object(entry)),
        *_reads_and_writes(entry),
        *_methods(thing),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def described(entry: Entry) -> Any:
    """What the page describes: the class whose objects are made, or the function itself."""
    target = entry.load()
    return returned_class(target) or target


def _config(entry: Entry) -> Iterator[str]:
    """The block, its settings, and what the class has beside them."""
    target = entry.load()
    if entry.group == "spacy_factories":
        defaults = Language.get_factory_meta(entry.name).default_config or {}
        known, block = settings(target, defaults), blocks.factory_block(entry.name, defaults)
    else:
        known = settings(target)
        block = blocks.block(entry, known)
    yield f"## Config\n\n```ini\n{block}\n```"
    yield "## Settings\n\n" + settings_table("Setting", known, as_code)
    said = said_by(returned_class(target))
    others = set(said) - {setting.name for setting in known}
    if others:
        rows = [(f"`{name}`", cell(said[name])) for name in said if name in others]
        yield "## Attributes\n\n" + plain_table(("Attribute", "Meaning"), rows)


def _object(entry: Entry) -> Iterator[str]:
    """What an object has, or how a function that no config makes is called."""
    target = entry.load()
    if inspect.isfunction(target):
        path = f"{target.__module__}.{target.__qualname__}"
        described_above = "    options:\n      show_docstring_description: false"
        yield f"## Function\n\n::: {path}\n{described_above}"
    elif not inspect.isclass(target):
        known = attributes(target)
        yield "## Attributes\n\n" + settings_table("Attribute", known, as_code, "Value")
    elif said := said_by(target):
        rows = [(f"`{name}`", cell(text)) for name, text in said.items()]
        yield "## Attributes\n\n" + plain_table(("Attribute", "Meaning"), rows)


def _reads_and_writes(entry: Entry) -> Iterator[str]:
    if entry.group == "spacy_factories":
        yield from _component(entry.name)
    elif entry.registry == "mtl_tasks":
        yield from _task(_made(entry.load()))


def _component(name: str) -> Iterator[str]:
    """What a component writes and how it is scored."""
    meta = Language.get_factory_meta(name)
    yield "## Reads and writes\n\n" + stated({"Writes": meta.assigns, "Needs": meta.requires})
    if meta.default_score_weights:
        rows = [(f"`{key}`", as_code(weight)) for key, weight in meta.default_score_weights.items()]
        header = ("Score", "Weight in the choice of the best model")
        yield "## Scores\n\n" + plain_table(header, rows)


def _made(target: Any) -> Any:
    """A task with its default settings; what is required, a list of names, has one."""
    parameters = inspect.signature(target).parameters.values()
    return target(**{each.name: ["KEY"] for each in parameters if each.default is each.empty})


def _task(task: Any) -> Iterator[str]:
    """What a task learns from, writes and is scored by, with its default settings."""
    lines = {"Learns from": task.layers, "Writes": task.assigns, "Needs": task.needs}
    yield "## Reads and writes\n\n" + stated(lines)
    task.name = "NAME"
    rows = [
        (f"`{key}`", f"`NAME_{task.own_key(key)}`", "the main score" * (key == task.main_score))
        for key in task.score([])
    ]
    yield "## Scores\n\n" + plain_table(("Score", "Under the task's name", ""), rows)


def _methods(kind: Any) -> Iterator[str]:
    """What mkdocstrings shows of each public method and property of a class."""
    if inspect.isclass(kind):
        members = [f"::: {kind.__module__}.{kind.__qualname__}.{n}" for n in public_members(kind)]
        if members:
            yield "## Methods and properties\n\n" + "\n\n".join(members)


def public_members(kind: type) -> list[str]:
    """Methods and properties that its package defines, the class's own before inherited ones."""
    found: dict[str, None] = {}
    for each in own_classes(kind):
        for name, member in vars(each).items():
            public = not name.startswith("_") or name == "__call__"
            method = inspect.isroutine(member) or hasattr(member, "__get__")
            if public and method and inspect.getdoc(getattr(kind, name)):
                found[name] = None
    return list(found)


def _path(entry: Entry, thing: Any) -> str:
    """Where it is in the package; of an object of a mapping, where its class is."""
    if entry.key:
        return f"{thing.__module__}.{thing.__qualname__}"
    return entry.value.replace(":", ".")


def _kind(entry: Entry) -> str:
    """What it is, in the singular."""
    return {"Topologies": "Topology"}.get(entry.title, entry.title.removesuffix("s"))
