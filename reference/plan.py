"""The plan of the package in docs/architecture.md: its rooms, in the order of their imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .entries import ROOT

PACKAGE = ROOT / "spacy_mtl"
PAGE = "architecture.md"
_MARK = "<!-- plan -->\n"
_PLAN = re.compile(f"{_MARK}.*?{_MARK}", re.S)

# From the top to the bottom: a room imports from those below it, and all from the single modules.
ROOMS = (
    "cli",
    "cluster",
    "merging",
    "card",
    "report",
    "comparison",
    "configs",
    "affinity",
    "evaluation",
    "speed",
    "bulk",
    "training",
    "distributed",
    "optimizing",
    "mixing",
    "corpora",
    "pipeline",
    "tasks",
    "layers",
    "balancing",
    "metrics",
    "models",
)


def plan() -> str:
    """The rooms, then the modules that stand beside them, each with its first sentence."""
    files = [PACKAGE / room / "__init__.py" for room in ROOMS]
    files += sorted(file for file in PACKAGE.glob("[a-z]*.py"))
    names = [f"{f.parent.name}/" if f.stem == "__init__" else f.name for f in files]
    width = max(map(len, names)) + 2
    lines = [
        f"  {name:{width}}{first_sentence(file)}" for name, file in zip(names, files, strict=True)
    ]
    return "\n".join(["```", "spacy_mtl/", *lines, "```", ""])


def with_plan(text: str) -> str:
    """The page with the plan as it is now."""
    return _PLAN.sub(lambda _: f"{_MARK}{plan()}{_MARK}", text)


def first_sentence(file: Path) -> str:
    """Of a module's docstring, without its full stop."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    sentence = re.split(r"\.(?:\s|$)", docstring, maxsplit=1)[0]
    return " ".join(sentence.split())
