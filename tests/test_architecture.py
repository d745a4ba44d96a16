"""The rooms of the package: the plan in the documentation, and which imports which."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference.plan import PACKAGE, PAGE, ROOMS, first_sentence, with_plan

DOCS = PACKAGE.parent / "docs"


def imported_rooms(file: Path) -> Iterator[tuple[str, str]]:
    """Each room that a module imports from, with the line."""
    own = file.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = own[: -node.level] if node.level else ()
        path = [*base, *(node.module or "").split(".")]
        if path[0] != PACKAGE.name:
            continue
        names = [path[1]] if len(path) > 1 and path[1] else [alias.name for alias in node.names]
        for name in names:
            if (PACKAGE / name).is_dir():
                yield name, f"{file.relative_to(PACKAGE)}:{node.lineno}"


def test_every_room_has_its_place():
    there = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert there == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_those_below_it(room):
    below = ROOMS[ROOMS.index(room) :]
    wrong = [
        where
        for file in sorted((PACKAGE / room).rglob("*.py"))
        for name, where in imported_rooms(file)
        if name not in below
    ]
    assert not wrong


def test_single_modules_import_from_no_room():
    wrong = [
        where
        for file in sorted(PACKAGE.glob("*.py"))
        if file.name != "__main__.py"
        for _, where in imported_rooms(file)
    ]
    assert not wrong


def test_one_room_imports_ray():
    found = {
        file.relative_to(PACKAGE).parts[0]
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        if (name or "").partition(".")[0] == "ray" and not getattr(node, "level", 0)
    }
    assert found == {"cluster"}


def test_the_plan_is_that_of_the_tree():
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    assert with_plan(page) == page, "Run `python -m reference`."
    assert "<!-- plan -->" in page


def test_every_module_says_what_it_is():
    for file in PACKAGE.rglob("*.py"):
        assert first_sentence(file), file
