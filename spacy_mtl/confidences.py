"""How sure a pipeline was of what it wrote: noted on Docs, and read by extension attributes.

Arrays under one key of `user_data`, a few for each Doc, so that nothing is done token by token
and a Doc that is saved with its user data keeps them. They hold what they are about, so that
annotation which is replaced later is not taken for what the pipeline was sure of.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, Token

CONFIDENCES = "spacy_mtl_confidences"
# Where arcs and, by attribute, other values of tokens are noted, beside the layers of spans:
# "doc.ents", 'doc.spans["x"]'.
_ARCS = "token.head"
_TOKENS = {"TAG": ("token.tag", "tags"), "LEMMA": ("token.lemma", "lemmas")}
_END = "n_chars"  # of the text, which is another one in a copy of a part of the Doc
_NO_SPANS = {_END, _ARCS, *(layer for layer, _ in _TOKENS.values())}


def has_place(attr: str) -> bool:
    """Whether confidences of this attribute of tokens can be noted."""
    return attr in _TOKENS


def note_tokens(
    doc: Doc,
    attr: str,
    values: NDArray[np.uint64],
    confidences: NDArray,
    kept: NDArray[np.bool_],
) -> None:
    """Note the confidence of each token's tag or lemma.

    attr: "TAG" or "LEMMA". values, confidences, kept: (n_tokens,) the hash of the value, its
    probability, NaN for none, and whether the token has a value already, which stays, with what
    was noted of it.
    """
    layer, name = _TOKENS[attr]
    notes = _begin(doc)
    confidences = confidences.astype("float32")
    if kept.any():
        nothing = {name: np.zeros_like(values), "confidences": np.full_like(confidences, np.nan)}
        before = notes.get(layer, nothing)
        values = np.where(kept, before[name], values)
        confidences = np.where(kept, before["confidences"], confidences)
    notes[layer] = {name: values.copy(), "confidences": confidences}


def note_spans(
    doc: Doc, layer: str, spans: NDArray[np.uint64], confidences: NDArray, keep: bool
) -> None:
    """Note the confidence of each span of a layer.

    spans: (n_spans, 3) the characters at which each begins and ends, and its label's hash.
    confidences: (n_spans,). keep: whether the layer's earlier spans stay.
    """
    notes = _begin(doc)
    confidences = confidences.astype("float32")
    if keep and layer in notes:
        before = notes[layer]
        spans = np.concatenate([spans, before["spans"]])
        confidences = np.concatenate([confidences, before["confidences"]])
    notes[layer] = {"spans": spans, "confidences": confidences}


def note_arcs(doc: Doc, arcs: NDArray[np.uint64], confidences: NDArray) -> None:
    """Note the confidence of each token's head with the relation to it.

    arcs: (n_tokens, 2) HEAD and DEP, as spaCy has them. confidences: (n_tokens,).
    """
    _begin(doc)[_ARCS] = {"arcs": arcs.copy(), "confidences": confidences.astype("float32")}


def arc_confidences(doc: Doc) -> NDArray[np.float32]:
    """(n_tokens,) the probability of each token's head with the relation to it, NaN where it was
    not noted, or another arc is there now."""
    noted = _notes(doc).get(_ARCS)
    if noted is None or len(noted["arcs"]) != len(doc):
        return np.full(len(doc), np.nan, dtype="float32")
    same = (doc.to_array(["HEAD", "DEP"]) == noted["arcs"]).all(axis=1)
    return np.where(same, noted["confidences"], np.float32(np.nan))


def dep_confidence(token: Token) -> float | None:
    """The probability of the token's head with the relation to it, None if it was not noted."""
    confidence = float(arc_confidences(token.doc)[token.i])
    return None if math.isnan(confidence) else confidence


def tag_confidence(token: Token) -> float | None:
    """The probability of the token's tag, None if it was not noted."""
    return token_confidence(token, "TAG")


def lemma_confidence(token: Token) -> float | None:
    """The probability of the edit tree that made the token's lemma, 0 where none could be applied;
    None if it was not noted, as of whitespace."""
    return token_confidence(token, "LEMMA")


def token_confidence(token: Token, attr: str) -> float | None:
    """The probability of the token's value of "TAG" or "LEMMA", None if it was not noted."""
    layer, name = _TOKENS[attr]
    noted = _notes(token.doc).get(layer)
    if noted is None or len(noted[name]) != len(token.doc):
        return None
    if int(noted[name][token.i]) != getattr(token, attr.lower()):
        return None
    confidence = float(noted["confidences"][token.i])
    return None if math.isnan(confidence) else confidence


def span_confidence(span: Span) -> float | None:
    """The probability that there is an entity of just this label, begin and end; None if it was
    not noted. Of a span that several layers have, that of `doc.ents` comes first."""
    notes = _notes(span.doc)
    wanted = np.asarray([span.start_char, span.end_char, span.label], dtype="uint64")
    for layer in sorted(set(notes) - _NO_SPANS):
        found = np.flatnonzero((notes[layer]["spans"] == wanted).all(axis=1))
        if len(found):
            return float(notes[layer]["confidences"][found[0]])
    return None


def register_extensions() -> None:
    """Add `Span._.confidence`, `Token._.tag_confidence`, `Token._.lemma_confidence` and
    `Token._.dep_confidence`; others of these names stay."""
    own: tuple[tuple[Any, str, Any], ...] = (
        (Span, "confidence", span_confidence),
        (Token, "tag_confidence", tag_confidence),
        (Token, "lemma_confidence", lemma_confidence),
        (Token, "dep_confidence", dep_confidence),
    )
    for kind, name, getter in own:
        if not kind.has_extension(name):
            kind.set_extension(name, getter=getter)
        elif kind.get_extension(name)[2] is not getter:
            warnings.warn(
                f"The extension {kind.__name__}._.{name} exists, and stays. What multitask is "
                f"sure of has `spacy_mtl.confidences.{getter.__name__}`.",
                stacklevel=2,
            )


def _n_chars(doc: Doc) -> int:
    return doc[-1].idx + len(doc[-1]) if len(doc) else 0


def _notes(doc: Doc) -> dict[str, Any]:
    """What was noted on this Doc, {} if nothing was, or on another that this one is a part of."""
    notes: dict[str, Any] = doc.user_data.get(CONFIDENCES, {})
    return notes if notes.get(_END) == _n_chars(doc) else {}


def _begin(doc: Doc) -> dict[str, Any]:
    """The same, to be added to."""
    notes = _notes(doc) or {_END: _n_chars(doc)}
    doc.user_data[CONFIDENCES] = notes
    return notes
