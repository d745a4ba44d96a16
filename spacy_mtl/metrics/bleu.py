"""Corpus BLEU of generated texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MTLError
from .base import Array, Summed, add_up

ORDER = 4  # of the longest n-grams

Text = Sequence[str]  # of tokens


@dataclass(frozen=True)
class Bleu(Summed):
    """Corpus BLEU with n-grams of up to four tokens, from 0 to 1 (Papineni et al. 2002).

    The n-grams and lengths are added up over the documents before anything is divided, so that it
    is not the mean of the documents' BLEU. Smoothing is that of NIST's mteval ("exp", the default
    of sacrebleu): an order without any match counts as if it had 1/2 of one, the next such order
    1/4, and so on. It is 0 if nothing matches at all, or if no text is as long as four tokens.

    array: (n_docs, 10) the matches of each order, the n-grams of each order, and the lengths of
        what was generated and of the references, in tokens.
    Source: https://aclanthology.org/P02-1040/, https://aclanthology.org/W18-6319/
    """

    array: NDArray[np.int64]
    metric: str = "BLEU"

    @classmethod
    def of_texts(
        cls,
        document: ArrayLike,
        guesses: Sequence[Text],
        references: Sequence[Sequence[Text]],
        n_docs: int,
    ) -> Bleu:
        """document: (n_texts,) the number of each text's document. guesses: what was generated.
        references: for each text one or more. Texts are tokens, by whatever tokenizer; values
        are comparable only if it is the same one."""
        found = [count_ngrams(*pair) for pair in zip(guesses, references, strict=True)]
        amounts = np.asarray(found, dtype="int64").reshape(-1, 2 * ORDER + 2)
        return cls(add_up(np.asarray(document), amounts, n_docs))

    def of_sums(self, sums: NDArray[Any]) -> Array:
        """See `Summed`."""
        matches, totals = sums[:, :ORDER].astype("float64"), sums[:, ORDER : 2 * ORDER]
        length, reference = sums[:, -2], sums[:, -1]
        none = matches == 0
        halves = 0.5 ** np.cumsum(none, axis=1)
        precisions = np.where(none, halves, matches) / np.maximum(totals, 1)
        means = np.exp(np.log(precisions).mean(axis=1))
        penalty = np.exp(np.minimum(0.0, 1 - reference / np.maximum(length, 1)))
        defined = (totals > 0).all(axis=1) & ~none.all(axis=1)
        return np.where(defined, penalty * means, 0.0)


def count_ngrams(guess: Text, references: Sequence[Text]) -> list[int]:
    """What `Bleu.array` has, of one text.

    An n-gram matches as often as it is in the reference that has it most often. Of several
    references, the length is that of the one closest to the text's, the shorter of two.
    RAISES (MTLError): If there is no reference.
    """
    if not references:
        raise MTLError("Expected a reference for each text that was generated, got none.")
    matches, totals = [], []
    for n in range(1, ORDER + 1):
        own, best = _ngrams(guess, n), Counter[tuple[str, ...]]()
        for reference in references:
            best |= _ngrams(reference, n)
        matches.append(sum((own & best).values()))
        totals.append(sum(own.values()))
    lengths = [len(reference) for reference in references]
    closest = min(lengths, key=lambda length: (abs(length - len(guess)), length))
    return [*matches, *totals, len(guess), closest]


def _ngrams(text: Text, n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
