"""Writes what is made from the code into pages that are read on GitHub: names, and the plan."""

from __future__ import annotations

import spacy_mtl.cli  # noqa: F401  registers the components

from .entries import ROOT
from .pages import INDEX, with_names
from .plan import PAGE, with_plan


def main() -> None:
    """Write the pages that are others now."""
    for page, renewed in ((INDEX, with_names), (PAGE, with_plan)):
        path = ROOT / "docs" / page
        text = path.read_text(encoding="utf-8")
        if renewed(text) != text:
            path.write_text(renewed(text), encoding="utf-8")


if __name__ == "__main__":
    main()
