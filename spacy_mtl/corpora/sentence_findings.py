"""What in the sentences of the corpora will hurt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..layers.sentences import FEW_SENTENCES
from .coverage import Coverage
from .findings import Finding, Layers
from .layer_coverage import Layer

MORE_SENTENCES = (
    "Convert with --group 10, which puts up to 10 consecutive sentences of a source document into "
    "a doc (--vars.group 10 in the project)."
)


def learns_sentences(known: Layers) -> bool:
    """Whether a task learns where sentences begin: a parser, or one of its own where a document
    has several."""
    mean = max((found.sentences_per_doc or 0 for found in known.values()), default=0)
    return Layer("dep") in known or mean >= FEW_SENTENCES


def single_sentences(known: Layers, held_out: Sequence[Coverage]) -> Iterator[Finding]:
    """Docs that have hardly more than one sentence, where tasks learn the boundaries."""
    if few := _few(known):
        yield Finding(
            "single-sentences",
            f"Training docs have hardly more than one sentence: {few}. So nothing teaches where "
            f"one ends and the next begins. {MORE_SENTENCES}",
        )
    for dev in held_out:
        if few := _few({layer: found for layer, found in dev.layers.items() if layer in known}):
            yield Finding(
                "single-sentences",
                f"The docs of {dev.path} have hardly more than one sentence: {few}. So no "
                "boundary can be missed there, and scores of sentences are too good. "
                f"{MORE_SENTENCES}",
            )


def _few(layers: Layers) -> str:
    """The layers with few sentences, each with their number in a Doc."""
    means = {layer: found.sentences_per_doc for layer, found in layers.items()}
    few = [
        f"{mean:.2f} by {layer}" for layer, mean in means.items() if mean and mean < FEW_SENTENCES
    ]
    return ", ".join(few)
