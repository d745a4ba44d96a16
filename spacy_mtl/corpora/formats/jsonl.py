"""JSONL: one document per line as a JSON object, Prodigy's export among them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from ...errors import FormatError, MTLError
from ...layers import BUILT_IN, table
from ..alignment import align, spaces_between
from ..records import VALUES, ReadOptions, Record
from . import doccano
from ._fields import FieldError, Fields
from ._objects import Objects
from ._parses import parse, sentences
from ._prodigy import choices, is_left_out, is_question, read_answer
from ._text import Item, attempt, features, missing, missing_ner, numbered_lines, require_text
from ._token_tags import CANDIDATES
from ._unused import unused_fields

_SAMPLE = 1000
_MAY_HAVE_TAGS = re.compile(rf'"({"|".join(CANDIDATES)})"\s*:\s*"?\[')


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The objects of a JSONL file.

    Fields: `text` or `tokens` (or `words`) or both; `label`, `labels` or `cats` (or the fields
    `cats_from`); `values` and the fields `values_from`; `entities`, `spans` or `ner_tags`; `tags`,
    `pos` and `morphs`; `lemmas`, `heads` with `deps`, and `sentences` as `spacy mtl annotate`
    writes them or as [start, end]; the fields of other layers in the table. A field that is not
    there or is null is missing annotation. Of Prodigy's exports, `options` with `accept` are
    classes.
    """
    lines = (line for line in numbered_lines(path) if line.text.strip())
    objects = Objects(options, doccano.holds_spans(path), _sample(path))
    for document, line in enumerate(lines):
        item = attempt(partial(_record, path, line.number, line.text, options, objects))
        if isinstance(item, Record):
            item.document = document
        yield item


def _sample(path: Path) -> Iterator[Any]:
    """The first objects of a file that have a list where entity tags may be."""
    lines = (line.text for line in numbered_lines(path) if _MAY_HAVE_TAGS.search(line.text))
    for text in islice(lines, _SAMPLE):
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            continue


def _record(path: Path, line: int, source: str, options: ReadOptions, objects: Objects) -> Record:
    require_text(source, path, line)
    try:
        value = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise _not_json(error, path, line) from error
    if "\\u" in source:  # an escaped character is none of the line's own
        for text in strings(value):
            require_text(text, path, line)
    return record(value, path, line, options, objects)


def record(value: Any, path: Path, line: int, options: ReadOptions, objects: Objects) -> Record:
    """The record of an object.

    objects: What the file as a whole tells of them.
    RAISES (FormatError): If it is not as it should be.
    """
    try:
        value, remarks = objects.as_fields(value)
        found = _from_fields(Fields(value), line, options)
        found.remarks += remarks
        return found
    except MTLError as error:
        raise FormatError(str(error), path, line) from error
    except RecursionError as error:  # it was read, but is too deep to be shown
        raise _not_json(error, path, line) from error


def _not_json(error: Exception, path: Path, line: int) -> FormatError:
    return FormatError(f"Expected a JSON object on one line, got: {error}.", path, line)


def strings(value: Any) -> Iterator[str]:
    """All strings in a JSON value."""
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            parts.extend(part)
        elif isinstance(part, dict):
            parts.extend((*part, *part.values()))


def _from_fields(fields: Fields, line: int, options: ReadOptions) -> Record:
    if is_question(fields):
        record = read_answer(fields, line, options)
    elif is_left_out(fields):
        record = Record(line=line, rejected=True)
    else:
        record = _annotated(fields, line, options)
    if record.rejected:
        return record
    if record.text is None and record.words is None:
        raise FieldError(f"Expected a field 'text' or 'tokens', got {fields.names()}.")
    _check_combination(record, fields, options)
    n_tokens = len(record.words or ())
    record.remarks += [*fields.remarks, *unused_fields(fields.unread(), n_tokens)]
    if record.text is not None and record.words is not None:
        record.spaces = spaces_between(align(record.words, record.text), record.text)
    return record


def _annotated(fields: Fields, line: int, options: ReadOptions) -> Record:
    ner = options.ner_from if options.ner_from in fields else "ner_tags"
    grouped = isinstance(fields.get("spans"), dict)
    return Record(
        line=line,
        text=fields.string("text"),
        words=fields.tokens("tokens"),
        tags=fields.strings("tags", missing),
        pos=fields.strings("pos", missing),
        morphs=fields.strings("morphs", features),
        ner=fields.strings(ner, missing_ner),
        **parse(fields),
        sentences=sentences(fields),
        values=_values(fields, options),
        ents=fields.char_spans("entities" if grouped or "entities" in fields else "spans"),
        spans=fields.span_groups("spans") if grouped else None,
        cats=fields.cats("cats", options.missing, options.values_from),
        classes=_classes(fields, options),
        judged=choices(fields, options),
    )


def _values(fields: Fields, options: ReadOptions) -> dict[str, Any]:
    """The layers that are none of spaCy's own, and values of the document."""
    others = {name: layer for name, layer in table().items() if name not in BUILT_IN}
    found = {
        name: fields.get(layer.field) for name, layer in others.items() if layer.field in fields
    }
    numbers = {} if VALUES in options.values_from else fields.numbers(VALUES)
    cats = fields.peek("cats")
    for name in options.values_from:
        if isinstance(cats, dict) and name in cats:
            numbers[name] = cats[name]
        if name in fields:
            numbers[name] = fields.get(name)
    return {**found, VALUES: numbers} if numbers else found


def _classes(fields: Fields, options: ReadOptions) -> dict[str, list[str]]:
    groups = {name: name for name in options.cats_from}
    if not options.cats_from:
        if "label" in fields and "labels" in fields:
            raise FieldError("Expected 'label' or 'labels', got both.")
        names = [name for name in ("label", "labels") if name not in options.values_from]
        groups = dict.fromkeys(names, options.group_name)
        if isinstance(fields.get("accept"), list) and not ("label" in fields or "labels" in fields):
            groups["accept"] = options.group_name
    if "options" in fields:
        groups.pop("accept", None)  # `choices` reads it
    return {g: fields.labels(name) for name, g in groups.items() if fields.has_labels(name)}


def _check_combination(record: Record, fields: Fields, options: ReadOptions) -> None:
    for group in record.judged.keys() & record.classes.keys():
        raise FieldError(
            f"Expected the classes of the group {group!r} in one field, got 'accept' and others. "
            "Name the fields to read, each as a group (--cats-from)."
        )
    if record.cats is not None and options.group_name in (*record.classes, *record.judged):
        raise FieldError("Expected 'cats' or labels, got both.")
    entities = [name for name in ("entities", "ner_tags") if name in fields]
    if isinstance(fields.get("spans"), list):
        entities.append("spans")
    if len(entities) > 1:
        raise FieldError(f"Expected entities in one field, got {' and '.join(entities)}.")
    if record.words is None:
        others = (table()[name] for name in record.values)
        by_token = [layer.field for layer in others if layer.by_token]
        for name in ("tags", "pos", "morphs", "ner_tags", *by_token):
            if name in fields:
                raise FieldError(f"Expected 'tokens' beside {name!r}, got {fields.names()}.")
    if record.text is None and (record.ents is not None or record.spans is not None):
        raise FieldError(
            f"Expected a field 'text' that character offsets refer to, got {fields.names()}."
        )
