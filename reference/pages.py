"""The pages of the reference as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from posixpath import dirname, relpath
from typing import Any

from spacy.language import Language

from . import blocks
from .commands import Command, commands, shown_default
from .docstrings import prose, summary
from .entries import Entry, by_title, entries
from .settings import REQUIRED, Setting, own_classes, returned_class, said_by, settings, shown

INDEX = "reference/README.md"
MARK = "<!-- names -->"  # between two of these the index has all names
_NAME = re.compile(r"(?<!\[)`(spacy_mtl\.[\w.]+\.v\d+|spacy mtl [a-z-]+)`")
_VERBATIM = re.compile(r"\x08\n(?P<text>.*?)(?=\n\n|\Z)", re.S)


@cache
def pages() -> dict[str, str]:
    """The text of every generated page by its path below docs."""
    found = {entry.page: entry_page(entry) for entry in entries()}
    return found | {command.page: command_page(command) for command in commands()}


def navigation() -> list[dict[str, Any]]:
    """The pages under their titles, as `nav` of mkdocs has them."""
    found: list[dict[str, Any]] = [
        {title: [{_short(entry): entry.page} for entry in group]}
        for title, group in by_title().items()
    ]
    return [*found, {"Commands": [{" ".join(c.words[1:]): c.page} for c in commands()]}]


def listing() -> str:
    """Every page with what it is about, as links from the index."""
    lines = []
    for title, group in by_title().items():
        lines.append(f"## {title}\n")
        for entry in group:
            lines.append(_item(entry.name, entry.page, summary(inspect.getdoc(described(entry)))))
        lines.append("")
    lines.append("## Commands\n")
    for each in commands():
        lines.append(_item(" ".join(["spacy", *each.words]), each.page, summary(_help(each)[0])))
    return "\n".join(lines)


def names() -> str:
    """Every registered name and command, without links: the index for those who read the source."""
    lines = [
        f"- {title}: {', '.join(f'`{entry.name}`' for entry in group)}"
        for title, group in by_title().items()
    ]
    words = ", ".join(f"`{' '.join(command.words[1:])}`" for command in commands())
    return "\n".join([*lines, f"- Commands of `spacy mtl`: {words}"])


def with_names(index: str) -> str:
    """The index with the present list of names."""
    before, _, after = index.split(MARK)
    return f"{before}{MARK}\n{names()}\n{MARK}{after}"


def with_links(index: str) -> str:
    """The index with links to all pages in place of the names."""
    before, _, after = index.split(MARK)
    return f"{before}{listing()}{after}"


def entry_page(entry: Entry) -> str:
    """The page of a registered name."""
    target = entry.load()
    meta = Language.get_factory_meta(entry.name) if entry.group == "spacy_factories" else None
    defaults: dict[str, Any] = (meta.default_config or {}) if meta else {}
    known = settings(target, defaults if meta else None)
    block = blocks.factory_block(entry.name, defaults) if meta else blocks.block(entry, known)
    parts = [
        f"# {entry.name}",
        f"{_kind(entry)}, `{entry.value.replace(':', '.')}`",
        _linked(prose(inspect.getdoc(described(entry))), entry.page),
        f"## Config\n\n```ini\n{block}\n```",
        "## Settings\n\n" + table("Setting", known, shown_code, entry.page),
        _attributes(described(entry), {setting.name for setting in known}, entry.page),
        *(_component(meta) if meta else ()),
        *(_task(target) if entry.registry == "mtl_tasks" else ()),
        *_methods(described(entry)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def command_page(command: Command) -> str:
    """The page of a command."""
    name = " ".join(["spacy", *command.words])
    about, examples = _help(command)
    parts = [f"# {name}", f"```bash\n{command.usage}\n```", _linked(about, command.page)]
    for title, known in (("Arguments", command.arguments), ("Options", command.options)):
        if known:
            parts.append(f"## {title}\n\n" + table(title[:-1], known, shown_default, command.page))
    if examples:
        parts.append(f"## Examples\n\n```bash\n{examples}\n```")
    return "\n\n".join(parts) + "\n"


def table(title: str, known: Iterable[Setting], show: Callable[[Any], str], page: str) -> str:
    """A line for each setting."""
    lines = [f"| {title} | Type | Default | Meaning |", "|---|---|---|---|"]
    for each in known:
        name = ", ".join(f"`{name}`" for name in each.name.split(", "))
        meaning = _linked(_cell(each.meaning), page)
        lines.append(f"| {name} | {each.type} | {show(each.default)} | {meaning} |")
    if len(lines) == 2:
        return "None."
    body = "\n".join(lines)
    return f'<div class="settings" markdown="1">\n\n{body}\n\n</div>'


def shown_code(default: Any) -> str:
    """A default as code, if there is one."""
    text = shown(default)
    return text if default is REQUIRED else f"`{text}`"


def described(entry: Entry) -> Any:
    """What the page describes: the class whose objects are made, or the function itself."""
    target = entry.load()
    return returned_class(target) or target


def _attributes(kind: Any, settings: set[str], page: str) -> str:
    """What the docstring of a class says of attributes that are no settings."""
    said = said_by(kind) if inspect.isclass(kind) else {}
    others = {name: text for name, text in said.items() if name not in settings}
    lines = [f"| `{name}` | {_linked(_cell(text), page)} |" for name, text in others.items()]
    head = "## Attributes\n\n| Attribute | Meaning |\n|---|---|\n"
    return head + "\n".join(lines) if lines else ""


def _component(meta: Any) -> Iterator[str]:
    """What a component writes and how it is scored."""
    yield "## Reads and writes\n\n" + _list({"Writes": meta.assigns, "Needs": meta.requires})
    if meta.default_score_weights:
        weights = {f"`{key}`": value for key, value in meta.default_score_weights.items()}
        lines = "\n".join(f"| {key} | {shown(value)} |" for key, value in weights.items())
        yield f"## Scores\n\n| Score | Weight in the choice of the best model |\n|---|---|\n{lines}"


def _task(target: Any) -> Iterator[str]:
    """What a task reads, writes and is scored by, with the default settings."""
    task = target()
    layers = getattr(task, "layers", ())
    assigns = getattr(task, "assigns", None) or (task.writes,)
    stated = {"Learns from": layers, "Writes": assigns, "Needs": getattr(task, "needs", ())}
    yield "## Reads and writes\n\n" + _list(stated)
    task.name = "NAME"
    keys = list(task.score([]))
    own = {key: f"NAME_{task.own_key(key)}" for key in keys}
    lines = [
        f"| `{key}` | `{name}` | {'the main score' if key == task.main_score else ''} |"
        for key, name in own.items()
    ]
    head = "| Score | Under the task's name | |\n|---|---|---|\n"
    yield "## Scores\n\n" + head + "\n".join(lines)


def _list(stated: dict[str, Iterable[str]]) -> str:
    return (
        "\n".join(
            f"- {word}: {', '.join(f'`{each}`' for each in values)}"
            for word, values in stated.items()
            if values
        )
        or "Nothing is written to documents."
    )


def _methods(kind: Any) -> Iterator[str]:
    """What mkdocstrings shows of each public method and property of a class of this package."""
    if not inspect.isclass(kind):
        return
    path = f"{kind.__module__}.{kind.__qualname__}"
    members = [f"::: {path}.{name}" for name in public_members(kind)]
    if members:
        yield "## Methods and properties\n\n" + "\n\n".join(members)


def public_members(kind: type) -> list[str]:
    """Methods and properties that this package defines, the class's own before inherited ones."""
    found: dict[str, None] = {}
    for each in own_classes(kind):
        for name, member in vars(each).items():
            public = not name.startswith("_") or name == "__call__"
            method = inspect.isroutine(member) or hasattr(member, "__get__")
            if public and method and inspect.getdoc(getattr(kind, name)):
                found[name] = None
    return list(found)


