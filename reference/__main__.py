"""Writes the list of names into docs/reference/README.md, for those who read it on GitHub."""

from __future__ import annotations

import spacy_mtl.cli  # noqa: F401  registers the components

from .entries import ROOT
from .pages import INDEX, with_names


def main() -> None:
    """Write the list if it is another one."""
    path = ROOT / "docs" / INDEX
    text = path.read_text(encoding="utf-8")
    if with_names(text) != text:
        path.write_text(with_names(text), encoding="utf-8")


if __name__ == "__main__":
    main()
