"""The names of classes that a file gives by number, as Hugging Face's datasets do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import srsly

from ..errors import FormatError, MTLError

_MISSING = (-1, -100)  # as Hugging Face writes a missing label
Names = Mapping[str, Sequence[str]]


def read_class_names(path: Path) -> dict[str, list[str]]:
    """Read the names of classes, by the field that has their numbers, "" for any field.

    path: Text with one name per line; or JSON: a list of names, an object with such a list for
        each field, a `dataset_info.json` or a model's `config.json` (`id2label`); or a data card
        (`README.md`) with `dataset_info`.
    RAISES (FormatError): If it is none of these.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MTLError(f"Expected a file with names of classes, got {path}: {error}.") from error
    if text.startswith("---"):
        found = _in_value(srsly.yaml_loads(text.split("---")[1]))
    elif text.lstrip()[:1] in ("[", "{"):
        try:
            found = _in_value(json.loads(text))
        except ValueError as error:
            raise FormatError(f"Expected names of classes as JSON, got: {error}.", path) from error
    else:
        found = {"": [line.strip() for line in text.splitlines() if line.strip()]}
    if not any(found.values()):
        raise FormatError(
            "Expected names of classes, got none. Write one per line, or a JSON object with a "
            'list of them for each field: {"ner_tags": ["O", "B-PER"]}.',
            path,
        )
    return found


def name_classes(values: Mapping[str, Any], names: Names, fields: Iterable[str]) -> dict[str, Any]:
    """The values with names in place of numbers in these fields, None for a missing one.

    RAISES (MTLError): If a number has no name, or it is not clear whose the names are.
    """
    named = dict(values)
    numbered = [field for field in dict.fromkeys(fields) if _has_number(values.get(field), names)]
    shared = [field for field in numbered if field not in names]
    if len(shared) > 1 and "" in names:
        raise MTLError(
            f"Expected the names of one field, got numbers in {' and '.join(map(repr, shared))}. "
            'Give the names of each: {"ner_tags": [...], "label": [...]} (--names).'
        )
    for field in numbered:
        if field in names or "" in names:
            named[field] = _named(values[field], names.get(field) or names[""], field)
    return named


def _named(value: Any, names: Sequence[str], field: str) -> Any:
    if isinstance(value, list):
        return [_named(part, names, field) for part in value]
    if value in names or not _is_number(value):
        return value
    number = int(value)
    if number in _MISSING:
        return None
    if not 0 <= number < len(names):
        raise MTLError(
            f"Expected numbers of classes from 0 to {len(names) - 1} in {field!r}, as many as "
            f"there are names (--names), got {number}."
        )
    return names[number]


def _has_number(value: Any, names: Names) -> bool:
    if isinstance(value, list):
        return any(_has_number(part, names) for part in value)
    return _is_number(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.removeprefix("-").isdecimal()
    return isinstance(value, int) and not isinstance(value, bool)


def _in_value(value: Any) -> dict[str, list[str]]:
    """The names in what was read from JSON or YAML, by field."""
    names = _listed(value)
    if names:
        return {"": names}
    if isinstance(value, list):  # features of a data card, or configurations of a dataset
        parts = [part for part in value if isinstance(part, dict)]
        fields = {part.get("name", ""): _anywhere(part) for part in parts if "dtype" not in part}
        found = {name: names for name, names in fields.items() if names and name}
        return found or (_in_value(parts[0]) if parts else {})
    if not isinstance(value, dict):
        return {}
    for key in ("dataset_info", "features", "id2label", "label2id", "names"):
        if key in value:
            return _in_value(value[key])
    fields = {key: _anywhere(part) for key, part in value.items()}
    found = {key: names for key, names in fields.items() if names}
    inner = next((part for part in value.values() if "features" in _keys(part)), None)
    return _in_value(inner) if inner is not None else found


def _anywhere(value: Any) -> list[str]:
    """The names that a feature has somewhere in it."""
    names = _listed(value)
    if names or not isinstance(value, dict):
        return names
    for key, part in value.items():
        inner = _listed(part) if key == "names" else _anywhere(part) if _keys(part) else []
        if inner:
            return inner
    return []


def _listed(value: Any) -> list[str]:
    """The names as a list, as {"0": name} or as {name: 0}; nothing if it is something else."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return value
    if not isinstance(value, dict) or not value:
        return []
    pairs = [(str(key), part) for key, part in value.items()]
    if all(isinstance(number, int) for _, number in pairs):
        pairs = [(str(number), name) for name, number in pairs]
    ordered = {int(key): name for key, name in pairs if key.isdecimal() and isinstance(name, str)}
    if len(ordered) == len(value) and sorted(ordered) == [*range(len(value))]:
        return [ordered[number] for number in range(len(value))]
    return []


def _keys(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []
