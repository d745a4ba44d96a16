"""What has a page: what the entry points in `setup.cfg` register, built-in layers and metrics."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

ROOT = Path(__file__).parents[1]
# Groups whose pages have another title than the name of their registry.
TITLES = {"spacy_factories": "Components", "spacy_cli": "Commands"}
# Of spaCy's one registry for models, by the package in which a function stands.
ROOMS = {"encoders": "Encoders", "topologies": "Topologies"}
ORDER = ("Components", "Tasks", "Topologies", "Encoders", "Balancers")


NOT_IN_CONFIGS = ("mtl_formats", "mtl_layers", "mtl_metrics")


@dataclass(frozen=True)
class Entry:
    """A registered name, or another object that has one.

    group: the group of entry points, such as "spacy_mtl_tasks".
    value: where it leads: "package.module:name".
    key: of a mapping that is there, whose value it is.
    """

    group: str
    name: str
    value: str
    key: str = ""

    @property
    def registry(self) -> str:
        """The name of the registry in a config, such as "mtl_tasks"."""
        return self.group.partition("_")[2]

    @property
    def title(self) -> str:
        """What entries of its kind are called, in the plural."""
        if self.group == "spacy_architectures":
            rooms = self.value.partition(":")[0].split(".")
            return next((ROOMS[room] for room in reversed(rooms) if room in ROOMS), "Architectures")
        return TITLES.get(self.group, self.registry.removeprefix("mtl_").capitalize())

    @property
    def page(self) -> str:
        """Its page below docs."""
        return f"reference/{self.title.lower()}/{self.name}.md"

    @property
    def in_configs(self) -> bool:
        """Whether a block of a config makes it, so that its parameters are settings."""
        return self.registry not in NOT_IN_CONFIGS

    def load(self) -> Any:
        """The function, class or object."""
        module, _, name = self.value.partition(":")
        found = getattr(import_module(module), name)
        return found[self.key] if self.key else found


@cache
def entries() -> tuple[Entry, ...]:
    """All of this package but its commands, those of a title beside each other."""
    found = [entry for entry in _entry_points() if entry.group != "spacy_cli"]
    found += [*_built_in_layers(), *_metrics()]
    titles = [*ORDER, *sorted({entry.title for entry in found} - set(ORDER))]
    return tuple(sorted(found, key=lambda entry: (titles.index(entry.title), entry.name)))


def by_title() -> dict[str, list[Entry]]:
    """The entries under what they are called."""
    found: dict[str, list[Entry]] = {}
    for entry in entries():
        found.setdefault(entry.title, []).append(entry)
    return found


def command_app() -> Any:
    """The Typer app of the commands."""
    (entry,) = (entry for entry in _entry_points() if entry.group == "spacy_cli")
    return entry.load()


def _built_in_layers() -> Iterator[Entry]:
    if find_spec("spacy_mtl.layers"):
        for name in import_module("spacy_mtl.layers").BUILT_IN:
            yield Entry("spacy_mtl_layers", name, "spacy_mtl.layers:BUILT_IN", name)


def _metrics() -> Iterator[Entry]:
    """The kinds of statistics: public classes that can be made."""
    if find_spec("spacy_mtl.metrics"):
        for info in iter_modules(import_module("spacy_mtl.metrics").__path__):
            module = import_module(f"spacy_mtl.metrics.{info.name}")
            for name, kind in vars(module).items():
                own = inspect.isclass(kind) and kind.__module__ == module.__name__
                if own and not name.startswith("_") and not _is_abstract(kind):
                    yield Entry("spacy_mtl_metrics", name, f"{module.__name__}:{name}")


def _is_abstract(kind: type) -> bool:
    return inspect.isabstract(kind) or getattr(kind, "_is_protocol", False)


def _entry_points() -> list[Entry]:
    """From the file, so that they are those of this tree, whatever is installed."""
    config = ConfigParser(delimiters=("=",))
    config.optionxform = str  # type: ignore[assignment, method-assign]  # case matters
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    found = []
    for group, lines in config["options.entry_points"].items():
        for line in filter(None, lines.splitlines()):
            name, value = line.split("=", 1)
            found.append(Entry(group, name.strip(), value.strip()))
    return found
