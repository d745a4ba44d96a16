"""Text classification, with a head whose parts and regularization are settings."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Sequence
from typing import Any

from thinc.api import get_array_module
from thinc.types import Floats2d

from ..errors import MTLError
from ..models.class_head import ClassHead, term_scores
from ..models.heads import Head
from ..models.ngrams import NgramLinear
from ..models.packed import Packed
from ..models.pooling import KINDS
from .refusal import RefusingTask
from .targets import CellTargets
from .textcat import NGRAM_ATTRS


class TextCat(RefusingTask):
    """Classify documents: the labels of one group in `doc.cats`.

    The group's labels are those given in the config, else the keys that begin with `group` and
    "=", as in "topic=travel", else, for the only task of this kind, all keys. Other keys of
    `doc.cats` are left alone.

    exclusive: each document has exactly one class. It is labelled by the one key that is 0.5 or
        more, and multi-label documents are labelled key by key; what is missing is masked,
        never a negative. An exclusive document of which only classes that it has not are known,
        as 0, teaches that it has one of the others, and is not scored.
    threshold: from which score on a class counts as assigned, for the scores of evaluation, if it
        has no threshold of its own, as `spacy mtl calibrate` chooses them.
    group: what the group's keys begin with, by default the task's name.
    overwrite: replace scores that are already on the Doc.
    others_negative: for a multi-label group, the classes that a document does not name do not
        apply to it if it names any. Without it they are missing.
    pooling: how token vectors become a vector of the document: any of "mean", "maximum",
        "attention" and "convolution", side by side.
    pooled_scale: what that vector is multiplied by, on top of one over the root of its width. More
        lets a pretrained encoder's few steps teach the layer above, and speaks louder to it.
    hidden_width: of a hidden layer over that vector, 0 for none.
    dropout: of that vector in training; null for [training.dropout].
    ngram_size: up to how many tokens an n-gram has, 0 for no n-grams.
    ngram_attr: what is seen of a token: "ORTH", "LOWER" or "NORM".
    char_ngrams: the fewest and the most characters of n-grams within words, such as [3, 5], by
        which forms of a word are alike; empty for none.
    ngram_rows: of the table that n-grams are hashed into; memory is rows times classes.
    ngram_length: the length that a document's vector of n-grams is brought to, so that long
        documents learn no faster than short ones; 0 leaves it as it is.
    ngram_dropout: the share of a document's n-grams that is left out in training.
    ngram_share: from 0 to 1; the vector and the n-grams each learn from a loss of their own, and
        decide together, the n-grams with this share. null to let both learn from one loss, what
        the other leaves to them.
    encoder_gradient: what the gradient of the classes into the encoder is multiplied by, 0 to
        leave the encoder to the other tasks.
    label_smoothing: of an exclusive group, the share of the target that is spread over the other
        classes (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567).
    hierarchy: what separates the levels of a label, as "/" in "topic=sport/football", which is
        below "topic=sport"; "" for labels without levels. A document may name a label with or
        without those above it. One that names none below it says nothing of the levels below,
        also with `others_negative`.

    An exclusive group can leave documents of which it is too unsure without a class: see
    `spacy mtl calibrate --refuse`.
    """

    def __init__(
        self,
        exclusive: bool = True,
        threshold: float = 0.5,
        group: str | None = None,
        overwrite: bool = True,
        others_negative: bool = False,
        pooling: Sequence[str] = ("mean", "maximum"),
        pooled_scale: float = 1.0,
        hidden_width: int = 0,
        dropout: float | None = None,
        ngram_size: int = 2,
        ngram_attr: str = "NORM",
        char_ngrams: Sequence[int] = (),
        ngram_rows: int = 65536,
        ngram_length: float = 0.0,
        ngram_dropout: float = 0.0,
        ngram_share: float | None = 0.67,
        encoder_gradient: float = 1.0,
        label_smoothing: float = 0.0,
        hierarchy: str = "",
    ) -> None:
        self.pooling = _kinds(pooling)
        self.pooled_scale = pooled_scale
        self.hidden_width = hidden_width
        self.dropout = dropout
        self.ngram_size = ngram_size
        self.ngram_attr = ngram_attr
        self.char_ngrams = _char_sizes(char_ngrams)
        self.ngram_rows = ngram_rows
        self.ngram_length = ngram_length
        self.ngram_dropout = ngram_dropout
        self.ngram_share = ngram_share
        self.encoder_gradient = encoder_gradient
        self.label_smoothing = label_smoothing
        self.hierarchy = hierarchy
        self._check_settings()
        super().__init__(exclusive, threshold, group, overwrite, others_negative)

    def _check_settings(self) -> None:
        if self.ngram_attr not in NGRAM_ATTRS:
            raise MTLError(
                f"Expected `ngram_attr` to be in {NGRAM_ATTRS}, got {self.ngram_attr!r}."
            )
        for name, least in {"hidden_width": 0, "ngram_size": 0, "ngram_rows": 1}.items():
            if getattr(self, name) < least:
                raise MTLError(f"Expected `{name}` of at least {least}, got {getattr(self, name)}.")
        for name in ("dropout", "ngram_dropout", "label_smoothing"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise MTLError(f"Expected `{name}` from 0 to below 1, got {getattr(self, name)}.")
        if self.char_ngrams[1] and not self.ngram_size:
            raise MTLError(
                "Expected n-grams of tokens, `ngram_size` of at least 1, beside those of "
                "characters, `char_ngrams`, got 0."
            )
        if not 0 <= (self.ngram_share or 0) <= 1:
            raise MTLError(f"Expected `ngram_share` from 0 to 1, got {self.ngram_share}.")
        for name in ("pooled_scale", "ngram_length", "encoder_gradient"):
            if getattr(self, name) < 0:
                raise MTLError(f"Expected `{name}` of at least 0, got {getattr(self, name)}.")

    def make_head(self) -> Head:
        return ClassHead(
            pooling=self.pooling,
            pooled_scale=self.pooled_scale,
            hidden_width=self.hidden_width,
            dropout=self.dropout,
            ngrams=self._ngrams() if self.ngram_size else None,
            ngram_share=self.ngram_share,
            encoder_gradient=self.encoder_gradient,
        )

    def _ngrams(self) -> Any:
        return NgramLinear(
            self.ngram_size,
            self.ngram_rows,
            self.ngram_attr,
            char_sizes=self.char_ngrams,
            gain=self.ngram_length,
            dropout=self.ngram_dropout,
        )

    def loss(self, scores: Floats2d, targets: Any, packed: Packed) -> tuple[float, Any]:
        """The loss of the scores, and in training the gradient of each term's own loss, see
        `ClassHead`."""
        terms = term_scores(packed, scores)
        loss, gradient = self._loss(scores, targets, packed)
        if len(terms) == 1:
            return loss, gradient
        xp: Any = get_array_module(scores)
        return loss, xp.stack([self._loss(term, targets, packed)[1] for term in terms])

    def _loss(self, scores: Floats2d, targets: Any, packed: Packed) -> tuple[float, Floats2d]:
        if isinstance(targets, CellTargets):
            return super().loss(scores, targets, packed)
        return self.class_loss(scores, targets, self.label_smoothing)

    def negative_log_likelihood(self, scores: Floats2d, targets: Any, packed: Packed) -> float:
        """See `Calibrated`; without smoothing."""
        return super().loss(scores, targets, packed)[0]


def _kinds(pooling: Sequence[str]) -> tuple[str, ...]:
    unknown = [kind for kind in pooling if kind not in KINDS]
    if unknown or not pooling:
        raise MTLError(
            f"Expected `pooling` with some of {', '.join(KINDS)}, got "
            f"{', '.join(unknown) or 'none'}."
        )
    return tuple(pooling)


def _char_sizes(sizes: Sequence[int]) -> tuple[int, int]:
    """RAISES (MTLError): If these are not two sizes in order, or none."""
    if not sizes:
        return 0, 0
    if len(sizes) != 2 or not 1 <= sizes[0] <= sizes[1]:
        raise MTLError(
            "Expected `char_ngrams` to be the fewest and the most characters, such as [3, 5], or "
            f"empty, got {list(sizes)}."
        )
    return sizes[0], sizes[1]
