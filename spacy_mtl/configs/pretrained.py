"""A pretrained transformer in a proposed config, and how it is trained.

The recipe is that of fine-tuning in general (Devlin et al. 2019, https://aclanthology.org/N19-1423):
a small rate for the encoder, a larger one for what begins at random, a linear warm-up and decay,
gradients that are clipped together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spacy.cli.init_config import RECOMMENDATIONS
from thinc.api import Config

from ..layers.proposals import Block
from ..models.transformers.encoder import check_installed

HEAD_RATE, ENCODER_FACTOR, NGRAM_FACTOR = 2e-3, 0.1, 10.0
WORDS = 800  # of a batch
EPOCHS = 10
MIN_STEPS, MAX_STEPS = 600, 20_000
WARM_UP, EVALUATIONS = 0.1, 20
NGRAM_COMMENT = "Each n-gram of long documents is seen in few steps, and learns faster still."
COMMENTS = {
    "training.optimizer.factors.tok2vec": "The encoder knows much already; tasks begin at random, "
    "and learn ten times as fast.",
    "training.optimizer.clip_together": "Gradients of a component are scaled down by one norm, so "
    "that its layers keep their proportion.",
}


def recommended(lang: str, optimize: str) -> str:
    """The transformer that spaCy recommends for a language: its name on the hub."""
    known = RECOMMENDATIONS.get(lang) or RECOMMENDATIONS["__default__"]
    return str(known["transformer"][optimize]["name"])


def transformer_block(name: str, gpu: bool) -> Block:
    """The encoder's model.

    name: a folder, or a name on the hub, of which the configuration alone is read.
    RAISES (MTLError): If transformers is missing, or knows no such model.
    """
    check_installed()
    from ..models.transformers.weights import read_config

    return {
        "@architectures": "spacy_mtl.TransformerEncoder.v1",
        "name": name,
        "width": read_config(name).hidden_size,
        "mixed_precision": gpu,
    }


def set_recipe(config: Config, words: int, of_long_texts: Iterable[str] = ()) -> dict[str, str]:
    """How the config trains, and why, by dotted paths.

    words: in all training files together. of_long_texts: the tasks with n-grams of long documents.
    """
    ngrams = {f"multitask.{task}.sparse.W": NGRAM_FACTOR for task in of_long_texts}
    steps = max(MIN_STEPS, min(MAX_STEPS, 100 * round(EPOCHS * words / WORDS / 100)))
    training: dict[str, Any] = config["training"]
    training.update(max_steps=steps, eval_frequency=max(steps // EVALUATIONS, 10), patience=0)
    training["optimizer"] = {
        "@optimizers": "spacy_mtl.GroupedOptimizer.v1",
        "L2": 0.01,
        "grad_clip": 1.0,
        "clip_together": True,
        "use_averages": False,
        "factors": {"tok2vec": ENCODER_FACTOR, **ngrams},
        "learn_rate": {
            "@schedules": "warmup_linear.v1",
            "warmup_steps": round(WARM_UP * steps),
            "total_steps": steps,
            "initial_rate": HEAD_RATE,
        },
    }
    training["batcher"]["size"] = WORDS
    return {
        **COMMENTS,
        **{f"training.optimizer.factors.{path}": NGRAM_COMMENT for path in ngrams},
        "training.max_steps": f"About {EPOCHS} times through {words:,} words, in batches of "
        f"{WORDS}.",
    }
