"""A transformer's configuration, tokenizer and weights: read from a folder, kept as bytes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import srsly
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

from ...errors import MTLError

MOST_BYTES = 2**31 - 1  # that a component's file can hold
_NO_LIMIT = 10**6  # what a tokenizer calls its longest input if it knows none


@dataclass
class Pretrained:
    """A transformer and what splits texts for it.

    longest: how many pieces it reads at most, special ones among them.
    """

    transformer: Any
    tokenizer: Tokenizer
    longest: int

    @property
    def config(self) -> Any:
        """The transformer's configuration, as transformers has it."""
        return self.transformer.config


def read_pretrained(name: str) -> Pretrained:
    """Read a transformer from a folder, or by its name on the hub.

    RAISES (MTLError): If there is none, or none with a tokenizer of the library tokenizers, or
        weights are missing, in a pickle, or larger than a component's file can be.
    """
    config = read_config(name)
    try:
        with _quiet():
            splitter = AutoTokenizer.from_pretrained(name, use_fast=True, trust_remote_code=False)
            transformer, said = _class_of(config).from_pretrained(
                name,
                config=config,
                use_safetensors=True,
                output_loading_info=True,
                **_without_pooler(config),
            )
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise _none_there(name, error) from error
    if lacking := sorted(said["missing_keys"]):
        raise MTLError(
            f"Expected all weights of the transformer in {name!r}, got none of "
            f"{', '.join(lacking[:3])}{' and others' if lacking[3:] else ''}. The file is of "
            "another model than its config.json, or in part."
        )
    _check_size(transformer.state_dict())
    if not getattr(splitter, "is_fast", False):
        raise MTLError(
            f"Expected a tokenizer with offsets (tokenizer.json) in {name!r}, got "
            f"{type(splitter).__name__}. Save it with a fast tokenizer, or choose another model."
        )
    tokenizer = Tokenizer.from_str(splitter.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    longest = _longest(transformer, splitter.model_max_length)
    return Pretrained(transformer.float(), tokenizer, longest)


def read_config(name: str) -> Any:
    """Read a transformer's configuration alone.

    RAISES (MTLError): If there is none.
    """
    try:
        return AutoConfig.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _none_there(name, error) from error


def _none_there(name: str, error: Exception) -> MTLError:
    return MTLError(
        f"Expected a folder with a transformer, or its name on the hub, got {name!r}: {error}"
    )


def to_bytes(pretrained: Pretrained, weights: dict[str, torch.Tensor]) -> bytes:
    """All of it, as JSON and safetensors in one msgpack; without a pickle.

    weights: of the transformer, and of what else belongs to it.
    RAISES (MTLError): If the weights are larger than a component's file can be.
    """
    _check_size(weights)
    settings = {**pretrained.config.to_dict()}
    settings.pop("_name_or_path", None)  # a folder of this machine
    return bytes(
        srsly.msgpack_dumps(
            {
                "config": json.dumps(settings, sort_keys=True),
                "tokenizer": pretrained.tokenizer.to_str(),
                "longest": pretrained.longest,
                # Tied weights would share memory, which safetensors refuses.
                "weights": save({k: t.detach().cpu().clone() for k, t in weights.items()}),
            }
        )
    )


def _check_size(weights: dict[str, torch.Tensor]) -> None:
    size = 4 * sum(tensor.numel() for tensor in weights.values())
    if size > MOST_BYTES:
        raise MTLError(
            f"Expected weights of up to 2 GiB, which is what a component's file can hold, got "
            f"{size / 2**30:.1f} GiB. Choose a smaller transformer."
        )


def from_bytes(data: bytes) -> tuple[Pretrained, dict[str, torch.Tensor]]:
    """What `to_bytes` wrote: a transformer without its weights, and all weights."""
    parts = srsly.msgpack_loads(data)
    settings = json.loads(parts["config"])
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.random.fork_rng(devices=[]):  # weights are drawn, and then replaced
        transformer = _class_of(config)._from_config(config, **_without_pooler(config))
    tokenizer = Tokenizer.from_str(parts["tokenizer"])
    found = Pretrained(transformer.float(), tokenizer, int(parts["longest"]))
    return found, load(parts["weights"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that the layers of other heads, which the file has too, are not read."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _class_of(config: Any) -> Any:
    found = AutoModel._model_mapping[type(config)]
    return found[0] if isinstance(found, tuple) else found


def _without_pooler(config: Any) -> dict[str, Any]:
    """The layer over the first vector has no use here, and would never learn."""
    parameters = inspect.signature(_class_of(config).__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in parameters else {}


def _longest(transformer: Any, model_max_length: int) -> int:
    positions = getattr(transformer.config, "max_position_embeddings", None) or _NO_LIMIT
    for name, layer in transformer.named_modules():
        padding = getattr(layer, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            positions -= padding + 1  # RoBERTa's positions begin behind that of padding
    return int(min(positions, model_max_length))
