"""Where the tokens of a text stand in it, in characters."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import MTLError


class AlignmentError(MTLError):
    """Tokens and text do not agree."""


def align(words: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Find each token in the text, in order, with nothing but whitespace in between.

    RAISES (AlignmentError): If a token is not there or text is left over.
    """
    offsets = []
    position = 0
    for word in words:
        start = position
        while not text.startswith(word, start):
            if start >= len(text) or not text[start].isspace():
                raise AlignmentError(
                    f"Expected the token {word!r} at character {start} of the text, "
                    f"got {text[start : start + 20]!r}."
                )
            start += 1
        position = start + len(word)
        offsets.append((start, position))
    if text[position:].strip():
        raise AlignmentError(
            f"Expected the text to end with the last token at character {position}, "
            f"got {text[position : position + 20]!r} behind it."
        )
    return offsets


def spaces_between(offsets: Sequence[tuple[int, int]], text: str) -> list[bool]:
    """Whether there is whitespace after each token."""
    starts = [*(start for start, _ in offsets), len(text)][1:]
    return [start > end for (_, end), start in zip(offsets, starts, strict=True)]
