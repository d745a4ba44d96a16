"""The loss of a linear-chain CRF over BILUO paths of which only part is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import get_array_module, to_numpy
from thinc.types import ArrayXd, Floats2d, Ints1d

from ..models import biluo
from ..models.avoided_spans import avoiding_marginals


def crf_loss(
    scores: Floats2d,
    classes: Ints1d,
    mask: ArrayXd,
    lengths: NDArray[np.int32],
    known: ArrayXd | None = None,
    rejected: NDArray[np.int64] | None = None,
) -> tuple[float, Floats2d]:
    """The negative log-likelihood of what is known under the CRF, and its gradient.

    It is known which labels some tokens have, and that some spans are not there: the likelihood
    is that of all paths that agree with both. Documents of which nothing is known are left out.

    scores: (n_tokens, n_columns). known: the same shape, bool, the columns that paths may take;
    None for all. rejected: (n_spans, 3) the rows of the first and the last token, of one document,
    and the type of each span that is not there; None for none.
    """
    xp: Any = get_array_module(scores)
    if rejected is None:
        rejected = np.zeros((0, 3), dtype="int64")
    n_docs = len(lengths)
    doc_of = np.repeat(np.arange(n_docs), lengths)
    said = to_numpy(mask).copy()
    said[rejected[:, 0]] = True
    labelled = np.bincount(doc_of[said], minlength=n_docs) > 0
    keep = xp.asarray(labelled[doc_of])
    kept, kept_lengths = scores[keep], lengths[labelled]
    if known is not None:
        kept = xp.where(known[keep], kept, biluo.FORBIDDEN)
    log_z, posterior = biluo.marginals(xp, kept, kept_lengths)
    allowed = xp.ones(kept.shape, dtype=bool)
    rows = xp.flatnonzero(mask[keep])
    allowed[rows] = False
    allowed[rows, classes[keep][rows]] = True
    clamped = xp.where(allowed, kept, biluo.FORBIDDEN)
    if len(rejected):
        place = np.cumsum(labelled[doc_of]) - 1
        spans = np.concatenate([place[rejected[:, :2]], rejected[:, 2:]], axis=1)
        log_gold, posterior_gold = avoiding_marginals(xp, clamped, kept_lengths, spans)
    else:
        log_gold, posterior_gold = biluo.marginals(xp, clamped, kept_lengths)
    d_scores = xp.zeros_like(scores)
    d_scores[keep] = (posterior - posterior_gold).astype(scores.dtype)
    return float(xp.sum(log_z - log_gold)), d_scores
