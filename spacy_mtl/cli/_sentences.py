"""Sentences and their trees, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..layers import LayerCoverage
from ..layers.trees import TreeCounts

Cell = Callable[[LayerCoverage, TreeCounts], str]

_SENTENCES: dict[str, Cell] = {
    "number": lambda found, _: f"{found.sentences:,}",
    "to a doc": lambda found, _: f"{found.sentences_per_doc or 0:.2f}",
}
_TREES: dict[str, Cell] = {
    "with a complete tree": lambda found, trees: _part(trees.complete, found.sentences),
    "trees that are not projective": lambda _, trees: _part(trees.nonprojective, trees.complete),
    "arcs that are not projective": lambda _, trees: _part(trees.nonprojective_arcs, trees.arcs),
    "without exactly one root": lambda found, trees: _part(trees.not_one_root, found.sentences),
}


def sentence_rows(files: Sequence[LayerCoverage | None]) -> list[tuple[str, ...]]:
    """Rows on the sentences of a layer, and on its trees if it is a parse.

    files: What each file has of the layer; None where it is missing.
    """
    has_trees = any(found is not None and found.trees is not None for found in files)
    cells = _SENTENCES | (_TREES if has_trees else {})
    return [
        (
            name,
            *(
                cell(found, found.trees.counts if found.trees else TreeCounts()) if found else ""
                for found in files
            ),
        )
        for name, cell in cells.items()
    ]


def _part(n: int, total: int) -> str:
    return f"{n:,} ({n / total:.2%})" if total else f"{n:,}"
