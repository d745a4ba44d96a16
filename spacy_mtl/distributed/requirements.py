"""Which pipelines several workers can train."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from spacy.language import Language
from spacy.pipeline import Tok2Vec

from ..balancing.fixed import FixedWeights
from ..errors import MTLError
from ..models.topologies.base import batch_penalty
from ..pipeline.balanced_tok2vec import BalancedTok2Vec
from ..pipeline.component import MultiTask


def check_shareable(nlp: Language, excluded: Collection[str]) -> None:
    """Check that the gradients of parts of a batch add up to those of the batch.

    RAISES (MTLError): For components that scale their gradients by the size of what they are
        given, as some of spaCy's own do, and settings that hold for one process alone.
    """
    if nlp.config["training"]["seed"] is None:
        raise MTLError(
            "Expected a number as [training] seed, so that all workers draw the same batches, got "
            "null."
        )
    for name, pipe in nlp.pipeline:
        component: Any = pipe
        if name in excluded or not getattr(component, "is_trainable", False):
            continue
        if not isinstance(component, MultiTask | Tok2Vec) and not _is_transformer(component):
            raise MTLError(
                "Expected components that several workers can train, which are multitask and "
                f"encoders, got '{name}'. Train with one worker, make its annotation a task of "
                "multitask, or name it in `frozen_components`."
            )
        if isinstance(component, BalancedTok2Vec):
            _check_balancer(name, component)
        penalty = batch_penalty(component.model)
        if penalty is not None and penalty.weight:
            raise MTLError(
                f"Expected `{penalty.setting} = 0` in [components.{name}.model], got "
                f"{penalty.weight}, a penalty on a whole batch, which one worker can train."
            )
        for node in component.model.walk():
            if any(getattr(shim, "_mixed_precision", False) for shim in node.shims):
                raise MTLError(
                    f"Expected `mixed_precision = false` in [components.{name}.model], got true, "
                    "which one worker can train."
                )


def _check_balancer(name: str, component: BalancedTok2Vec) -> None:
    weighs = not isinstance(component.balancer, FixedWeights)
    if weighs and len(component.listening_components) > 1:
        raise MTLError(
            f"Expected `spacy_mtl.FixedWeights.v1` in [components.{name}.balancer], got another "
            "balancer, which one worker can train. multitask takes any."
        )


def _is_transformer(component: Any) -> bool:
    """Whether it is that of spacy-transformers or spacy-curated-transformers."""
    return hasattr(component, "listener_map") and "transformer" in type(component).__name__.lower()
