"""JSON objects as annotation tools write them, brought to the fields that we read."""

from __future__ import annotations

from typing import Any

from ..class_names import name_classes
from ..records import ReadOptions, Remark
from ..schemes import is_tag
from . import doccano, label_studio
from ._fields import FieldError

_CLASS_FIELDS = ("label", "labels", "ner_tags", "tags", "pos")


def as_fields(
    value: Any, options: ReadOptions, label_holds_spans: bool = False
) -> tuple[Any, list[Remark]]:
    """The value as an object with our fields where it is that of a known tool.

    label_holds_spans: Whether an empty `label` means no entities.
    RAISES (MTLError): If it is of a tool's format that cannot be read here.
    """
    if is_pair(value):  # spaCy 2's TRAIN_DATA
        value = {**value[1], "text": value[0]}
    if not isinstance(value, dict):
        return value, []
    _refuse_foreign(value)
    fields, remarks = doccano.as_fields(_from_doc(value), label_holds_spans)
    if options.class_names:
        fields = name_classes(fields, options.class_names, (*_CLASS_FIELDS, *options.cats_from))
        if _are_entity_tags(fields.get("tags")) and "ner_tags" not in fields:
            remarks.append(Remark("'tags' were read as entity tags", str(value["tags"])))
            fields["ner_tags"] = fields.pop("tags")
    return fields, remarks


def _are_entity_tags(tags: Any) -> bool:
    return isinstance(tags, list) and all(tag is None or is_tag(tag) for tag in tags)


def _from_doc(value: dict[str, Any]) -> dict[str, Any]:
    """What spaCy's `Doc.to_json` gives, with the tokens and entities as we read them."""
    text, tokens = value.get("text"), value.get("tokens")
    if not isinstance(text, str) or not isinstance(tokens, list) or "ner_tags" in value:
        return value
    if not all(isinstance(t, dict) and {"id", "start", "end"} <= t.keys() for t in tokens):
        return value
    if any("text" in token for token in tokens):  # Prodigy's
        return value
    fields = {**value, "tokens": [text[token["start"] : token["end"]] for token in tokens]}
    for name, attr in (("tags", "tag"), ("pos", "pos"), ("morphs", "morph")):
        if any(attr in token for token in tokens):
            fields[name] = [token.get(attr) for token in tokens]
    if "ents" in fields:
        fields["entities"] = fields.pop("ents")
    return fields


def is_pair(value: Any) -> bool:
    """Whether it is [text, {"entities": ...}]."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], dict)
    )


def _refuse_foreign(value: dict[str, Any]) -> None:
    paragraphs = value.get("paragraphs")
    if isinstance(paragraphs, list) and any("sentences" in part for part in paragraphs):
        raise FieldError(
            "Expected records, got what looks like spaCy 2's training data ('paragraphs'). Make a "
            ".spacy file of it with 'python -m spacy convert', which trains as it is."
        )
    if label_studio.is_task(value) or label_studio.has_regions(value):
        raise FieldError(
            "Expected one record per line, got what looks like Label Studio's export. Read it "
            "with --format json."
        )
    if "document" in value and "tokens" in value and "text" not in value:
        raise FieldError(
            "Expected a field 'text' or 'tokens' as strings, got what looks like UBIAI's export "
            "('document'). Export as IOB instead, and name the columns (--columns form,ner)."
        )
