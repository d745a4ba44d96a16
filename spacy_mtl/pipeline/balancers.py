"""Checks of the balancer that a component is given."""

from __future__ import annotations

import warnings
from typing import Any

from spacy.language import Language

from ..balancing.base import Balancer
from ..errors import MTLError


def checked_balancer(balancer: Any, component: str) -> Balancer:
    """The balancer of a component's config; raises MTLError if it is none."""
    if not hasattr(balancer, "weights"):
        raise MTLError(
            f"Expected a balancer in [components.{component}.balancer], got {balancer!r}. "
            "Name one with @mtl_balancers."
        )
    checked: Balancer = balancer
    return checked


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
