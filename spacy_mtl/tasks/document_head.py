"""The head of tasks that decide about a document as a whole: its settings, and its loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from thinc.api import Model, get_array_module
from thinc.types import Floats2d

from ..errors import MTLError
from ..models.class_head import ClassHead, term_scores
from ..models.heads import Head
from ..models.ngrams import NgramLinear
from ..models.packed import Packed
from ..models.pooling import KINDS
from .textcat import NGRAM_ATTRS


@dataclass(frozen=True)
class HeadSettings:
    """Settings of tasks that make a `ClassHead`; see `spacy_mtl.TextCat.v2` for what they mean.

    RAISES (MTLError): If one is not as it should be.
    """

    pooling: Sequence[str]
    pooled_scale: float
    hidden_width: int
    dropout: float | None
    ngram_size: int
    ngram_attr: str
    char_ngrams: Sequence[int]
    ngram_rows: int
    ngram_length: float
    ngram_dropout: float
    ngram_share: float | None
    encoder_gradient: float

    def __post_init__(self) -> None:
        self._check_kinds()
        self._check_ngrams()
        for name, least in {"hidden_width": 0, "ngram_size": 0, "ngram_rows": 1}.items():
            if getattr(self, name) < least:
                raise MTLError(f"Expected `{name}` of at least {least}, got {getattr(self, name)}.")
        for name in ("dropout", "ngram_dropout"):
            check_below_one(name, getattr(self, name) or 0)
        if not 0 <= (self.ngram_share or 0) <= 1:
            raise MTLError(f"Expected `ngram_share` from 0 to 1, got {self.ngram_share}.")
        for name in ("pooled_scale", "ngram_length", "encoder_gradient"):
            if getattr(self, name) < 0:
                raise MTLError(f"Expected `{name}` of at least 0, got {getattr(self, name)}.")

    def make_head(self) -> Head:
        """A head without a number of outputs."""
        return ClassHead(
            pooling=self.pooling,
            pooled_scale=self.pooled_scale,
            hidden_width=self.hidden_width,
            dropout=self.dropout,
            ngrams=self._ngrams() if self.ngram_size else None,
            ngram_share=self.ngram_share,
            encoder_gradient=self.encoder_gradient,
        )

    def _ngrams(self) -> Model[Packed, Any]:
        fewest, most = self.char_ngrams or (0, 0)
        return NgramLinear(
            self.ngram_size,
            self.ngram_rows,
            self.ngram_attr,
            char_sizes=(fewest, most),
            gain=self.ngram_length,
            dropout=self.ngram_dropout,
        )

    def _check_kinds(self) -> None:
        unknown = [kind for kind in self.pooling if kind not in KINDS]
        if unknown or not self.pooling:
            raise MTLError(
                f"Expected `pooling` with some of {', '.join(KINDS)}, got "
                f"{', '.join(unknown) or 'none'}."
            )

    def _check_ngrams(self) -> None:
        sizes = self.char_ngrams
        if sizes and (len(sizes) != 2 or not 1 <= sizes[0] <= sizes[1]):
            raise MTLError(
                "Expected `char_ngrams` to be the fewest and the most characters, such as [3, 5], "
                f"or empty, got {list(sizes)}."
            )
        if self.ngram_attr not in NGRAM_ATTRS:
            raise MTLError(
                f"Expected `ngram_attr` to be in {NGRAM_ATTRS}, got {self.ngram_attr!r}."
            )
        if sizes and not self.ngram_size:
            raise MTLError(
                "Expected n-grams of tokens, `ngram_size` of at least 1, beside those of "
                "characters, `char_ngrams`, got 0."
            )


def loss_of_terms(
    packed: Packed, scores: Floats2d, loss: Callable[[Floats2d], tuple[float, Floats2d]]
) -> tuple[float, Any]:
    """The loss of a `ClassHead`'s scores, and its gradient; in training that of each term's own
    loss, if the terms are separate."""
    terms = term_scores(packed, scores)
    found, gradient = loss(scores)
    if len(terms) == 1:
        return found, gradient
    xp: Any = get_array_module(scores)
    return found, xp.stack([loss(term)[1] for term in terms])


def check_below_one(name: str, value: float) -> None:
    """RAISES (MTLError): If a setting is not from 0 to below 1."""
    if not 0 <= value < 1:
        raise MTLError(f"Expected `{name}` from 0 to below 1, got {value}.")
