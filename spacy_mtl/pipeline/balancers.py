"""The balancer of a component: checks, and its state as bytes."""

from __future__ import annotations

import warnings
from typing import Any

import srsly
from spacy.language import Language

from ..balancing.base import Balancer
from ..errors import MTLError


def checked_balancer(balancer: Any, component: str) -> Balancer:
    """The balancer of a component's config.

    RAISES (MTLError): If it is none.
    """
    if not hasattr(balancer, "weights"):
        raise MTLError(
            f"Expected a balancer in [components.{component}.balancer], got {balancer!r}. "
            "Name one with @mtl_balancers."
        )
    checked: Balancer = balancer
    return checked


def balancer_bytes(balancer: Balancer) -> bytes:
    """The balancer's kind and state, as msgpack."""
    return bytes(srsly.msgpack_dumps({"kind": _kind(balancer), "state": balancer.state()}))


def load_balancer(balancer: Balancer, data: bytes) -> None:
    """Set the state to that of `balancer_bytes`; that of another kind is left out, and said so."""
    saved = srsly.msgpack_loads(data)
    found = saved.get("kind") if isinstance(saved, dict) else None
    if found == _kind(balancer):
        balancer.load_state(saved["state"])
        return
    warnings.warn(
        f"The saved state of the balancer is of the kind '{found or 'unknown'}', and is left out "
        f"because the config now has '{_kind(balancer)}', which begins without it.",
        stacklevel=2,
    )


def warn_if_without_state(balancer: Balancer, component: str) -> None:
    """Say that a saved component lacks the state of a balancer that has one to lose."""
    if balancer.state():
        warnings.warn(
            f"The saved component '{component}' has no state of its balancer, which begins anew "
            "if the training goes on.",
            stacklevel=2,
        )


def _kind(balancer: Balancer) -> str:
    """See `Balancer`."""
    return str(getattr(balancer, "kind", type(balancer).__name__))


def warn_if_homogeneous(balancer: Balancer, nlp: Language) -> None:
    """Warn of batches in which a balancer that goes by gradients has nothing to do."""
    batcher = nlp.config["training"].get("batcher") or {}
    if balancer.needs_gradients and batcher.get("batches") == "homogeneous":
        warnings.warn(
            f"{type(balancer).__name__} weighs the tasks of a batch by their gradients, but "
            '[training.batcher] has batches = "homogeneous": where a batch has one corpus, with '
            'labels for one task, there is nothing to weigh. Set batches = "mixed".',
            stacklevel=2,
        )
