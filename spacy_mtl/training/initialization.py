"""A pipeline that is ready to be trained."""

from __future__ import annotations

from typing import Any

from spacy.language import Language
from spacy.training.initialize import init_nlp
from thinc.api import Config

from ..models.static_vectors import missing_vectors

# The settings by which spaCy's encoders ask for word vectors.
_WANTING = ("include_static_vectors", "pretrained_vectors")


def initialized(config: Config, gpu_id: int = -1) -> Language:
    """Make and initialize the pipeline of a config, as `spacy train` does.

    RAISES (MTLError): If an encoder is to look up word vectors and the config names none, which
        spaCy's own layer meets with an IndexError.
    """
    try:
        return init_nlp(config, use_gpu=gpu_id)
    except IndexError as error:
        filled = config.interpolate()
        if not filled.get("initialize", {}).get("vectors") and _wants_vectors(filled["components"]):
            raise missing_vectors("none") from error
        raise


def _wants_vectors(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    return any(block.get(name) is True for name in _WANTING) or any(
        _wants_vectors(inner) for inner in block.values()
    )
