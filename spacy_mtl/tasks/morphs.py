"""Morphological features on tokens: strings of them, how they are written, and their scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.morphology import Morphology
from spacy.scorer import Scorer
from spacy.strings import StringStore
from spacy.tokens import Doc
from spacy.tokens.morphanalysis import MorphAnalysis
from spacy.training import Example

from ..errors import MTLError
from ..morphology import is_features

NO_FEATURES = ("", "_")  # the second is how spaCy writes it


def morph_key(features: str) -> int:
    """What tokens with these features have as MORPH: the hash of the features in their standard
    order.

    RAISES (MTLError): If they are none.
    """
    if features not in NO_FEATURES:
        _check(features)
    return int(Morphology(StringStore()).add(features))


def features_of(text: str) -> list[str]:
    """The features of a string with their values, in their standard order: "Case=Nom".

    RAISES (MTLError): If it is none.
    """
    if text in NO_FEATURES:
        return []
    strings = StringStore()
    _check(text)
    return strings[Morphology(strings).add(text)].split(Morphology.FEATURE_SEP)


def write_morphs(
    docs: Sequence[Doc], kinds: NDArray[Any], texts: Sequence[str], overwrite: bool
) -> None:
    """Write features to tokens, one by one: `from_array` looks those of each token up by their
    string.

    kinds: (n_tokens,) the number of each token's features in `texts`. overwrite: replace features
    that are there.
    """
    used = np.flatnonzero(np.bincount(kinds)).tolist()
    analyses = {kind: MorphAnalysis(docs[0].vocab, texts[kind]) for kind in used}
    tokens: Iterator[Any] = (token for doc in docs for token in doc)
    for token, kind in zip(tokens, kinds.tolist(), strict=True):
        if overwrite or not token.has_morph():
            token.set_morph(analyses[kind])


def morph_scores(examples: Sequence[Example]) -> dict[str, Any]:
    """The scores of spaCy's `morphologizer`: the accuracy of whole strings, and the F of features,
    in which tokens without features do not count."""
    return {
        **Scorer.score_token_attr(examples, "morph", getter=_key),
        **Scorer.score_token_attr_per_feat(examples, "morph", getter=_key),
    }


def _check(features: str) -> None:
    if not is_features(features):
        raise MTLError(f"Expected features like 'Case=Nom|Number=Sing', got {features!r}.")


def _key(token: Any, attr: str) -> int:
    return int(getattr(token, attr).key)
