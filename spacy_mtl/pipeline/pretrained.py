"""Pretrained weights of an encoder, as `spacy pretrain` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.pipeline import Tok2Vec
from thinc.api import Model

from ..errors import MTLError, one_line
from ..models.topologies.base import FIRST, encoders
from .listeners import upstream_encoders

_SETTING = "`init_tok2vec` in [initialize]"


def load_pretrained(nlp: Language, component: str, model: Model) -> None:
    """Load what `init_tok2vec` of a pipeline's config names into the encoder of a component.

    spaCy does so only if [pretraining] says which encoder it is; without, nothing happens there.

    component: whose model this is, initialized; it has an encoder of its own or listens to one.
    RAISES (MTLError): If the file cannot be read, or is not of this encoder.
    """
    config = nlp.config.interpolate()
    file = config.get("initialize", {}).get("init_tok2vec")
    if file is None or config.get("pretraining"):
        return
    try:
        weights = Path(file).read_bytes()
    except OSError as error:
        raise MTLError(
            f"Expected a file with the weights of an encoder as {_SETTING}, to be able to read "
            f"{file}, got: {error.strerror or error}."
        ) from error
    for name, encoder in _encoders(nlp, component, model).items():
        try:
            encoder.from_bytes(weights)
        except Exception as error:  # of many types, from what unpacks the file
            raise MTLError(
                f"Expected as {_SETTING} the weights of an encoder like that of '{name}', as "
                f"`spacy pretrain` writes them for the same settings, got in {file} something "
                f"else: {one_line(error, 200)}"
            ) from error


def _encoders(nlp: Language, component: str, model: Model) -> dict[str, Model]:
    """The encoder in a component's model or, by name, those that it listens to."""
    upstream: dict[str, Any] = upstream_encoders(nlp, component, model)
    if not upstream:
        return {component: encoders(model)[FIRST]}
    for name, pipe in upstream.items():
        if not isinstance(pipe, Tok2Vec):
            raise MTLError(
                f"Expected with {_SETTING} an encoder of the kind 'tok2vec', got '{name}', which "
                "has pretrained weights of its own. Take the setting out."
            )
    return {name: pipe.model for name, pipe in upstream.items()}
