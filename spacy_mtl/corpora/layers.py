"""The layers of annotation that a Doc may have or lack."""

from __future__ import annotations

from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..errors import MTLError

# The attributes of a token in each layer; the first says whether the token is labelled.
_TOKEN_LAYERS = {
    "tag": ("TAG",),
    "pos": ("POS",),
    "morph": ("MORPH",),
    "ents": ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID"),
}

# What our tasks learn.
LAYERS = (*_TOKEN_LAYERS, "spans", "cats")

# The same for what only other components learn.
_OTHER_TOKEN_LAYERS = {"dep": ("DEP", "HEAD"), "lemma": ("LEMMA",), "sents": ("SENT_START",)}

OTHER_LAYERS = tuple(_OTHER_TOKEN_LAYERS)

_ALL_TOKEN_LAYERS = {**_TOKEN_LAYERS, **_OTHER_TOKEN_LAYERS}


def class_group(key: str) -> str:
    """The class group of a key of `doc.cats`: what stands before the first "=", else ""."""
    group, equals, _ = key.partition("=")
    return group if equals else ""


def check_layer(layer: str) -> None:
    """Raise an `MTLError` if there is no layer of this name, ours or other."""
    known = (*LAYERS, *OTHER_LAYERS)
    if layer not in known:
        raise MTLError(f"Expected a layer out of {', '.join(known)}, got {layer!r}.")


def present_layers(doc: Doc) -> set[str]:
    """The layers that a Doc has any annotation of.

    Annotation that says "none here" counts: tokens known to be outside of entities, an empty
    span group, words known to have no morphological features. Only what nobody looked at is
    missing: `ents` where every token's `ent_iob` is 0, `cats` without keys.
    """
    return {layer for layer, n_units in count_units(doc).items() if n_units}


def present_other_layers(doc: Doc) -> set[str]:
    """The same for `OTHER_LAYERS`."""
    return {
        layer
        for layer, (attr, *_) in _OTHER_TOKEN_LAYERS.items()
        # the first token of every Doc starts a sentence
        if doc.to_array([attr])[1 if layer == "sents" else 0 :].any()
    }


def blank_layer(doc: Doc, layer: str) -> None:
    """Make a layer of a Doc missing, in place: afterwards it is not present.

    Without `dep` the sentences stay, which a parse brings along.

    doc: The Doc to change.
    layer: One of `LAYERS` or `OTHER_LAYERS`.
    RAISES (MTLError): If there is no layer of this name.
    """
    check_layer(layer)
    if layer == "spans":
        doc.spans.clear()
    elif layer == "cats":
        doc.cats = {}
    else:
        blank_tokens(doc, layer, numpy.ones(len(doc), dtype=bool))


def blank_tokens(doc: Doc, layer: str, tokens: NDArray[numpy.bool_]) -> None:
    """Make a layer missing in some of the tokens, in place.

    layer: One that tokens have.
    tokens: For each token, whether it is one of them.
    """
    attrs: list[int | str] = [*_ALL_TOKEN_LAYERS[layer]]
    values: Any = doc.to_array(attrs).reshape(len(doc), len(attrs))
    values[tokens] = 0
    if layer == "sents":
        values[:1] = 1  # as in a new Doc
    doc.from_array(attrs, values)


def token_values(doc: Doc, layer: str) -> NDArray[numpy.uint64]:
    """By token, the attribute that says whether it is labelled; 0 if it is not."""
    values: NDArray[numpy.uint64] = doc.to_array([_ALL_TOKEN_LAYERS[layer][0]]).ravel()
    return values


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
