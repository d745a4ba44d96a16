"""What the page is made of: sections with text, charts, tables and documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """Of a table. bar: a share from 0 to 1 that is drawn too. verdict: as `Gain` has it."""

    text: str
    bar: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first of which names the row.

    n_text: columns of text at the left, the others hold numbers. folded: shown when asked for.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    n_text: int = 1
    folded: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure, and what it shows as a table.

    id: of the element, in the whole page. alt: what it shows, in numbers, for those who do not
    see it. svg: markup. note: below the title.
    """

    id: str
    title: str
    alt: str
    svg: str
    table: Table
    note: str = ""

    @property
    def wide(self) -> bool:
        """Whether it keeps its size, and so may have to be scrolled."""
        return 'class="wide"' in self.svg.partition(">")[0]


@dataclass(frozen=True)
class Document:
    """A test document with entities. title: of its place. html: markup."""

    title: str
    html: str


@dataclass(frozen=True)
class Section:
    """A part of the page.

    intro: paragraphs; what a part lacks is said there too. legend: how documents are marked, by
    kind, in words.
    """

    id: str
    title: str
    intro: Sequence[str]
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    documents: Sequence[Document] = ()
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Fact:
    """A number that stands out. text: what it is of."""

    value: str
    text: str


@dataclass(frozen=True)
class Page:
    """The whole.

    name: of what is reported. summary: three sentences. lang: of the documents.
    """

    title: str
    name: str
    subtitle: str
    summary: Sequence[str]
    facts: Sequence[Fact]
    sections: Sequence[Section]
    lang: str
    footer: str


def row(*cells: str | Cell) -> list[Cell]:
    """A row of a table; what is only text need not be a `Cell`."""
    return [Cell(cell) if isinstance(cell, str) else cell for cell in cells]
