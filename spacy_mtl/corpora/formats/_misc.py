"""Entity tags in the MISC column of CoNLL-U, whatever key they stand under."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from ..records import Remark, WorthSaying
from ..schemes import is_tag
from ._text import missing_ner

Misc = list[tuple[str, str]]  # keys and values, the key "" for a value without one

# Of UD treebanks and Stanza; of Estonian and German treebanks and GiNZA; of NorNE, now and before.
_KEYS = ("ner", "ne", "name", "")
_MORE_KEYS = ("entity", "namedentity", "named_entity", "ner_tag", "ne_tag", "iob", "bio", "biluo")
_PART = re.compile(r"\||\s+(?=\S+=)")
_LOOKS_LIKE_TAG = re.compile(r"[BILUESMW][-_:/].+|.+[-_:/][BILUESMW]")
_LABEL = re.compile(r"[A-Z][\w.-]{0,15}")
_ENTITY_KEY = re.compile(
    r"(?i:named|entity|entities|ent|ner|ne)($|[_.:-]|[A-Z][a-z])|(?i:ent_?iob)"
)
_OF_FORMS = re.compile(r"gloss|translit|form|lemma|seg|ref|orig|spell|lid$|id$", re.I)


def parse_misc(text: str) -> Misc:
    """The keys and values of a MISC column."""
    if text == "_":
        return []
    pairs = (part.strip().partition("=") for part in _PART.split(text))
    return [(key.strip(), value.strip()) if sign else ("", key) for key, sign, value in pairs]


class EntityTags:
    """The entity tags of a sentence and where they come from.

    The key is `ner_from`, or else the first known one, whatever its case, with a tag.

    tokens: MISC of each word and multiword token.
    key (str | None): The key that they stand under, None if there are none.
    """

    def __init__(self, tokens: Sequence[Misc], ner_from: str) -> None:
        self.tokens = tokens
        there = {key.casefold() for token in tokens for key, _ in token}
        known = [ner_from.casefold()] if ner_from else [*_KEYS, *_MORE_KEYS]
        found = (key for key in known if key in there and self._has_tags(key, bool(ner_from)))
        self.key = next(found, None)

    def of(self, token: Misc) -> str | None:
        """The tag of a word or a multiword token."""
        return None if self.key is None else next(_values(token, self.key), None)

    def remarks(self) -> Iterator[Remark]:
        """What in MISC looks like entities and was not read."""
        for key, value in dict.fromkeys(pair for token in self.tokens for pair in token):
            if key.casefold() == self.key:
                continue
            if key.casefold() == "entity" and {"(", ")"} & {*value}:
                what = "Entity= in MISC, coreference and no tags, was not read"
            elif _LOOKS_LIKE_TAG.fullmatch(value) and not _OF_FORMS.search(key):
                what = f"{key}= in MISC, which looks like tags, was not read (--ner-from {key})"
            elif key and key.casefold() in (*_KEYS, *_MORE_KEYS) and not _says_nothing(value):
                what = f"{key}= in MISC, no tags such as B-PER, was not read"
            elif key and value[:1].isalpha() and not _OF_FORMS.search(key):
                what = f"{key}= in MISC, which looks like tags or parts of them, was not read"
                how = f"(--ner-from {key} reads it if it has labels)"
                yield Remark(f"{what} {how}", value, worth_saying=_of_entities(key))
                continue
            else:
                continue
            yield Remark(what if key else "tags without a key in MISC were not read", value)

    def _has_tags(self, key: str, chosen: bool) -> bool:
        tags = (tag for token in self.tokens for tag in _values(token, key))
        if chosen or key == "ner":  # whatever they are: one that is no tag is an error
            return any(missing_ner(tag) for tag in tags)
        return any(map(is_tag, tags))


def _values(token: Misc, wanted: str) -> Iterator[str]:
    return (v for key, v in token if key.casefold() == wanted and (key or is_tag(v)))


def _of_entities(key: str) -> WorthSaying:
    return _has_label if _ENTITY_KEY.match(key) else _is_scheme


def _is_scheme(values: Collection[str], n_records: int) -> bool:
    """Whether they are the letters of a scheme, or "O" and labels."""
    letters = {*values} & {*"BILUESMWO"}
    labels = {*values} - letters
    if not labels:
        return len(letters) > 1 and bool(letters & {"B", "O"})
    return "O" in letters and all(map(_LABEL.fullmatch, labels))


def _has_label(values: Collection[str], n_records: int) -> bool:
    return {*values} != {"O"} and all(map(_LABEL.fullmatch, values))


def _says_nothing(value: str) -> bool:
    return value == "O" or missing_ner(value) is None


def spread(tag: str, n_words: int) -> Iterable[str]:
    """The tags of the words of a multiword token that has one as a whole."""
    label = tag[1:] if is_tag(tag) and tag != "O" else ""
    if not label or n_words == 1:
        return [tag] * n_words
    letter = tag[0].upper()
    first = "I" if letter in "ILEM" else "B"
    last = {"L": "L", "U": "L", "E": "E", "S": "E", "W": "E"}.get(letter, "I")
    return [f"{x}{label}" for x in (first, *"I" * (n_words - 2), last)]
