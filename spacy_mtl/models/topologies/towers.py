"""Towers: encoders of tasks' own, each a copy of the configured one with numbers of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thinc.api import Model
from thinc.shims import Shim

from ...errors import MTLError
from ..encoding import Encoder
from ..freezing import torch_module
from .base import FIRST, Sharing, add_part


def tower_name(task: str) -> str:
    """The name of a task's tower among the encoders of a topology."""
    return f"tok2vec_{task}"


def grow_towers(model: Sharing, heads: Mapping[str, Model]) -> None:
    """Give each task a tower, which learns by it alone. The configured encoder is that of the
    first."""
    tasks = list(heads)
    configured = model.get_ref(FIRST)
    for number, task in enumerate(tasks):
        tower = copied(configured) if number else configured
        add_part(model, tower_name(task), tower, [task])
    if tasks:
        model.attrs["encoders"] = list(map(tower_name, tasks))


def check_own(encoder: Encoder, topology: str) -> None:
    """RAISES (MTLError): If it only listens to an encoder, of which there cannot be several."""
    if any(hasattr(node, "upstream_name") for node in encoder.walk()):
        raise MTLError(
            f"Expected an encoder to make copies of as `tok2vec` of {topology}, got a listener. "
            "Put the block of the encoder there, and take the encoder out of [nlp] pipeline."
        )


def copied(encoder: Encoder) -> Encoder:
    """A copy that gets numbers of its own when it is initialized.

    Layers of PyTorch, which have theirs already, draw new ones; pretrained weights stay what they
    are, as `initialize` reads them.
    """
    copy = encoder.copy()
    nodes = dict(zip((n.id for n in encoder.walk()), copy.walk(), strict=True))
    for node in encoder.walk():
        for ref in node.ref_names:  # which thinc does not copy
            target = node.maybe_get_ref(ref)
            nodes[node.id].set_ref(ref, None if target is None else nodes[target.id])
    for node in copy.walk():
        for shim in node.shims:
            _renumber(shim)
            module: Any = torch_module(shim)
            if module is not None:
                module.apply(_draw_anew)
    return copy


def _renumber(shim: Shim) -> None:
    """Give a copy a number of its own, by which optimizers know its parameters: thinc's has that of
    what it was copied from."""
    with Shim.global_id_lock:
        Shim.global_id += 1
        shim.id = Shim.global_id


def _draw_anew(module: Any) -> None:
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
