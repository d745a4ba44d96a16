"""Entity tags in fields that may as well hold classes, such as `labels` beside `tokens`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..records import ReadOptions, Remark
from ..schemes import is_tag
from ._fields import FieldError
from ._text import missing_ner

CANDIDATES = ("ner", "entities", "labels", "label", "tags")

_READ = "field {0!r}, as long as the tokens, was read as entity tags (--cats-from {0}: as classes)"
_NOT_READ = "field {0!r}, which looks like entity tags, was not used (--ner-from {0})"
_AS_CLASSES = (
    "field {0!r}, as long as the tokens, was read as classes (its tags would be in 'tags')"
)

Object = dict[str, Any]


@dataclass
class _Seen:
    """How many lists of a field are as long as the tokens, and how many of these are tags."""

    beside_tokens: bool = False
    lists: int = 0
    as_long: int = 0
    tags: int = 0
    numbers: int = 0
    values: set[Any] = field(default_factory=set)


class TokenTags:
    """The fields of a file that hold an entity tag for each token.

    A field does if half of its lists, or more, are as long as the tokens and have nothing but
    tags; or if all are as long as the tokens and there is "O" among labels without a letter.

    objects: The objects of the file, or the first of them.
    names (List[str]): These fields.
    """

    def __init__(self, objects: Iterable[Any], options: ReadOptions) -> None:
        self.options = options
        seen: dict[str, _Seen] = {}
        for value in objects:
            if isinstance(value, dict):
                self._look_at(value, seen)
        self.names = [
            name
            for name in CANDIDATES
            if name in seen and (name == options.ner_from or _are_tags(name, seen[name]))
        ]
        self._doubtful = [
            name
            for name in {"labels", "label"} & seen.keys() - {*self.names}
            if seen[name].beside_tokens and seen[name].as_long == seen[name].lists
        ]

    def as_fields(self, value: Object) -> tuple[Object, list[Remark]]:
        """The object with its entity tags in `ner_tags`, and what to say of it.

        RAISES (FieldError): If they are numbers without names.
        """
        fields, remarks = dict(value), []
        found = [name for name in self.names if isinstance(fields.get(name), list)]
        chosen = self._choose(fields, found)
        for name in found:
            if name == chosen:
                self._require_names(name, fields[name])
                fields["ner_tags"] = fields.pop(name)
                if name != self.options.ner_from:
                    remarks.append(Remark(_READ.format(name), _shown(value[name])))
            elif name != "tags":
                remarks.append(Remark(_NOT_READ.format(name), _shown(fields.pop(name))))
        for name in self._doubtful:
            if isinstance(fields.get(name), list) and len(fields[name]) > 1:
                remarks.append(Remark(_AS_CLASSES.format(name), _shown(fields[name])))
        if chosen and fields.get("tokens") is None and isinstance(fields.get("text"), str):
            fields["tokens"] = fields["text"].split()
        return fields, remarks

    def _choose(self, fields: Mapping[str, Any], found: Sequence[str]) -> str:
        """The field to read, "" if it is none of `found`."""
        own = self.options.ner_from if self.options.ner_from in fields else "ner_tags"
        if own in found:
            return own
        if not found or (fields.get(own) is not None and not _are_numbers(fields[own])):
            return ""
        return "" if found[0] == "tags" and own in fields else found[0]

    def _look_at(self, value: Object, seen: dict[str, _Seen]) -> None:
        names = self.options.class_names
        tokens = value.get("tokens")
        if tokens is None and isinstance(value.get("text"), str):
            tokens = value["text"].split()
        for name in CANDIDATES:
            tags = value.get(name)
            if not isinstance(tags, list) or not tags or name in self.options.cats_from:
                continue
            if not isinstance(tokens, list) or any(isinstance(tag, list | dict) for tag in tags):
                continue
            of_name = seen.setdefault(name, _Seen())
            of_name.lists += 1
            if len(tags) == len(tokens):
                of_name.beside_tokens |= value.get("tokens") is not None
                of_name.as_long += 1
                of_name.tags += all(map(_is_tag, tags))
                of_name.numbers += value.get("tokens") is not None and _are_numbers(tags)
                of_name.values.update(tags)
                of_name.values.update({"O"} & {*names.get(name, names.get("", ()))})

    def _require_names(self, name: str, tags: Sequence[Any]) -> None:
        if _are_numbers(tags):
            raise FieldError(
                f"Expected entity tags such as B-PER in {name!r}, one for each token, got the "
                f"numbers {_shown(tags)}. Give the names of the classes (--names), or name the "
                "fields with classes (--cats-from)."
            )


def _are_tags(name: str, seen: _Seen) -> bool:
    known = {value for value in seen.values if isinstance(value, str) and missing_ner(value)}
    if 2 * seen.tags >= seen.lists and known:
        return known != {"O"} or (seen.beside_tokens and name != "tags")
    if name == "tags":
        return False
    in_io = seen.as_long == seen.lists and "O" in known and all(map(_is_name, seen.values))
    return in_io or 2 * seen.numbers >= seen.lists


def _is_tag(value: Any) -> bool:
    return value is None or isinstance(value, str) and (missing_ner(value) is None or is_tag(value))


def _is_name(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _are_numbers(values: Any) -> bool:
    numbers = [value for value in values if value is not None] if isinstance(values, list) else []
    return bool(numbers) and all(type(number) is int for number in numbers)


def _shown(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))
