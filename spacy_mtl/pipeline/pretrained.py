"""Pretrained weights of an encoder, as `spacy pretrain` writes them."""

from __future__ import annotations

from pathlib import Path

from spacy.language import Language
from spacy.pipeline import Tok2Vec
from thinc.api import Model

from ..errors import MTLError, one_line
from ..models.topologies.base import encoders
from .listeners import upstream_encoders

_SETTING = "`init_tok2vec` in [initialize]"


def load_pretrained(nlp: Language, component: str, model: Model) -> None:
    """Load what `init_tok2vec` of a pipeline's config names into the encoder of a component.

    spaCy does so only if [pretraining] says which encoder it is; without, nothing happens there.

    component: whose model this is, initialized; it has an encoder of its own or listens to one.
    RAISES (MTLError): If the file cannot be read, or is not of this encoder, or there are several.
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
    name, encoder = _encoder(nlp, component, model)
    try:
        encoder.from_bytes(weights)
    except Exception as error:  # of many types, from what unpacks the file
        raise MTLError(
            f"Expected as {_SETTING} the weights of an encoder like that of '{name}', as "
            f"`spacy pretrain` writes them for the same settings, got in {file} something "
            f"else: {one_line(error, 200)}"
        ) from error


def _encoder(nlp: Language, component: str, model: Model) -> tuple[str, Model]:
    """The encoder in a component's model, or that which it listens to, and the name to show."""
    found: dict[str, Model] = {}
    for own, encoder in encoders(model).items():
        heard = upstream_encoders(nlp, component, encoder)
        for name, pipe in heard.items():
            if not isinstance(pipe, Tok2Vec):
                raise MTLError(
                    f"Expected with {_SETTING} an encoder of the kind 'tok2vec', got '{name}', "
                    "which has pretrained weights of its own. Take the setting out."
                )
        own_name = f"{component}.{own}"
        found |= {name: pipe.model for name, pipe in heard.items()} or {own_name: encoder}
    if len(found) > 1:
        raise MTLError(
            f"Expected with {_SETTING} one encoder under '{component}', got {', '.join(found)}. "
            "Say in [pretraining] which one the weights are of, by `component` and `layer`."
        )
    [(name, encoder)] = found.items()
    return name, encoder
