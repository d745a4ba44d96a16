"""The config block of a registered function, with every setting."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from thinc.api import Config

from .entries import ROOT, Entry
from .settings import REQUIRED, Setting

# Where a function stands that no config in `configs/` has.
PLACES = {
    "mtl_tasks": "components.multitask.tasks.NAME",
    "mtl_balancers": "components.multitask.balancer",
    "readers": "corpora.train",
    "mtl_samplers": "training.batcher.sampling",
    "batchers": "training.batcher",
    "callbacks": "training.before_update",
    "loggers": "training.logger",
    "optimizers": "training.optimizer",
}


def block(entry: Entry, settings: Sequence[Setting]) -> str:
    """The sections of a config: defaults, and what is required as an example in `configs/` has it.

    What is required and in no example is a comment, to be filled in.
    """
    place, example = _example(entry)
    values: dict[str, Any] = {f"@{entry.registry}": entry.name}
    lacking = []
    for setting in settings:
        value = setting.default
        if value is REQUIRED:
            value = example.get(setting.name, REQUIRED)
        if value is REQUIRED:
            lacking.append(f"# {setting.name} = ... ({setting.type}, required)")
        else:
            values[setting.name] = value
    return _text(place, values, lacking)


def factory_block(name: str, default: dict[str, Any]) -> str:
    """The sections of a component with its default config."""
    return _text(f"components.{name}", {"factory": name, **default}, [])


def _text(place: str, values: dict[str, Any], lacking: list[str]) -> str:
    nested: dict[str, Any] = values
    for name in reversed(place.split(".")):
        nested = {name: nested}
    text = Config(nested).to_str(interpolate=False)
    sections = [section for section in text.split("\n\n") if "\n" in section.strip()]
    comments = "".join(f"{line}\n" for line in lacking)
    joined = "\n\n".join(sections) + "\n"
    return re.sub(r"^(\[.*\]\n@.*\n)", rf"\1{comments}", joined, count=1).strip()


def _example(entry: Entry) -> tuple[str, dict[str, Any]]:
    """The section that has the function in a config of ours, and what stands there."""
    key = f"@{entry.registry}"
    for config in _examples():
        for place, section in _sections(config):
            if section.get(key) == entry.name:
                return place, section
    return PLACES.get(entry.registry, "NAME"), {}


@cache
def _examples() -> tuple[Config, ...]:
    paths = sorted((ROOT / "configs").glob("*.cfg"))
    return tuple(Config().from_disk(path, interpolate=False) for path in paths)


def _sections(section: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if place:
        yield place, section
    for name, value in section.items():
        if isinstance(value, dict):
            yield from _sections(value, f"{place}.{name}".strip("."))
