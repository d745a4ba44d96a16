"""Comments, columns and fields that were not used and look like annotation."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..labels import is_number, whole_number
from ..records import Remark
from ..schemes import is_tag
from ._text import missing_ner

_FLAG = re.compile(r"[^\W\d][\w-]*( [^\W\d][\w-]*)?")  # a comment of one or two words
_MAX_LABEL = 40  # characters
_MAX_WORDS = 4
_LABEL_KEYS = {"label", "labels", "type", "entity", "tag"}
_TRIPLES = ([int, int, str], [str, int, int])  # a span
_MAX_DEPTH = 5
_OWN_LAYER = {"field": ("if it is a layer of your own, --code FILE",)}  # columns have none

# How many different values there may be for them to be labels: so few in any file, so many at most.
_FEW = 20
_MAX_LABELS = 1000
_TOO_FEW = 5  # rows to tell anything from their being different

# Words at the end of a name, or alone, of what nobody annotated.
_PLAIN = re.compile(
    "accept|annotators?|at|authors?|comments?|config|count|created|date|doc|document|empty|file|"
    "filename|hash|hashes|html|ids?|idx|image|index|lang|language|length|line|link|meta|metadata|"
    "fixme|n|newdoc|newpar|notes?|number|offset|options|order|page|path|row|sentence|"
    "source|split|text|time|timestamp|title|todo|tokens|updated|uri|url|user|username|uuid|"
    "version|words|year"
)
# Those at the end of a name of annotation, whatever it begins with.
_ANNOTATION = re.compile(
    "annotations?|cat|categor(y|ies)|cats|class|classes|domain|entit(y|ies)|ents|genre|intents?|labels?|"
    "level|mood|ner|polarity|quality|rating|register|sentiment|slots|spans?|stars|tags?|topics?|type"
)
_PLAIN_BEGINNING = re.compile("global|newdoc|newpar|orig|text|translit|unnamed")


def like_labels(values: Collection[str], n_records: int) -> bool:
    """Whether they repeat as labels do and neither texts, measurements nor numbers of rows."""
    n_values = len(values)
    if n_values > _MAX_LABELS or n_values == n_records > _TOO_FEW:
        return False
    if any(is_number(v) and not whole_number(v).strip("+-").isdecimal() for v in values):
        return n_values <= min(_FEW, n_records // 2)
    return n_values <= max(_FEW, n_records // 2)


def like_values(values: Collection[str], n_records: int) -> bool:
    """Whether they are like labels, or several documents have such numbers as 0.5."""
    fractions = any(not whole_number(v).strip("+-").isdecimal() for v in values)
    if fractions and all(map(is_number, values)):
        return n_records > 1
    return like_labels(values, n_records)


def _repeats(values: Collection[str], n_records: int) -> bool:
    return n_records > len(values)


def unused_comments(comments: Mapping[str, str], used: Sequence[str]) -> Iterator[Remark]:
    """The comments that may hold the class of a sentence; one without a value is its own key."""
    for key, value in comments.items():
        if key not in used and _may_be_label(key, value):
            what = f"comment {key!r} was not used"
            yield Remark(what, value, worth_saying=like_labels, uses=_options(key, value))
        elif not value and _FLAG.fullmatch(key) and not _is_plain(key):
            what = f"comment {key!r} was not used (write it as '# NAME = {key}')"
            yield Remark(what, key, worth_saying=_repeats)


def unused_columns(row: Mapping[str, Any], n_tokens: int) -> Iterator[Remark]:
    """The columns of a CSV file that may hold annotation.

    row: The cells that were not used, as lists or objects where they hold such.
    """
    return unused_fields(row, n_tokens, "column")


def unused_token_columns(tokens: Sequence[Sequence[str]], n_used: int) -> Iterator[Remark]:
    """The columns behind those that have names, where a token has something in them.

    tokens: The columns of each token.
    n_used: How many of them have names.
    """
    for i, values in enumerate(zip(*tokens, strict=True), start=1):
        known = [value for value in values if missing_ner(value) and value != "O"]
        if i > n_used and known:
            yield Remark(f"column {i} was not used (--columns)", known[0])


def unused_fields(
    fields: Mapping[str, Any], n_tokens: int, kind: str = "field", depth: int = 1
) -> Iterator[Remark]:
    """The fields of a JSON object that may hold annotation.

    n_tokens: The number of its tokens, 0 if it has none.
    kind: What the user calls them.
    depth: In how many objects they are.
    """
    for name, value in fields.items():
        if isinstance(value, str | bool | int | float) and _may_be_label(name, str(value)):
            worth_saying = like_values if kind == "field" and depth == 1 else like_labels
            uses = (*_options(name, str(value)), *_OWN_LAYER.get(kind, ()))
            yield Remark(f"{kind} {name!r} was not used", str(value), False, worth_saying, uses)
        elif isinstance(value, dict) and value and not _is_plain(name):
            yield from _unused_keys(name, value, n_tokens, kind, depth)
        elif isinstance(value, list) and value and not _is_plain(name):
            yield from _unused_list(name, value, n_tokens, kind, depth)


def _unused_keys(
    name: str, value: dict[str, Any], n_tokens: int, kind: str, depth: int
) -> Iterator[Remark]:
    what = f"{kind} {name!r} was not used"
    if all(isinstance(number, int | float) and 0 <= number <= 1 for number in value.values()):
        yield Remark(f"{what}; categories belong in 'cats'", str(value))
    elif _is_annotation(name):
        yield Remark(f"{what}; put what is in it beside 'text'", str(value))
    elif depth < _MAX_DEPTH:
        for key, part in value.items():
            for remark in unused_fields({key: part}, n_tokens, kind, depth + 1):
                what = f"{kind} {key!r} in {name!r} was not used; put it beside 'text'"
                yield remark._replace(what=what, uses=())


def _unused_list(
    name: str, value: list[Any], n_tokens: int, kind: str, depth: int
) -> Iterator[Remark]:
    what = f"{kind} {name!r} was not used"
    if all(map(_is_plain_value, value)):
        yield from _unused_values(name, value, n_tokens, kind)
    elif all(isinstance(span, list) and [*map(type, span)] in _TRIPLES for span in value):
        yield Remark(f"{what}; spans belong in 'entities'", str(value[0]))
    elif _is_nested(value):
        yield Remark(what, str(value), uses=_OWN_LAYER.get(kind, ()))
    elif _is_annotation(name) or all(
        isinstance(part, dict) and _LABEL_KEYS & {*part} for part in value
    ):
        yield Remark(what, str(value[0]))
    elif isinstance(value[0], dict):
        yield from _unused_keys(name, value[0], n_tokens, kind, depth)


def _unused_values(name: str, value: list[Any], n_tokens: int, kind: str) -> Iterator[Remark]:
    """A list of texts and numbers, some of which may be missing."""
    known = [part for part in value if part is not None]
    texts = [part for part in known if isinstance(part, str)]
    uses = []
    if len(value) == n_tokens:
        if any(text != "O" and is_tag(text) for text in texts):
            uses.append(f"--ner-from {_shown(name)}")
    elif not all(_may_be_label(name, text) for text in texts):
        return
    elif all(isinstance(part, str | int) for part in known):
        uses.append(f"--cats-from {_shown(name)}")
    if known:
        what = f"{kind} {name!r} was not used"
        yield Remark(what, str(value), uses=(*uses, *_OWN_LAYER.get(kind, ())))


def _is_plain_value(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_nested(value: list[Any]) -> bool:
    """Whether there are lists in it, and in these texts as short as labels and numbers alone."""
    parts = list(value)
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts.extend(part)
        elif not _is_plain_value(part) or (isinstance(part, str) and len(part) > _MAX_LABEL):
            return False
    return True


def _options(name: str, value: str) -> tuple[str, ...]:
    """The options that read what is named so, with this value."""
    options = ("--cats-from", "--values-from") if is_number(value) else ("--cats-from",)
    return tuple(f"{option} {_shown(name)}" for option in options)


def _may_be_label(name: str, value: str) -> bool:
    """Whether it is as short as a label, and its name is none of an ID or the like."""
    if not value.strip() or len(value) > _MAX_LABEL or len(value.split()) > _MAX_WORDS:
        return False
    return not _is_plain(name) and "://" not in value


def _is_plain(name: str) -> bool:
    words = _words(name)
    if name.startswith("_") or not words:
        return True
    if _PLAIN.fullmatch(words[-1]):
        return True
    begins_so = _PLAIN_BEGINNING.fullmatch(words[0]) is not None
    return begins_so and not _is_annotation(name)


def _is_annotation(name: str) -> bool:
    return _ANNOTATION.fullmatch(_words(name)[-1]) is not None


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


def _shown(name: str) -> str:
    return f"'{name}'" if " " in name else name
