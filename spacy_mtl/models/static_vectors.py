"""Word vectors of the vocabulary that layers look up, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spacy.vectors import Mode, Vectors
from spacy.vocab import Vocab
from thinc.api import Model

from ..errors import MTLError


def check_static_vectors(model: Model, vocab: Vocab) -> None:
    """Check that the vocabulary has the word vectors that a layer looks up.

    RAISES (MTLError): If it has none, or those of another width.
    """
    layer = next((node for node in model.walk() if node.name == "static_vectors"), None)
    vectors: Any = vocab.vectors
    if layer is None or not isinstance(vectors, Vectors):
        return
    width = layer.maybe_get_dim("nM") if layer.has_param("W") else None
    if vectors.mode == Mode.default and not vectors.n_keys:
        found = "none"
    elif width is not None and width != vectors.shape[1]:
        found = f"vectors of {vectors.shape[1]} numbers in place of {width}"
    else:
        return
    raise missing_vectors(found)


def missing_vectors(found: str) -> MTLError:
    """What to say of word vectors that are not there. found: What there is in their place."""
    return MTLError(
        "Expected in the pipeline's vocabulary the word vectors that its encoder is to look up "
        f"(`include_static_vectors` or `pretrained_vectors`), got {found}. To train, set `vectors` "
        "in [paths] or [initialize] to a pipeline that has them, such as en_core_web_lg, or set "
        "`include_static_vectors = false`. A trained pipeline needs those that it was trained with."
    )


@contextmanager
def needing_static_vectors(model: Model, vocab: Vocab) -> Iterator[None]:
    """Let a layer that fails for want of word vectors say so."""
    try:
        yield
    except (IndexError, RuntimeError):  # what spaCy's layer raises
        check_static_vectors(model, vocab)
        raise
