"""Which layers of annotation a Doc has, and how to take one away."""

from __future__ import annotations

from spacy.tokens import Doc

from ..layers import layer_named, table


def present_layers(doc: Doc) -> set[str]:
    """The layers that a Doc has any annotation of.

    Annotation that says "none here" counts: tokens known to be outside of entities, an empty
    span group, words known to have no morphological features. Only what nobody looked at is
    missing: `ents` where every token's `ent_iob` is 0, `cats` without keys.
    """
    return {name for name, layer in table().items() if layer.present(doc)}


def blank_layer(doc: Doc, layer: str) -> None:
    """Make a layer of a Doc missing, in place: afterwards it is not present.

    Without `dep` the sentences stay, which a parse brings along.

    doc: The Doc to change.
    layer: A name in the table of layers.
    RAISES (MTLError): If there is no layer of this name.
    """
    layer_named(layer).blank(doc)


def count_units(doc: Doc) -> dict[str, int]:
    """How many units of a Doc are labelled in each layer.

    Tokens for layers of tokens (one known to be outside of entities is labelled), span groups for
    `spans`, the Doc itself for `cats` and others of documents.
    """
    return {name: layer.count(doc) for name, layer in table().items()}
