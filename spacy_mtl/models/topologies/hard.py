"""Hard sharing: one encoder, whose output every task sees."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spacy.tokens import Doc
from thinc.types import Floats2d

from ..encoding import Encoder
from .base import FIRST, Represented, Sharing, encode, encoders, summed, topology


def HardSharing(tok2vec: Encoder) -> Sharing:
    """One encoder whose output is the representation of every task (Caruana 1997).

    The tasks' gradients with respect to it are summed and the encoder is run backward exactly
    once per update. The most economical topology, and the one to try first; tasks that need
    contradicting features compete for the same width.

    tok2vec: `spacy.Tok2VecListener.v1`, a transformer's listener, or an encoder of its own;
        documents to one (n_tokens, width) array each. It stays at `model.tok2vec`, where
        `nlp.replace_listeners` looks for it.
    """
    return topology("hard_sharing", _represent, {FIRST: tok2vec})


def _represent(model: Sharing, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
    packed, bp_encode = encode(encoders(model)[FIRST], docs, is_train)

    def backprop(
        gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()
    ) -> Collection[str]:
        if FIRST not in frozen:
            bp_encode(summed(model.ops, packed, gradients.values()))
        return ()

    return Represented(dict.fromkeys(tasks, packed), dict.fromkeys(tasks, FIRST), backprop)
