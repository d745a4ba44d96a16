"""Pipelines that a command names."""

from __future__ import annotations

import spacy
from spacy.language import Language

from ..errors import MTLError, one_line


def load_pipeline(model: str) -> Language:
    """Load the pipeline of a folder or package; raises MTLError if that cannot be done."""
    try:
        return spacy.load(model)
    except MTLError:
        raise
    except Exception as error:  # spaCy's readers raise many, and a package runs code of its own
        raise MTLError(
            f"Expected the folder or package of a pipeline that can be loaded, got '{model}': "
            f"{one_line(error)}"
        ) from error
