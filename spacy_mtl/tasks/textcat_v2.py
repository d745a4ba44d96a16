"""Text classification, with a head whose parts and regularization are settings."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Sequence
from typing import Any

from thinc.types import Floats2d

from ..models.heads import Head
from ..models.packed import Packed
from .document_head import HeadSettings, check_below_one, loss_of_terms
from .refusal import RefusingTask
from .targets import CellTargets


class TextCat(RefusingTask):
    """Classify documents: the labels of one group in `doc.cats`.

    The group's labels are those given in the config, else the keys that begin with `group` and
    "=", as in "topic=travel", else, for the only task of this kind, all keys that are no values
    (see `spacy_mtl.values`). Other keys of `doc.cats` are left alone.

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
        check_below_one("label_smoothing", label_smoothing)
        self.head_settings = HeadSettings(
            pooling=pooling,
            pooled_scale=pooled_scale,
            hidden_width=hidden_width,
            dropout=dropout,
            ngram_size=ngram_size,
            ngram_attr=ngram_attr,
            char_ngrams=char_ngrams,
            ngram_rows=ngram_rows,
            ngram_length=ngram_length,
            ngram_dropout=ngram_dropout,
            ngram_share=ngram_share,
            encoder_gradient=encoder_gradient,
        )
        self.label_smoothing = label_smoothing
        self.hierarchy = hierarchy
        super().__init__(exclusive, threshold, group, overwrite, others_negative)

    def make_head(self) -> Head:
        return self.head_settings.make_head()

    def loss(self, scores: Floats2d, targets: Any, packed: Packed) -> tuple[float, Any]:
        """The loss of the scores, and in training the gradient of each term's own loss, see
        `ClassHead`."""
        return loss_of_terms(packed, scores, lambda each: self._loss(each, targets, packed))

    def _loss(self, scores: Floats2d, targets: Any, packed: Packed) -> tuple[float, Floats2d]:
        if isinstance(targets, CellTargets):
            return super().loss(scores, targets, packed)
        return self.class_loss(scores, targets, self.label_smoothing)

    def negative_log_likelihood(self, scores: Floats2d, targets: Any, packed: Packed) -> float:
        """See `Calibrated`; without smoothing."""
        return super().loss(scores, targets, packed)[0]
