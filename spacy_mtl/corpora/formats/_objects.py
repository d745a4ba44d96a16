"""JSON objects as annotation tools write them, brought to the fields that we read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import MTLError
from ..class_names import name_classes
from ..records import ReadOptions, Remark
from . import doccano, label_studio
from ._fields import FieldError
from ._literals import parse_literal
from ._token_tags import TokenTags

_CLASS_FIELDS = ("label", "labels", "ner_tags", "tags", "pos", "ner", "entities")
_OF_TOKENS = {
    "tags": "tag",
    "pos": "pos",
    "morphs": "morph",
    "lemmas": "lemma",
    "heads": "head",
    "deps": "dep",
}
_LISTS = (*doccano.SPAN_FIELDS, "entities", "spans", "cats", "tokens", "words", "tags", "ner_tags")


class Objects:
    """The objects of one file, whose fields can mean what only the file as a whole tells.

    label_holds_spans: Whether an empty `label` means no entities.
    sample: Objects of the file that tell which fields hold entity tags.
    """

    def __init__(
        self, options: ReadOptions, label_holds_spans: bool = False, sample: Iterable[Any] = ()
    ) -> None:
        self.options = options
        self.label_holds_spans = label_holds_spans
        self._token_tags = TokenTags(self._readable(sample), options)

    def as_fields(self, value: Any) -> tuple[Any, list[Remark]]:
        """The value as an object with our fields where it is that of a known tool.

        RAISES (MTLError): If it is of a tool's format that cannot be read here.
        """
        fields, remarks = self._known_fields(value)
        if not isinstance(fields, dict):
            return fields, remarks
        fields, more = self._token_tags.as_fields(fields)
        return fields, remarks + more

    def _known_fields(self, value: Any) -> tuple[Any, list[Remark]]:
        if is_pair(value):  # spaCy 2's TRAIN_DATA
            value = {**value[1], "text": value[0]}
        if not isinstance(value, dict):
            return value, []
        _refuse_foreign(value)
        value = _with_tokens(_from_doc(_unwrapped(_without_strings(value))))
        fields, remarks = doccano.as_fields(value, self.label_holds_spans)
        names = self.options.class_names
        if names:
            named = (*_CLASS_FIELDS, self.options.ner_from, *self.options.cats_from)
            numbered = [name for name in named if name not in self.options.values_from]
            spans = [name for name in numbered if _is_nested(fields.get(name))]
            fields = name_classes(fields, names, [n for n in numbered if n not in spans])
        return fields, remarks

    def _readable(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            try:
                yield self._known_fields(value)[0]
            except (MTLError, RecursionError):
                continue


def _is_nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(part, list | dict) for part in value)


def _without_strings(value: dict[str, Any]) -> dict[str, Any]:
    """The object with lists and objects in place of the strings that hold such."""
    strings = {name: value[name] for name in _LISTS if isinstance(value.get(name), str)}
    parsed = {name: parse_literal(text) for name, text in strings.items()}
    found = {name: label_studio.choice(part) for name, part in parsed.items() if part is not None}
    fields = {**value, **found}
    if label_studio.has_regions(found):
        return label_studio.Rows([fields]).as_fields(fields, "text")
    return fields


def _unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """The object with what spaCy 2 had in a dict of its own beside the text."""
    for name in ("annotations", "annotation"):
        inner = value.get(name)
        if isinstance(inner, dict) and {"entities", "cats"} & inner.keys():
            return {**{k: v for k, v in value.items() if k != name}, **inner}
    return value


def _with_tokens(value: dict[str, Any]) -> dict[str, Any]:
    """The object with the tokens that it has as `words`."""
    words, text = value.get("words"), value.get("text")
    if value.get("tokens") is not None or not isinstance(words, list) or not words:
        return value
    if not all(isinstance(word, str) for word in words):
        return value
    if isinstance(text, str) and "".join(text.split()) != "".join("".join(words).split()):
        return value  # words of another kind
    return {**{k: v for k, v in value.items() if k not in ("words", "tokens")}, "tokens": words}


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
    for name, attr in _OF_TOKENS.items():
        if any(attr in token for token in tokens):
            fields[name] = [token.get(attr) for token in tokens]
    if "ents" in fields:
        fields["entities"] = fields.pop("ents")
    if "sents" in fields:
        fields["sentences"] = fields.pop("sents")
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
