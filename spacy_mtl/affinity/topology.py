"""A way to share that measurements speak for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from thinc.api import Config

from ..pipeline.component import MultiTask
from .result import ERRORS, FEWEST, Affinity

HARD = "spacy_mtl.HardSharing.v1"
STACKED = "spacy_mtl.Stacked.v1"
CROSS_STITCH = "spacy_mtl.CrossStitch.v1"


@dataclass(frozen=True)
class Suggestion:
    """A topology to compare with hard sharing.

    settings: beside the encoder. reason: what was measured, as a sentence.
    """

    architecture: str
    settings: dict[str, Any]
    reason: str


def suggested(measured: Affinity, shown: Collection[str]) -> Suggestion | None:
    """What the effects of tasks on each other speak for; None for nothing but hard sharing.

    Two tasks that clearly hurt each other: towers. Else tasks that help others more than these help
    them: the others see what they find. Clear is what `Affinity.effects` names, and a difference of
    as many standard errors.

    shown: the tasks that others can see, see `Task.shows`.
    """
    clear = {(one, other): effect for one, other, effect in measured.effects()}
    hurt = [
        f"{one} and {other}"
        for (one, other), effect in clear.items()
        if one < other and effect < 0 and clear.get((other, one), 0.0) < 0
    ]
    if hurt:
        reason = f"Steps for {', '.join(hurt)} raise each other's loss."
        return Suggestion(CROSS_STITCH, {"depth": 2}, reason)
    sees = _sees(measured, clear, shown)
    if not sees:
        return None
    helped = "; ".join(f"{task} by {', '.join(others)}" for task, others in sees.items())
    reason = f"Tasks are helped by others more than they help these: {helped}."
    return Suggestion(STACKED, {"sees": sees}, reason)


def _sees(
    measured: Affinity, clear: Mapping[tuple[str, str], float], shown: Collection[str]
) -> dict[str, list[str]]:
    """By task, the others that help it clearly more than it helps them, without circles."""
    place = {task: number for number, task in enumerate(measured.tasks)}
    mean, error, count = measured.means.affinity, measured.means.error, measured.means.count
    found: list[tuple[float, str, str]] = []
    for (one, other), effect in clear.items():
        i, j = place[one], place[other]
        if effect <= 0 or one not in shown or count[j, i] < FEWEST:
            continue
        difference = float(mean[i, j] - mean[j, i])
        if difference > ERRORS * float(np.hypot(error[i, j], error[j, i])):
            found.append((difference, one, other))
    sees: dict[str, list[str]] = {}
    for _, one, other in sorted(found, reverse=True):
        if other not in _below(sees, one):
            sees.setdefault(other, []).append(one)
    return sees


def _below(sees: Mapping[str, list[str]], task: str) -> set[str]:
    """A task and all that it sees, near or far."""
    return {task}.union(*(_below(sees, other) for other in sees.get(task, ())))


def sections(
    component: MultiTask, model: Mapping[str, Any], suggestion: Suggestion
) -> Config | None:
    """The sections of a config that put the topology into the place of hard sharing; None where the
    encoder does not say how wide its vectors are, as a listener of spacy-transformers.

    model: the block of the component's model, filled in.
    """
    width = component.model.get_ref("tok2vec").maybe_get_dim("nO")
    if width is None:
        return None
    tok2vec = deepcopy(dict(model["tok2vec"]))
    block: dict[str, Any] = {"@architectures": suggestion.architecture, "tok2vec": tok2vec}
    block["encode"] = {
        "@architectures": "spacy_mtl.WindowEncoder.v1",
        "width": width,
        "window_size": 1,
        "maxout_pieces": 3,
        "depth": 1,
    }
    block |= suggestion.settings
    return Config({"components": {component.name: {"model": block}}})
