"""Endless texts of every kind, generated: ordinary, long, short, empty, odd, new and repeated."""

from __future__ import annotations

import string
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from random import Random

VOCABULARY = 20_000
NEW = 0.02  # share of words in ordinary texts that never came before
REPEATED = 50  # texts that come again and again
SHARES = {
    "ordinary": 0.60,
    "short": 0.15,
    "new words": 0.08,
    "repeated": 0.06,
    "odd characters": 0.05,
    "whitespace": 0.03,
    "empty": 0.028,
    "long": 0.002,
}
SPACES = " \t\n\r\x0b\x0c\x85\xa0\u2003\u2028\u2029\u3000"
ODD = (
    *(
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "é̂̃",
        "שלום",
        "مرحبا",
        "漢字かな",
        "ﬁ",
        "İ",
        "ß",
        "\ufeff",
        "\u200b",
        "\u202e",
    ),
    *("\u2028", "\x85", "\x1f", "\x7f", "\ue000", "\U0010fffd", "𝒳", "ᾳ", "‱", "¯\\_(ツ)_/¯"),
)


class MixedTexts(Iterator[str]):
    """Texts of the kinds in `SHARES`, the same ones for the same seed.

    New words have the seed in them, so that those of two streams differ.
    longest: words of the longest texts.
    """

    def __init__(self, seed: int, longest: int = 20_000) -> None:
        self._random = Random(seed)
        self._seed = seed
        self._n_new = 0
        self._words = _vocabulary()
        weights = (1 / rank for rank in range(1, VOCABULARY + 1))  # Zipf's law
        self._weights = list(accumulate(weights))
        self._kinds: dict[str, Callable[[], str]] = {
            "ordinary": lambda: self._sentences(self._random.randint(10, 300)),
            "short": lambda: self._sentences(self._random.randint(1, 3)),
            "new words": lambda: " ".join(self._new() for _ in range(self._random.randint(1, 80))),
            "repeated": lambda: self._random.choice(self._repeated),
            "odd characters": self._odd,
            "whitespace": lambda: "".join(self._random.choices(SPACES, k=4)),
            "empty": str,
            "long": lambda: self._sentences(self._random.randint(longest // 4, longest)),
        }
        self._repeated = [self._sentences(self._random.randint(5, 60)) for _ in range(REPEATED)]
        self._draw = partial(self._random.choices, list(SHARES), list(SHARES.values()))

    def __next__(self) -> str:
        (kind,) = self._draw()
        return self._kinds[kind]()

    def _sentences(self, n: int) -> str:
        words = self._random.choices(self._words, cum_weights=self._weights, k=n)
        for i in range(0, n, round(1 / NEW)):
            words[self._random.randrange(i, n)] = self._new()
        for i in range(0, n, 12):
            words[i] = words[i].capitalize()
            end = min(i + 11, n - 1)
            words[end] += self._random.choice(".?!;")
        return " ".join(words)

    def _new(self) -> str:
        """A word, number, address or the like that never came before."""
        self._n_new += 1
        number = f"{self._seed}{self._n_new:07}"
        shape = self._random.choice(
            ("{}", "no{}", "Nr.{}x", "www.site{}.org", "a{}@b.net", "€{},50")
        )
        return shape.format(number)

    def _odd(self) -> str:
        """Odd sequences, and characters of all planes that are no surrogates."""
        planes = [chr(self._random.randint(0xE000, sys.maxunicode)) for _ in range(5)]
        lower = [chr(self._random.randint(1, 0xD7FF)) for _ in range(20)]
        parts = [*self._random.choices(ODD, k=20), *lower, *planes]
        self._random.shuffle(parts)
        return "".join(part + self._random.choice(("", " ")) for part in parts)


def _vocabulary() -> list[str]:
    """Different words of 2 to 9 letters, the frequent ones not longer than 4."""
    random = Random(0)
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        longest = 4 if len(words) < 200 else 9
        letters = random.choices(string.ascii_lowercase, k=random.randint(2, longest))
        words["".join(letters)] = None
    return list(words)
