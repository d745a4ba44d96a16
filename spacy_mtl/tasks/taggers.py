"""The registered tagger: of whole values, or of each feature for itself."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from ..errors import MTLError
from .morph_features import FeatureTagger
from .tagger import Tagger


def make_tagger(
    attr: str = "TAG",
    overwrite: bool = False,
    label_smoothing: float = 0.05,
    hidden_width: int = 0,
    by_feature: bool = False,
) -> Tagger | FeatureTagger:
    """Classify each token: `token.tag_`, `token.pos_` or `token.morph`.

    Morphological features are decided as whole strings such as "Case=Nom|Number=Sing", or with
    `by_feature` each for itself, by a softmax over its values and "none". So combinations come out
    that were never seen, and what is learned of a value counts in all of them. The labels are then
    values of features, "Case=Nom", which is also how a corpus is declared to know some features
    alone; strings of several are taken apart. The loss and the confidence of a token are those of
    all its features together. The score is in both cases the share of tokens whose features are
    all right, and beside it stands the F of each feature.

    attr: "TAG", "POS" or "MORPH".
    overwrite: replace what is already on the token; otherwise only missing values are set.
    label_smoothing: share of the target that is spread over all other labels, as stock `tagger`.
    hidden_width: of a layer of the head's own, 0 for none.
    by_feature: for MORPH, decide each feature for itself.
    """
    if not by_feature:
        return Tagger(attr, overwrite, label_smoothing, hidden_width)
    if attr != "MORPH":
        raise MTLError(f'Expected `by_feature` of the attribute "MORPH" alone, got it of {attr!r}.')
    return FeatureTagger(overwrite, label_smoothing, hidden_width)
