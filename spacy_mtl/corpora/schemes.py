"""Tagging schemes for entities: IOB1, IOB2, BILUO (also written IOBES and BMES) and IO to IOB2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ..errors import MTLError

Tag = tuple[str, str]

_OUTSIDE: Tag = ("O", "")
# Other letters for those of BILUO: E(nd), S(ingle), M(iddle), W(hole).
_LETTERS = {"B": "B", "I": "I", "L": "L", "U": "U", "E": "L", "S": "U", "M": "I", "W": "U"}
_ONLY_BILUO = frozenset(_LETTERS) - {"B", "I"}
_TAG = re.compile(f"(?P<letter>[{''.join(_LETTERS)}])[-_](?P<label>.+)", re.I | re.S)
_LETTER_LAST = re.compile(f".+[-_][{''.join(_LETTERS)}]", re.S)  # as in "PER-B"


class TagError(MTLError):
    """An entity tag that does not belong where it is.

    message (str): What was expected, what came, and what to do about it.
    index (int): The position of the tag in its sequence.
    """

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


class SchemeDetector:
    """Finds the scheme of a file from the tags that only one scheme allows.

    "L-", "U-", "E-", "S-", "M-" or "W-" are BILUO. Without them, each "I-" that continues nothing
    speaks for IOB1, and each "B-" that follows no entity of its label for IOB2: the majority
    decides. A file with "O" and with bare labels, such as "PER", instead of these is IO.

    bare (str): The first tag with a label and no letter.
    n_bare (int): The number of these.
    """

    def __init__(self) -> None:
        self.biluo = 0
        self.iob1 = 0
        self.iob2 = 0
        self.bare = ""
        self.n_bare = 0
        self._outside = 0
        self._with_letter = 0
        self._bare_letters = 0
        self._longer = 0
        self._letter_last = 0

    def add(self, tags: Iterable[str | None]) -> None:
        """Take the tags of one sentence into account."""
        previous = ""
        for tag in tags:
            letter, label = _split(tag or "")
            if not letter and tag:
                self._add_bare(tag)
            elif letter in _ONLY_BILUO:
                self.biluo += 1
            elif letter == "I" and label != previous:
                self.iob1 += 1
            elif letter == "B" and label != previous:
                self.iob2 += 1
            self._with_letter += bool(letter)
            previous = label

    def _add_bare(self, tag: str) -> None:
        if tag == "O":
            self._outside += 1
        elif tag.upper() in _LETTERS:
            self._bare_letters += 1
        else:
            self.bare = self.bare or tag
            self.n_bare += 1
            self._longer += len(tag) > 1
            self._letter_last += bool(_LETTER_LAST.fullmatch(tag))

    @property
    def scheme(self) -> str:
        """The scheme of all tags so far: "BILUO", "IOB1", "IOB2" or "IO"."""
        # Beside longer labels, a letter is one whose label was forgotten.
        forgotten = self._bare_letters and self._longer
        bare = self._letter_last < self.n_bare and not forgotten
        if self._outside and bare and not self._with_letter:
            return "IO"
        if self.biluo:
            return "BILUO"
        return "IOB1" if self.iob1 > self.iob2 else "IOB2"


def is_tag(value: str) -> bool:
    """Whether it is "O" or a letter and a label, as in "B-PER"."""
    return value == "O" or bool(_TAG.fullmatch(value))


def _split(tag: str) -> Tag:
    """The letter and the label of a tag, both empty for one without a letter."""
    match = _TAG.fullmatch(tag)
    return (match["letter"].upper(), match["label"]) if match else ("", "")


def to_iob2(tags: Sequence[str | None], scheme: str) -> list[str | None]:
    """Normalise the entity tags of one sentence, None standing for a missing tag.

    scheme: "IOB1", "IOB2", "BILUO", or "IO" with bare labels.
    RAISES (TagError): If a tag is none of the scheme or cannot follow the one before it.
    """
    if scheme == "IO":
        scheme = "IOB1"
        tags = [f"I-{tag}" if tag and tag != "O" else tag for tag in tags]
    normalise = _biluo_to_iob2 if scheme == "BILUO" else _iob_to_iob2
    return ["-".join(tag) if tag and tag[1] else tag and tag[0] for tag in normalise(tags, scheme)]


def from_mixed_iob(tags: Iterable[str | None]) -> list[str | None]:
    """Tags in IOB1, IOB2 or a mixture of both in IOB2: an "I-" that continues nothing begins."""
    mended: list[str | None] = []
    previous = ""
    for tag in tags:
        letter, label = _split(tag or "")
        mended.append(f"B-{label}" if letter == "I" and label != previous else tag)
        previous = label
    return mended


def _iob_to_iob2(tags: Sequence[str | None], scheme: str) -> Iterator[Tag | None]:
    misplaced = "I" if scheme == "IOB2" else "B"
    previous = ""
    for i, raw in enumerate(tags):
        tag = _parse(raw, i)
        letter, label = tag or _OUTSIDE
        if letter == misplaced and label != previous:
            raise _transition(tags, i, scheme)
        starts = letter == "B" or label != previous
        yield ("B" if starts else "I", label) if label else tag
        previous = label


def _biluo_to_iob2(tags: Sequence[str | None], scheme: str) -> Iterator[Tag | None]:
    open_label = ""
    for i, raw in enumerate(tags):
        tag = _parse(raw, i)
        letter, label = tag or _OUTSIDE
        continued = label if letter in ("I", "L") else ""
        if continued != open_label:
            raise _transition(tags, i, scheme)
        open_label = label if letter in ("B", "I") else ""
        yield ("I" if continued else "B", label) if label else tag
    if open_label:
        raise TagError(
            f"Expected 'L-{open_label}' to end the entity before the sentence ends "
            f"(the file's scheme is {scheme}), got {tags[-1]!r} as last tag.",
            len(tags) - 1,
        )


def _parse(tag: str | None, index: int) -> Tag | None:
    if tag is None:
        return None
    if tag == "O":
        return _OUTSIDE
    letter, label = _split(tag)
    if tag.upper() in _LETTERS:
        raise TagError(f"Expected a label behind the letter, as in '{tag}-X', got {tag!r}.", index)
    if not letter:
        raise TagError(
            "Expected an entity tag in IOB1, IOB2, BILUO, IOBES or BMES, such as 'O', 'B-PER' or "
            f"'I-PER', got {tag!r}. Labels without a letter are read where a file has only such, "
            "and 'O'.",
            index,
        )
    return _LETTERS[letter], label


def _transition(tags: Sequence[str | None], i: int, scheme: str) -> TagError:
    place = f"after {tags[i - 1] or 'a missing tag'!r}" if i else "at the start of a sentence"
    return TagError(
        f"Expected entity tags in an order that {scheme} allows (the file's scheme), "
        f"got {tags[i] or 'a missing tag'!r} {place}.",
        i,
    )
