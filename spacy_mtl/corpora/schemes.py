"""Tagging schemes for entities: IOB1, IOB2 and BILUO (also written IOBES) to IOB2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..errors import MTLError

Tag = tuple[str, str]

_OUTSIDE: Tag = ("O", "")
_BILUO_LETTERS = {"L": "L", "U": "U", "E": "L", "S": "U"}


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

    "L-", "U-", "E-" or "S-" are BILUO. Without them, each "I-" that continues nothing speaks
    for IOB1, and each "B-" that follows no entity of its label for IOB2: the majority decides.
    """

    def __init__(self) -> None:
        self.biluo = 0
        self.iob1 = 0
        self.iob2 = 0

    def add(self, tags: Iterable[str | None]) -> None:
        """Take the tags of one sentence into account."""
        previous = ""
        for tag in tags:
            letter, _, label = (tag or "").partition("-")
            if letter in _BILUO_LETTERS and label:
                self.biluo += 1
            elif letter == "I" and label != previous:
                self.iob1 += 1
            elif letter == "B" and label != previous:
                self.iob2 += 1
            previous = label

    @property
    def scheme(self) -> str:
        """The scheme of all tags so far: "BILUO", "IOB1" or "IOB2"."""
        if self.biluo:
            return "BILUO"
        return "IOB1" if self.iob1 > self.iob2 else "IOB2"


def to_iob2(tags: Sequence[str | None], scheme: str) -> list[str | None]:
    """Normalise the entity tags of one sentence, None standing for a missing tag.

    scheme: "IOB1", "IOB2" or "BILUO".
    RAISES (TagError): If a tag is none of the scheme or cannot follow the one before it.
    """
    normalise = _biluo_to_iob2 if scheme == "BILUO" else _iob_to_iob2
    return ["-".join(tag) if tag and tag[1] else tag and tag[0] for tag in normalise(tags, scheme)]


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
    letter, _, label = tag.partition("-")
    letter = _BILUO_LETTERS.get(letter, letter)
    if letter not in ("B", "I", "L", "U") or not label:
        raise TagError(
            "Expected an entity tag in IOB1, IOB2, BILUO or IOBES, such as 'O', 'B-PER' or "
            f"'I-PER', got {tag!r}.",
            index,
        )
    return letter, label


def _transition(tags: Sequence[str | None], i: int, scheme: str) -> TagError:
    place = f"after {tags[i - 1] or 'a missing tag'!r}" if i else "at the start of a sentence"
    return TagError(
        f"Expected entity tags in an order that {scheme} allows (the file's scheme), "
        f"got {tags[i] or 'a missing tag'!r} {place}.",
        i,
    )
