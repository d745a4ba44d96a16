"""Cross-stitch: a tower of layers for each task, which exchange what they find after each layer."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ...errors import MTLError
from ..encoding import Encoder
from ..packed import Packed
from .base import FIRST, Represented, Sharing, add_part, encode, encoders, summed, topology
from .layer_mix import scalar_mix
from .stages import Configured, Stage, initialize_stages, run_stage
from .towers import copied

OWN = 0.9  # of what a tower gives, the part that it keeps in the beginning


def CrossStitch(
    tok2vec: Encoder, encode: Stage, depth: int = 2, subspaces: int = 1, mix_layers: bool = False
) -> Sharing:
    """A tower of layers for each task above one encoder; after each layer, towers are mixed.

    The mixing is linear and learned, one number for each two towers and layer, so that each task
    takes of the others what helps it (Misra et al. 2016, https://arxiv.org/abs/1604.03539). With
    `subspaces` and `mix_layers` it is the sluice network of Ruder et al. 2019
    (https://arxiv.org/abs/1705.08142). All towers run in prediction too, whatever tasks are active:
    it costs as many layers as tasks times `depth`. The mixing learns slowly at the rate of the
    layers: give it a higher one by [training.optimizer.factors], `multitask.stitch_*`.

    tok2vec: what stands below the towers: a listener, an encoder of its own, or embeddings.
    encode: a layer from vectors to vectors of the same width, such as `spacy_mtl.WindowEncoder.v1`
        of depth 1. It is copied `depth` times for each task, each copy with first numbers of its
        own.
    depth: layers of a tower.
    subspaces: equal parts of a tower's vectors that are mixed each by itself. Their number must
        divide the width.
    mix_layers: a task's representation is a learned mean of its tower's layers, not the last.
    RAISES (MTLError): For less than one layer or subspace.
    """
    for name, value in (("depth", depth), ("subspaces", subspaces)):
        if value < 1:
            raise MTLError(f"Expected `{name}` of at least 1, got {value}.")
    model = topology(
        "cross_stitch", _represent, {FIRST: tok2vec}, grow=_grow, init_parts=_initialize
    )
    model.attrs.update(depth=depth, subspaces=subspaces, mix_layers=mix_layers)
    model.attrs["configured"] = Configured(encode)
    return model


def _grow(model: Sharing, heads: Mapping[str, Model]) -> None:
    tasks = list(heads)
    depth, configured = model.attrs["depth"], model.attrs.pop("configured").layer
    model.attrs["towers"] = tasks
    for level in range(depth):
        for task in tasks:
            add_part(model, _layer(level, task), copied(configured))
        add_part(model, _stitch(level), stitch(len(tasks), model.attrs["subspaces"]))
    if model.attrs["mix_layers"] and depth > 1:
        for task in tasks:
            add_part(model, _mix(task), scalar_mix(depth), [task])


def _layer(level: int, task: str) -> str:
    return f"tower_{task}_{level}"


def _stitch(level: int) -> str:
    return f"stitch_{level}"


def _mix(task: str) -> str:
    return f"mix_{task}"


def _initialize(model: Sharing, docs: list[Doc]) -> None:
    levels = range(model.attrs["depth"])
    layers = [model.get_ref(_layer(n, task)) for n in levels for task in model.attrs["towers"]]
    initialize_stages(model, docs, layers, "`encode` of spacy_mtl.CrossStitch.v1")
    for name in model.ref_names:
        if name.startswith(("stitch_", "mix_")):
            model.get_ref(name).initialize()


def _represent(model: Sharing, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
    below, bp_encode = encode(encoders(model)[FIRST], docs, is_train)
    towers: list[str] = model.attrs["towers"]
    X: list[Floats2d] = [below.X] * len(towers)
    outputs: list[list[Floats2d]] = []
    steps: list[Any] = []
    for level in range(model.attrs["depth"]):
        layers = [model.get_ref(_layer(level, task)) for task in towers]
        ran = [run_stage(la, x, below.lengths, is_train) for la, x in zip(layers, X, strict=True)]
        X, bp_stitch = model.get_ref(_stitch(level))([Y for Y, _ in ran], is_train)
        outputs.append(X)
        steps.append(([bp for _, bp in ran], bp_stitch))
    means = {
        task: _mean(model, task, [of[towers.index(task)] for of in outputs], is_train)
        for task in tasks
    }
    packed = {task: Packed(mean, below.lengths, docs) for task, (mean, _) in means.items()}

    def backprop(
        gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()
    ) -> Collection[str]:
        by_level: list[dict[str, Floats2d]] = [{} for _ in steps]
        for task, dX in gradients.items():
            for of_level, d_layer in zip(by_level, means[task][1](dX), strict=True):
                if d_layer is not None:
                    of_level[task] = d_layer
        dY: list[Floats2d] = [summed(model.ops, below, ()) for _ in towers]
        for (bp_layers, bp_stitch), own in zip(reversed(steps), reversed(by_level), strict=True):
            above = [own.get(task, 0) + d for d, task in zip(dY, towers, strict=True)]
            dY = [bp(d) for bp, d in zip(bp_layers, bp_stitch(above), strict=True)]
        if FIRST not in frozen:
            bp_encode(summed(model.ops, below, dY))
        return ()

    return Represented(packed, {task: f"tower_{task}" for task in tasks}, backprop)


def _mean(
    model: Sharing, task: str, layers: list[Floats2d], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Floats2d | None]]]:
    """A task's representation of its tower's layers, and what gives each layer its gradient."""
    if not model.has_ref(_mix(task)):
        return layers[-1], lambda dY: [*[None] * (len(layers) - 1), dY]
    xp: Any = model.ops.xp
    mean, bp_mix = model.get_ref(_mix(task))(xp.hstack(layers), is_train)
    return mean, lambda dY: list(map(xp.ascontiguousarray, xp.hsplit(bp_mix(dY), len(layers))))


def stitch(towers: int, subspaces: int) -> Model[list[Floats2d], list[Floats2d]]:
    """A linear mix of the towers' vectors, (n, width) each, subspace by subspace."""
    model: Model[list[Floats2d], list[Floats2d]] = Model(
        "stitch",
        _stitch_forward,
        init=_stitch_init,
        attrs={"subspaces": subspaces, "parts": towers * subspaces},
    )
    _stitch_init(model)
    return model


def _stitch_init(model: Model[Any, Any], X: object = None, Y: object = None) -> None:
    n = model.attrs["parts"]
    shares: Any = np.eye(n) if n == 1 else np.full((n, n), (1 - OWN) / (n - 1))
    np.fill_diagonal(shares, 1.0 if n == 1 else OWN)
    model.set_param("shares", model.ops.asarray2f(shares))


def _stitch_forward(
    model: Model[Any, Any], Xs: Sequence[Any], is_train: bool
) -> tuple[list[Any], Callable[[Sequence[Any]], list[Any]]]:
    xp: Any = model.ops.xp
    subspaces = model.attrs["subspaces"]
    length, width = Xs[0].shape
    if width % subspaces:
        raise MTLError(
            f"Expected `subspaces` to divide the vectors' width, {width}, got {subspaces}."
        )

    def apart(arrays: Sequence[Any]) -> Any:
        parts = xp.stack(arrays).reshape(len(Xs), length, subspaces, width // subspaces)
        return parts.transpose(0, 2, 1, 3).reshape(len(Xs) * subspaces, length * width // subspaces)

    def together(flat: Any) -> list[Any]:
        parts = flat.reshape(len(Xs), subspaces, length, width // subspaces)
        return list(
            xp.ascontiguousarray(parts.transpose(0, 2, 1, 3)).reshape(len(Xs), length, width)
        )

    shares: Any = model.get_param("shares")
    flat = apart(Xs)

    def backprop(dYs: Sequence[Any]) -> list[Any]:
        d_flat = apart(dYs)
        model.inc_grad("shares", d_flat @ flat.T)
        return together(shares.T @ d_flat)

    return together(shares @ flat), backprop
