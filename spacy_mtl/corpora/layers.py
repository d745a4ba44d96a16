"""The layers of annotation that a Doc may have or lack."""

from __future__ import annotations

from typing import Any

import numpy
from spacy.tokens import Doc

from ..errors import MTLError

# The attributes of a token in each layer; the first says whether the token is labelled.
_TOKEN_LAYERS = {
    "tag": ("TAG",),
    "pos": ("POS",),
    "morph": ("MORPH",),
    "ents": ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID"),
}

LAYERS = (*_TOKEN_LAYERS, "spans", "cats")


def check_layer(layer: str) -> None:
    """Raise an `MTLError` if there is no layer of this name."""
    if layer not in LAYERS:
        raise MTLError(f"Expected a layer out of {', '.join(LAYERS)}, got {layer!r}.")


def present_layers(doc: Doc) -> set[str]:
    """The layers that a Doc has any annotation of.

    Annotation that says "none here" counts: tokens known to be outside of entities, an empty
    span group, words known to have no morphological features. Only what nobody looked at is
    missing: `ents` where every token's `ent_iob` is 0, `cats` without keys.
    """
    return {layer for layer, n_units in count_units(doc).items() if n_units}


def blank_layer(doc: Doc, layer: str) -> None:
    """Make a layer of a Doc missing, in place: afterwards it is not in `present_layers`.

    doc: The Doc to change.
    layer: One of `LAYERS`.
    RAISES (MTLError): If there is no layer of this name.
    """
    check_layer(layer)
    if layer == "spans":
        doc.spans.clear()
    elif layer == "cats":
        doc.cats = {}
    else:
        attrs: list[int | str] = [*_TOKEN_LAYERS[layer]]
        zeros: Any = numpy.zeros((len(doc), len(attrs)), dtype="uint64")
        doc.from_array(attrs, zeros)


def count_units(doc: Doc) -> dict[str, int]:
    """How many units of a Doc are labelled in each layer.

    Tokens for `tag`, `pos`, `morph` and `ents` (a token known to be outside of entities is
    labelled), span groups for `spans`, the Doc itself for `cats`.
    """
    units = {
        layer: int(numpy.count_nonzero(doc.to_array([attr])))
        for layer, (attr, *_) in _TOKEN_LAYERS.items()
    }
    return {**units, "spans": len(doc.spans), "cats": int(bool(doc.cats))}
