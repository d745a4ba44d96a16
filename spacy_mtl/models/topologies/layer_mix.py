"""Hard sharing of an encoder's layers, of which each task has a mean of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ...errors import MTLError
from ..encoding import Encoder
from ..packed import Packed
from .base import FIRST, Represented, Sharing, add_part, encode, encoders, summed, topology

OTHERS = ""  # the mix of tasks that have none of their own


def LayerMix(tok2vec: Encoder, layers: int, tasks: Sequence[str] = ()) -> Sharing:
    """One encoder that gives several layers, and a learned mean of these for each task.

    The scalar mix of Peters et al. 2018 (https://aclanthology.org/N18-1202): a softmax over the
    layers times a gain, which begin as the plain mean. Tasks that need lower layers of a
    transformer, such as tags, need not share one mean with those that need higher ones. Not of
    use with an encoder that gives one layer.

    tok2vec: as for `HardSharing`, but (n_tokens, layers * width) arrays, one layer's vectors
        beside those of the next: `spacy_mtl.TransformerEncoder.v1` with `stacked`.
    layers: how many stand side by side.
    tasks: the names of those that have a mix of their own; the others share one.
    RAISES (MTLError): For less than two layers.
    """
    if layers < 2:
        raise MTLError(f"Expected `layers` of at least 2 to mix, got {layers}.")
    model = topology("layer_mix", _represent, {FIRST: tok2vec}, tasks=tasks, init_parts=_initialize)
    for task in dict.fromkeys([OTHERS, *sorted(tasks)]):
        add_part(model, _mix_ref(task), scalar_mix(layers), [task] if task else ())
    return model


def _represent(model: Sharing, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
    stack, bp_encode = encode(encoders(model)[FIRST], docs, is_train)
    sites = {task: _site(model, task) for task in tasks}
    mixed = {site: model.get_ref(site)(stack.X, is_train) for site in dict.fromkeys(sites.values())}
    packed = {site: Packed(X, stack.lengths, docs) for site, (X, _) in mixed.items()}

    def backprop(
        gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()
    ) -> Collection[str]:
        of_site: dict[str, list[Floats2d]] = {}
        for task, gradient in gradients.items():
            of_site.setdefault(sites[task], []).append(gradient)
        d_layers = [  # of the mixes that learn; the others do not move
            mixed[site][1](summed(model.ops, packed[site], each)) for site, each in of_site.items()
        ]
        if FIRST not in frozen:
            bp_encode(summed(model.ops, stack, d_layers))
        return ()

    return Represented({task: packed[sites[task]] for task in tasks}, sites, backprop)


def _initialize(model: Sharing, docs: list[Doc]) -> None:
    for name in model.ref_names:
        if name.startswith(_mix_ref("")):
            model.get_ref(name).initialize()


def _site(model: Sharing, task: str) -> str:
    own = _mix_ref(task)
    return own if model.has_ref(own) else _mix_ref(OTHERS)


def _mix_ref(task: str) -> str:
    return f"mix:{task}"


def scalar_mix(layers: int) -> Model[Floats2d, Floats2d]:
    """A weighted mean of layers side by side: (n, layers * width) to (n, width)."""
    model: Model[Floats2d, Floats2d] = Model(
        "scalar_mix", _forward, init=_init, attrs={"layers": layers}
    )
    _init(model)
    return model


def _init(model: Model[Floats2d, Floats2d], X: object = None, Y: object = None) -> None:
    model.set_param("weights", model.ops.alloc1f(model.attrs["layers"]))
    model.set_param("gain", model.ops.alloc1f(1) + 1)


def _forward(
    model: Model[Floats2d, Floats2d], X: Any, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    xp: Any = model.ops.xp
    n_layers = model.attrs["layers"]
    if X.shape[1] % n_layers:
        raise MTLError(
            f"Expected vectors of {n_layers} layers side by side, got {X.shape[1]} numbers for a "
            "token. Give the encoder `stacked = true` and the same `layers`."
        )
    stack = X.reshape(len(X), n_layers, X.shape[1] // n_layers)
    gain: Any = model.get_param("gain")
    powers = xp.exp(model.get_param("weights") - xp.max(model.get_param("weights")))
    shares = powers / powers.sum()
    mean = xp.tensordot(stack, shares, axes=(1, 0))

    def backprop(dY: Any) -> Floats2d:
        model.inc_grad("gain", (dY * mean).sum()[None])
        d_shares = gain * (stack * dY[:, None]).sum(axis=(0, 2))
        model.inc_grad("weights", shares * (d_shares - (shares * d_shares).sum()))
        dX: Floats2d = ((gain * shares)[None, :, None] * dY[:, None]).reshape(X.shape)
        return dX

    return mean * gain, backprop
