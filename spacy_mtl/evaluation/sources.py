"""Which of this package's sources a config makes use of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import distribution
from importlib.util import find_spec, resolve_name
from pathlib import Path

PACKAGE = "spacy_mtl"
# Names such as "json", by which sources may mean something else.
_NOT_IN_CONFIGS = {"spacy_mtl_formats"}
# What it imports cannot change what a run yields.
_WITHOUT_EFFECT = {f"{PACKAGE}.errors"}


def used_sources(config: str) -> dict[str, Path]:
    """The files of the registered functions that a config names, and of all they use: what
    they import, and what the default configs in them name.

    config: as JSON. Other packages, and the `__init__` files on the way, do not count.
    """
    found: dict[str, Path] = {}
    waiting = _registered(config)
    while waiting:
        module = waiting.pop()
        path = _path(module)
        if path is not None and module not in found and module not in _WITHOUT_EFFECT:
            found[module] = path
            waiting.extend(_imported(module, path))
    return dict(sorted(found.items()))


def code_of(path: Path) -> str:
    """A source without comments, docstrings and layout."""
    return _code(path.read_text(encoding="utf8"))


@cache
def _code(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body[:1] = [] if node.body[1:] or isinstance(node, ast.Module) else [ast.Pass()]
    return ast.unparse(tree)


def _registered(text: str) -> list[str]:
    """The modules of the registered functions whose names stand in a text, in quotes."""
    entries = distribution("spacy-mtl").entry_points
    named = [entry for entry in entries if entry.group not in _NOT_IN_CONFIGS]
    return [entry.module for entry in named if f'"{entry.name}"' in text]


@cache
def _path(module: str) -> Path | None:
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


@cache
def _imported(module: str, path: Path) -> tuple[str, ...]:
    """The modules of this package that a module's source imports, or names by a registry."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    text = path.read_text(encoding="utf8")
    names = [name for node in ast.walk(ast.parse(text)) for name in _names(node, package)]
    own = [name for name in names if name.split(".")[0] == PACKAGE and _is_module(name)]
    return (*own, *_registered(text))


def _names(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        source = resolve_name("." * node.level + (node.module or ""), package)
        yield from _members(source, (alias.name for alias in node.names))


def _members(source: str, names: Iterable[str]) -> Iterator[str]:
    """What `from source import names` may name: the module itself, or modules in it."""
    yield source
    for name in names:
        yield f"{source}.{name}"


def _is_module(name: str) -> bool:
    path = _path(name)
    return path is not None and path.name != "__init__.py"
