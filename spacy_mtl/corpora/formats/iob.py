"""spaCy's own IOB: `word|tag|iob` or `word|iob`, a sentence per line or a token per line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from ...errors import FormatError
from ..records import ReadOptions, Record
from ..schemes import from_mixed_iob
from ._comments import CommentReader, as_comments, unknown_comments
from ._layout import Layout, check_names, sentence
from ._text import Item, Line, attempt, blocks, numbered_lines

BORDER = "-DOCSTART-"
_DEFAULT = {2: ("form", "ner"), 3: ("form", "tag", "ner")}
_BLANKS = re.compile("[ \t]+")
_MAX_LINES = 20  # to look at


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The sentences of a file: its lines, or the runs between blank lines if each line of the
    file is a single token.

    Without `columns` the parts of a token are form, tag and ner, or form and ner. Lines that begin
    with "#" or `comments` are comments; the former not if all their parts are tokens, or
    `comments` is "".
    """
    tokens_of = partial(_tokens, prefix=options.comments)
    layout = _layout(path, options, tokens_of)
    if layout is None:
        return
    by_line = any(len(tokens_of(line)) > 1 for line in numbered_lines(path))
    comments = CommentReader(options)
    n_borders = 0
    for block in blocks(path):
        beside: list[str] = []
        for lines in [[line] for line in block] if by_line else [block]:
            tokens = [token for line in lines for token in tokens_of(line)]
            borders = [line.text for line in lines if line.text.startswith(BORDER)]
            n_borders += bool(borders)
            beside += [
                line.text
                for line in lines
                if not tokens_of(line) and not line.text.startswith(BORDER)
            ]
            if tokens:
                comments.read(as_comments(beside))
                item = attempt(partial(_sentence, tokens, layout))
                if isinstance(item, Record):
                    comments.tell(item)
                    item.document = comments.document + n_borders
                    item.remarks += comments.remarks
                    item.remarks += unknown_comments(beside) if options.comments is None else []
                yield item
                beside = []


def looks_like_iob(path: Path, options: ReadOptions) -> bool:
    """Whether the first lines have nothing but tokens whose columns are separated by "|"."""
    tokens = _first_tokens(path, partial(_tokens, prefix=options.comments))
    return bool(tokens) and all(map(_has_parts, tokens))


def _has_parts(token: Line) -> bool:
    return token.text.find("|", 1) > 0


def _tokens(line: Line, prefix: str | None) -> list[Line]:
    """The tokens of a line, none if it is a comment or the border of a document."""
    if line.text.startswith(BORDER) or prefix and line.text.startswith(prefix):
        return []
    tokens = [Line(line.number, token) for token in _BLANKS.split(line.text) if token]
    marked = prefix != "" and line.text.startswith("#")
    return [] if marked and not all(map(_has_parts, tokens)) else tokens


def _first_tokens(path: Path, tokens_of: Callable[[Line], list[Line]]) -> list[Line]:
    lines = (line for line in numbered_lines(path) if tokens_of(line))
    return [token for line in islice(lines, _MAX_LINES) for token in tokens_of(line)]


def _layout(
    path: Path, options: ReadOptions, tokens_of: Callable[[Line], list[Line]]
) -> Layout | None:
    """How the tokens are written, None if there is none."""
    first = _first_tokens(path, tokens_of)
    if not first:
        return None
    counts = Counter(token.text.count("|") + 1 for token in first)
    n_parts = counts.most_common(1)[0][0]  # others have more where a form has a "|"
    sample = next(token for token in first if token.text.count("|") + 1 == n_parts)
    names = options.columns or _DEFAULT.get(n_parts, ())
    if n_parts > max(len(names), 1):
        raise FormatError(
            f"Expected tokens of {len(names) or '2 or 3'} parts separated by '|', got "
            f"{sample.text!r}. Name its parts, as in --columns form,_,tag,ner.",
            path,
            sample.number,
        )
    check_names(names or _DEFAULT[2])
    return Layout(path, names or _DEFAULT[2], sample, "|")


def _sentence(tokens: list[Line], layout: Layout) -> Record:
    record = sentence(tokens, layout)
    if record.tags:  # spaCy writes "-" for a missing one
        record.tags = [None if tag == "-" else tag for tag in record.tags]
    if record.ner:  # as spaCy reads it
        record.ner = from_mixed_iob(record.ner)
    return record
