"""The training log as a table for people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

from .rows import Row, TaskFigures

OVERALL = "(all)"
BEST, UNMARKED = "*", " "  # behind the score that the best model is chosen by


@dataclass(frozen=True)
class Column:
    """A column of the table; neighbours of the same group have its name over them."""

    title: str
    width: int
    group: str = ""
    left: bool = False


class Table:
    """A line for each row, or if that is wider than `width`, a line for each task of a row.

    row: the first row, which tells what there is to show.
    weighted, measured: whether there are columns for the weights and for the conflict.
    """

    def __init__(self, row: Row, width: int, weighted: bool, measured: bool) -> None:
        self.weighted = weighted
        self.measured = measured
        self.other = list(row.other)  # a later row may have more or fewer
        self.columns = self._wide_columns(row)
        self.tall = _width(self.columns) > width
        if self.tall:
            self.columns = self._tall_columns(row)

    def header(self) -> list[str]:
        """The lines above the first row."""
        groups = _group_line(self.columns)
        titles = _line([column.title for column in self.columns], self.columns)
        rule = _line(["-" * column.width for column in self.columns], self.columns)
        return [line.rstrip() for line in (groups, titles, rule) if line.strip()]

    def lines(self, row: Row) -> list[str]:
        """A row."""
        cells = self._tall_cells(row) if self.tall else [self._wide_cells(row)]
        return [_line(line, self.columns).rstrip() for line in cells]

    def _wide_columns(self, row: Row) -> list[Column]:
        columns = [Column("E", 3), Column("#", 6)]
        for name in row.tasks:
            columns += [replace(column, group=name) for column in self._task_columns()]
        for key in self.other:
            group, _, title = key.partition("_") if "_" in key else ("", "", key)
            columns.append(Column(title.upper(), max(6, len(title)), group))
        return _widened([*columns, *self._run_columns()])

    def _wide_cells(self, row: Row) -> list[str]:
        cells = [str(row.epoch), str(row.step)]
        for figures in row.tasks.values():
            cells += self._task_cells(figures)
        cells += [percent(row.other.get(key), key) for key in self.other]
        return [*cells, *self._run_cells(row)]

    def _tall_columns(self, row: Row) -> list[Column]:
        names = [OVERALL, *row.tasks, *self.other]
        task = Column("TASK", max(map(len, names)), left=True)
        start = [Column("E", 3), Column("#", 6), task]
        return [*start, *self._task_columns()[:-1], *self._run_columns()]

    def _tall_cells(self, row: Row) -> list[list[str]]:
        blank = [""] * len(self._task_columns()[:-1])
        score, *run = self._run_cells(row)
        lines = [[str(row.epoch), str(row.step), OVERALL, *blank, score, *run]]
        figures = {name: self._task_cells(own) for name, own in row.tasks.items()}
        figures.update({key: [*blank, percent(row.other.get(key), key)] for key in self.other})
        for name, (*others, score) in figures.items():
            lines.append(["", "", name, *others, score + UNMARKED, *[""] * len(run)])
        return lines

    def _task_columns(self) -> list[Column]:
        weight = [Column("WEIGHT", 6)] if self.weighted else []
        return [Column("LOSS", 5), *weight, Column("SCORE", 6)]

    def _task_cells(self, figures: TaskFigures) -> list[str]:
        weight = [number(figures.weight)] if self.weighted else []
        return [number(figures.loss), *weight, percent(figures.score)]

    def _run_columns(self) -> list[Column]:
        conflict = [Column("CONFLICT", 8)] if self.measured else []
        return [Column("SCORE" + UNMARKED, 7), Column("WORDS/S", 7), Column("LEFT", 8), *conflict]

    def _run_cells(self, row: Row) -> list[str]:
        score = percent(row.score) + (BEST if row.best else UNMARKED)
        speed = "-" if row.words_per_second is None else f"{row.words_per_second:,.0f}"
        share = "-" if row.conflict_share is None else f"{row.conflict_share:.0%}"
        return [score, speed, duration(row.seconds_left), *([share] if self.measured else [])]


def number(value: float | None) -> str:
    """A loss or weight in about five characters, "-" for None."""
    if value is None:
        return "-"
    for limit, digits in ((10, 3), (100, 2), (1000, 1), (100_000, 0)):
        if abs(value) < limit:
            return f"{value:.{digits}f}"
    return f"{value:.0e}"


def percent(value: float | None, key: str = "") -> str:
    """A score in percent, as spaCy's loggers show them; all but the speed, which is none."""
    if value is None or key == "speed":
        return number(value)
    return f"{100 * value:.2f}"


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds, "-" for None."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _widened(columns: list[Column]) -> list[Column]:
    """The columns, the first of each group so wide that the group's name has room over it."""
    found: list[Column] = []
    for group, members in groupby(columns, key=lambda column: column.group):
        first, *others = members
        missing = len(group) + len("-  -") - _width([first, *others]) if group else 0
        found += [replace(first, width=first.width + max(0, missing)), *others]
    return found


def _width(columns: list[Column]) -> int:
    return len(_line([""] * len(columns), columns))


def _gaps(columns: list[Column]) -> list[str]:
    """What is before each column: a space, or two where a group begins or ends."""
    groups = [column.group for column in columns]
    between = ["  " if a != b else " " for a, b in zip(groups, groups[1:], strict=False)]
    return ["", *between]


def _line(cells: list[str], columns: list[Column]) -> str:
    parts = []
    for gap, cell, column in zip(_gaps(columns), cells, columns, strict=True):
        parts.append(gap + (cell.ljust if column.left else cell.rjust)(column.width))
    return "".join(parts)


def _group_line(columns: list[Column]) -> str:
    parts = []
    for group, members in groupby(columns, key=lambda column: column.group):
        width = _width(list(members))
        parts.append(f" {group} ".center(width, "-") if group else " " * width)
    return "  ".join(parts)
