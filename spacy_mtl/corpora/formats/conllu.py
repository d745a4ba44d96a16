"""CoNLL-U: lemmas, tags, features and parse, entity tags in MISC, document labels in comments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from conllu.exceptions import ParseException
from conllu.models import Token
from conllu.parser import DEFAULT_FIELDS, parse_id_value, parse_line

from ...errors import FormatError
from ..labels import strip_blanks
from ..records import ReadOptions, Record, Remark
from ._comments import CommentReader
from ._misc import EntityTags, parse_misc, spread
from ._text import (
    Item,
    Line,
    attempt,
    blocks,
    features,
    missing,
    missing_ner,
    relation,
    require_text,
)

_MAX_ID = 20  # characters


def _parse_id(values: list[str], i: int) -> int | tuple[int, str, int]:
    parsed = parse_id_value(values[i]) if len(values[i]) <= _MAX_ID else None
    if parsed is None:
        raise ParseException(f"'{values[i]}' is not a valid ID.")
    return parsed


_PARSERS: dict[str, Callable[[list[str], int], Any]] = {"id": _parse_id}


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The sentences of a CoNLL-U file, documents beginning at `# newdoc`."""
    comments = CommentReader(options)
    for block in blocks(path):
        rows = [line for line in block if not line.text.startswith("#")]
        comments.read(line.text for line in block if line.text.startswith("#"))
        if rows:
            item = attempt(partial(_sentence, rows, path, options))
            if isinstance(item, Record):
                item.remarks += comments.remarks
                comments.tell(item)
                item.document = comments.document
            yield item


def _sentence(rows: list[Line], path: Path, options: ReadOptions) -> Record:
    tokens = [_token(row, path) for row in rows]
    words = [token for token in tokens if isinstance(token["id"], int)]
    for i, word in enumerate(words, start=1):
        if word["id"] != i:
            raise FormatError(
                f"Expected the word with ID {i}, got ID {word['id']}. Number the words of a "
                "sentence from 1 and put a blank line between sentences.",
                path,
                word["line"],
            )
    if not words:
        raise FormatError("Expected a word with ID 1, got no word.", path, rows[0].number)
    spaces = _spaces(words, tokens, path)
    ner, remarks = _entities(words, tokens, options)
    return Record(
        line=rows[0].number,
        is_sentence=True,
        words=[word["form"] for word in words],
        token_lines=[word["line"] for word in words],
        spaces=spaces,
        tags=[missing(word["xpos"]) for word in words],
        pos=[missing(word["upos"]) for word in words],
        morphs=[None if _is_bare(word) else features(word["feats"]) for word in words],
        lemmas=[_lemma(word) for word in words],
        deps=[relation(word["head"], word["deprel"]) for word in words],
        heads=[word["head"] for word in words],
        heads_from=1,
        ner=ner,
        remarks=remarks,
    )


def _token(row: Line, path: Path) -> Token:
    id, *columns = require_text(row.text, path, row.number).split("\t")
    columns[1:] = map(strip_blanks, columns[1:])  # all but the form
    text = "\t".join((id, *columns))
    n_columns = len(columns) + 1
    if n_columns != len(DEFAULT_FIELDS):
        raise FormatError(
            f"Expected {len(DEFAULT_FIELDS)} columns separated by tabs, got {n_columns}. "
            "Is it CoNLL-U? For other columns use the format 'columns'.",
            path,
            row.number,
        )
    if "  " in text or "\t\t" in text:  # the parser takes two spaces for a tab
        raise FormatError(
            "Expected no empty column and no two spaces in a row, as CoNLL-U wants it. "
            "Write '_' for an empty column.",
            path,
            row.number,
        )
    try:
        token = parse_line(text, DEFAULT_FIELDS, _PARSERS)
    except ParseException as error:
        raise FormatError(
            f"Expected an ID like 1, 1-2 or 1.1 in the first column, got {id!r}.",
            path,
            row.number,
        ) from error
    token["line"] = row.number
    token["misc"] = parse_misc(token["misc"])
    return token


def _is_bare(word: Token) -> bool:
    """Whether nobody annotated the word, so that "_" as features does not mean none."""
    return word["upos"] == word["feats"] == "_"


def _lemma(word: Token) -> str | None:
    """The lemma; "_" is that of the word "_", if somebody annotated it."""
    lemma: str = word["lemma"]
    return lemma if lemma != "_" or (word["form"] == "_" and not _is_bare(word)) else None


def _entities(
    words: list[Token], tokens: list[Token], options: ReadOptions
) -> tuple[list[str | None], list[Remark]]:
    """The entity tags of the words, those of a multiword token spread over its words."""
    found = EntityTags([t["misc"] for t in tokens if not _is_empty_node(t)], options.ner_from)
    tags = [found.of(word["misc"]) for word in words]
    for token in filter(_is_multiword, tokens):
        tag = found.of(token["misc"])
        start, end = token["id"][0] - 1, token["id"][2]
        if tag is not None and not any(tags[start:end]):
            tags[start:end] = spread(tag, end - start)
    return [missing_ner(tag or "_") for tag in tags], [*found.remarks()]


def _is_multiword(token: Token) -> bool:
    return isinstance(token["id"], tuple) and token["id"][1] == "-"


def _is_empty_node(token: Token) -> bool:
    return isinstance(token["id"], tuple) and token["id"][1] == "."


def _spaces(words: list[Token], tokens: list[Token], path: Path) -> list[bool]:
    """Whether a space follows each word.

    The words of a multiword token are written without spaces where they add up to its form
    ("do" + "n't"), and with spaces where they do not ("de" + "le" for "du").
    """
    spaces = [("SpaceAfter", "No") not in word["misc"] for word in words]
    free = 0  # the first word that no multiword token before has
    for token in tokens:
        if _is_multiword(token):
            start, end = token["id"][0] - 1, token["id"][2]
            if not free <= start < end <= len(words):
                raise FormatError(
                    f"Expected words with the IDs {start + 1} to {end} for the multiword token "
                    f"{token['form']!r} alone, got {len(words)} words, of which other "
                    f"multiword tokens have {free}.",
                    path,
                    token["line"],
                )
            free = end
            exact = "".join(word["form"] for word in words[start:end]) == token["form"]
            spaces[start:end] = [not exact] * (end - start)
            spaces[end - 1] = ("SpaceAfter", "No") not in token["misc"]
    return spaces