def _help(command: Command) -> tuple[str, str]:
    """The help as Markdown, and its examples. A backspace begins a block that is verbatim."""
    examples: list[str] = []

    def verbatim(match: re.Match[str]) -> str:
        text = match["text"]
        if not text.startswith("Examples:\n"):
            return f"```text\n{text}\n```"
        lines = inspect.cleandoc(text.removeprefix("Examples:\n")).splitlines()
        examples.extend(f"python -m {line}" for line in lines)
        return ""

    about = _VERBATIM.sub(verbatim, inspect.getdoc(command.function) or "")
    return about.strip(), "\n".join(examples)


def _cell(text: str) -> str:
    """A meaning in one line; the items of a list are lines of the cell."""
    lines = re.sub(r"\n+[-*] ", "<br>• ", text.strip())
    line = " ".join(lines.split()).replace("|", "\\|")
    return line[:1].upper() + line[1:]


def _linked(text: str, page: str) -> str:
    """Names that have a page become links to it, but for code blocks and the page itself."""

    def link(match: re.Match[str]) -> str:
        target = _pages_by_name().get(match[1])
        if target is None or target == page:
            return match[0]
        return f"[{match[0]}]({relpath(target, dirname(page))})"

    pieces = re.split(r"(^```.*?^```)", text, flags=re.M | re.S)
    return "".join(p if p.startswith("```") else _NAME.sub(link, p) for p in pieces)


@cache
def _pages_by_name() -> dict[str, str]:
    found = {entry.name: entry.page for entry in entries()}
    return found | {" ".join(["spacy", *command.words]): command.page for command in commands()}


def _item(name: str, page: str, about: str) -> str:
    return f"- [`{name}`]({relpath(page, dirname(INDEX))}): {about}."


def _short(entry: Entry) -> str:
    return entry.name.removeprefix("spacy_mtl.")


def _kind(entry: Entry) -> str:
    singular = {"Components": "Component", "Topologies": "Topology"}
    return singular.get(entry.title, entry.title.removesuffix("s"))
