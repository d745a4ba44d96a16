"""One token per line in columns, as in CoNLL-2003, IOB2 files and Universal NER."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from ...errors import MTLError
from ..records import ReadOptions, Record, Remark
from ..schemes import is_tag
from . import iob
from ._comments import COMMENT, CommentReader, as_comments, unknown_comments
from ._foreign import describe
from ._layout import Layout, check_names, sentence
from ._text import Item, Line, attempt, blocks, missing_ner, numbered_lines
from ._unused import unused_token_columns

UNIVERSAL_NER = ("id", "form", "ner")
LABEL_STUDIO = ("form", "_", "_", "ner")
_LABELS = ("tag", "pos", "ner")


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The sentences between blank lines, documents beginning at -DOCSTART- or `# newdoc`.

    Lines that begin with `comments` are no tokens. Those that begin with "#" are comments if the
    first column is `id`, and in other files unless they are a token of as many columns as the
    others have; with "" as `comments` all are tokens.
    """
    if iob.looks_like_iob(path, options):
        yield from iob.read(path, options)
        return
    names = _column_names(path, options)
    sample = _sample(path, options)
    if sample is None:
        return
    marks = _Comments(Layout(path, names, sample), options)
    comments = CommentReader(options)
    n_borders = 0
    for block in blocks(path):
        rows = [line for line in block if not marks.is_comment(line)]
        beside = [line.text for line in block if marks.is_comment(line)]
        comments.read(as_comments(beside))
        for lines in _split_at_borders(rows):
            if lines[0].text.startswith(iob.BORDER):
                n_borders += 1
                continue
            item = attempt(partial(sentence, lines, marks.layout, comments.comments.get("text")))
            if isinstance(item, Record):
                comments.tell(item)
                item.document = comments.document + n_borders
                item.remarks += comments.remarks + marks.remarks(beside)
                if names != UNIVERSAL_NER:  # which has the annotators behind
                    tokens = [marks.layout.values(line.text) for line in lines]
                    item.remarks += unused_token_columns(tokens, len(names))
            yield item


def _column_names(path: Path, options: ReadOptions) -> tuple[str, ...]:
    names = options.columns or _default_names(path)
    hint = describe(path)
    if not names:
        raise MTLError(
            f"Expected names for the columns of {path}, got none. "
            f"{hint or f'Name them, as in --columns {_example(path)}.'}"
        )
    check_names(names)
    tags = _values(path)[names.index("ner") :] if "ner" in names else []
    if hint and tags and tags[0].startswith(("(", "*")):
        raise MTLError(f"Expected entity tags in a column of {path}. {hint}")
    return names


def _example(path: Path) -> str:
    """Names that could be those of the columns."""
    values = _values(path)
    if len(values) > 1 and is_tag(values[-1]):
        return ",".join(["form", *["_"] * (len(values) - 2), "ner"])
    return "form,tag,_,ner"


def _default_names(path: Path) -> tuple[str, ...]:
    if path.suffix.lower() == ".iob2":
        return UNIVERSAL_NER
    rows = [line.text.split() for _, line in zip(range(2), numbered_lines(path), strict=False)]
    if rows[:1] == [[iob.BORDER, "-X-", "O"]] and rows[1:] and rows[1][1:3] == ["-X-", "_"]:
        return LABEL_STUDIO
    if path.suffix.lower() == ".ner":  # as `spacy convert` takes it
        n_columns = len(_values(path))
        return {2: ("form", "ner"), 3: ("form", "tag", "ner")}.get(
            n_columns, ("form", "tag", *["_"] * (n_columns - 3), "ner")
        )
    return ()


def _values(path: Path) -> list[str]:
    """The values of the first token."""
    return (_sample(path, ReadOptions()) or Line(0, "")).text.split()


def _sample(path: Path, options: ReadOptions) -> Line | None:
    """A line that is a token without doubt, or else the first one."""
    prefixes = ("#", iob.BORDER, *filter(None, [options.comments]))
    first = None
    for line in numbered_lines(path):
        if line.text.strip(" \t"):
            if not line.text.startswith(prefixes):
                return line
            first = first or line
    return first


def _split_at_borders(rows: list[Line]) -> Iterator[list[Line]]:
    lines: list[Line] = []
    for row in rows:
        if row.text.startswith(iob.BORDER):
            if lines:
                yield lines
            yield [row]
            lines = []
        else:
            lines.append(row)
    if lines:
        yield lines


class _Comments:
    """Tells the comments of a file from its tokens."""

    def __init__(self, layout: Layout, options: ReadOptions) -> None:
        self.layout = layout
        self.prefix = options.comments
        self.known = layout.names[0] == "id"

    def is_comment(self, line: Line) -> bool:
        if self.prefix and line.text.startswith(self.prefix):
            return True
        if self.prefix == "" or not line.text.startswith("#"):
            return False
        return self.known or not self._is_token(line.text)

    def remarks(self, comments: list[str]) -> list[Remark]:
        """What to say of comments that are none of those that tools write."""
        return [] if self.known or self.prefix is not None else unknown_comments(comments)

    def _is_token(self, text: str) -> bool:
        values = self.layout.values(text)
        if len(values) != self.layout.n_columns or COMMENT.match(text):
            return False
        columns = dict(zip(self.layout.names, values, strict=False))
        labels = (name for name in _LABELS if name in columns)
        return " " not in columns["form"] and all(self._fits(n, columns[n]) for n in labels)

    def _fits(self, name: str, value: str) -> bool:
        """Whether a column can have this value, going by the tokens that are beyond doubt."""
        if missing_ner(value) is None or value in self._values[name]:
            return True
        return is_tag(value) if name == "ner" else value == value.upper() and not value.isdigit()

    @cached_property
    def _values(self) -> dict[str, set[str]]:
        """The values of each column in lines without "#"."""
        lines = (line.text for line in numbered_lines(self.layout.path))
        values: dict[str, set[str]] = {name: set() for name in _LABELS}
        for text in lines:
            if not text.startswith("#"):
                for name, value in zip(self.layout.names, self.layout.values(text), strict=False):
                    if name in values:
                        values[name].add(value)
        return values
