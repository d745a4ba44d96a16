"""`spacy_mtl.TransformerEncoder.v1`: a pretrained transformer as encoder."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, PyTorchGradScaler, torch2xp, xp2torch
from thinc.types import Floats2d
from thinc.util import get_torch_default_device

from ...errors import MTLError
from ..packed import doc_lengths, token_attributes
from .settings import Settings, check

_NEEDED = ("torch", "transformers", "tokenizers", "safetensors")

Encoder = Model[list[Doc], list[Floats2d]]


def TransformerEncoder(
    name: str,
    width: int,
    *,
    pooling: str = "mean",
    layers: int = 1,
    mix: bool = False,
    stacked: bool = False,
    window: int = 128,
    overlap: int = 0,
    shape_rows: int = 0,
    precision: str = "fp32",
    batch: int = 512,
    gradient_checkpointing: bool = False,
    mixed_precision: bool = False,
    grad_scaler_config: dict[str, Any] | None = None,
) -> Encoder:
    """Token vectors of documents by a pretrained transformer, (n_tokens, width) each.

    The model of the components `tok2vec` and `balanced_tok2vec`, or the encoder within a
    `multitask`; what listens to it listens as to any other. The running text is split into the
    transformer's pieces, which are given to tokens by their characters; a token's vector is zero
    if it has none, as white space. A document's vectors do not depend on those it is batched with.

    name: a folder with a transformer, its tokenizer and weights (as `save_pretrained` writes it),
        or its name on the hub, with weights as safetensors. Read by `initialize` alone, and not in
        a pipeline that was saved, which holds all of it.
    width: of its vectors, its `hidden_size`.
    pooling: the vector of a token is that of its first piece, or the mean or maximum of its
        pieces' vectors: "first", "mean" or "maximum".
    layers: the pieces' vectors are the mean of the last so many layers.
    mix: a learned mean of all layers instead (Peters et al. 2018,
        https://aclanthology.org/N18-1202).
    stacked: the last `layers` layers side by side, (n_tokens, layers * width), as the topology
        `spacy_mtl.LayerMix.v1` takes them, which learns a mean of them for each task.
    window: how many pieces are read together, special ones among them. Longer documents are cut
        into windows of about equal length.
    overlap: how many pieces two neighbouring windows share.
    shape_rows: of an embedding of the word's shape ("Xxxx"), which is added to the token's vector
        and begins at zero; 0 for none. For vocabularies without capital letters.
    precision: of predictions: "fp32", "bf16", or "int8" for linear layers with weights scaled by
        output and activations by piece. Training and saving are in single precision.
    batch: how many pieces at once go through the transformer, which bounds memory in prediction.
    gradient_checkpointing: compute the layers again in the backward pass, for less memory.
    mixed_precision: compute in half precision on a GPU, in training, and in prediction where
        `precision` is "fp32". On a CPU such a pipeline predicts, and is not trained.
    grad_scaler_config: settings of thinc's `PyTorchGradScaler`.
    RAISES (MTLError): For other settings, and where PyTorch or transformers is missing.
    """
    settings = Settings(
        width=width,
        pooling=pooling,
        layers=layers,
        mix=mix,
        stacked=stacked,
        window=window,
        overlap=overlap,
        shape_rows=shape_rows,
        batch=batch,
        checkpointing=gradient_checkpointing,
    )
    check(settings, precision)
    check_installed()
    from .module import TransformerModule
    from .shim import TransformerShim

    scaler = PyTorchGradScaler(**{"enabled": mixed_precision, **(grad_scaler_config or {})})
    shim = TransformerShim(TransformerModule(settings), precision, mixed_precision, scaler)
    return Model(
        "transformer_encoder",
        forward,
        init=init,
        shims=[shim],
        dims={"nO": settings.width_out},
        attrs={"name": name, "shape_rows": shape_rows},
    )


def forward(
    model: Encoder, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    """Encode documents."""
    shim: Any = model.shims[0]
    lengths = doc_lengths(docs)
    shapes = np.zeros(int(lengths.sum()), "uint64")
    if model.attrs["shape_rows"]:
        shapes = token_attributes(docs, ["SHAPE"])[:, 0]
    inputs = ArgsKwargs((shim._model.split(docs, shapes),), {})
    if not is_train:
        return _parted(model, shim.predict(inputs), lengths), _no_backprop
    tensor, backprop_module = shim.begin_update(inputs)

    def backprop(dYs: list[Floats2d]) -> list[Doc]:
        if not (len(tensor) and tensor.requires_grad):  # no token has a piece
            return docs
        dY = xp2torch(model.ops.flatten(dYs))
        backprop_module(ArgsKwargs(((tensor,),), {"grad_tensors": (dY,)}))
        return docs

    return _parted(model, tensor, lengths), backprop


def _parted(model: Encoder, tokens: Any, lengths: Any) -> list[Floats2d]:
    """The vectors of each document, in the memory of the tensor of all."""
    Y: Any = torch2xp(tokens, ops=model.ops)
    return model.ops.unflatten(Y, lengths)


def init(model: Encoder, X: Any = None, Y: object = None) -> None:
    """Read the weights, unless they came with a saved pipeline."""
    shim: Any = model.shims[0]
    if not shim._model.loaded:
        shim._model.read(model.attrs["name"])
        shim._model.to(get_torch_default_device())


def _no_backprop(dYs: Any) -> Any:
    raise MTLError("Expected a forward with is_train before the gradient, got a prediction.")


def check_installed() -> None:
    """RAISES (MTLError): If a package is missing that a transformer needs."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise MTLError(
            f"Expected {', '.join(_NEEDED)} for a transformer as encoder, got no "
            f'{", ".join(missing)}. Install with: pip install "spacy-mtl[transformers]"'
        )
