"""To and from bytes and disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import srsly
from spacy import util
from spacy.vocab import Vocab
from thinc.api import Model

from ..balancing.base import Balancer
from ..errors import MTLError
from ..tasks.base import Task
from .balancers import balancer_bytes, load_balancer

Self = TypeVar("Self", bound="Saving")
CFG, VOCAB, MODEL, BALANCER = "cfg", "vocab", "model", "balancer"


class Saving:
    """The component's serialization: labels as JSON, the model and the balancer's state."""

    name: str
    vocab: Vocab
    model: Model
    balancer: Balancer
    tasks: dict[str, Task]

    @property
    def label_data(self) -> dict[str, list[str]]:
        """What `spacy init labels` writes and `initialize` takes: the labels of each task."""
        return {name: list(task.labels) for name, task in self.tasks.items()}

    def set_labels(self, labels: Mapping[str, Iterable[str]]) -> None:
        """Give each task its labels, which the heads' sizes must fit."""
        for name, own in labels.items():
            self.tasks[name].set_labels(own)
            for label in own:
                self.vocab.strings.add(label)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The component as bytes, the same for the same state."""
        parts: dict[str, Callable[[], bytes]] = {
            CFG: lambda: srsly.json_dumps(_cfg(self)).encode("utf8"),
            VOCAB: lambda: self.vocab.to_bytes(exclude=exclude),
            MODEL: self.model.to_bytes,
            BALANCER: lambda: balancer_bytes(self.balancer),
        }
        return bytes(util.to_bytes(parts, exclude))

    def from_bytes(self: Self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Set labels and weights to those of `to_bytes`."""
        parts: dict[str, Callable[[bytes], Any]] = {
            CFG: lambda b: _set_cfg(self, srsly.json_loads(b)),
            VOCAB: lambda b: self.vocab.from_bytes(b, exclude=exclude),
            MODEL: lambda b: self.model.from_bytes(b),
            BALANCER: lambda b: load_balancer(self.balancer, b),
        }
        util.from_bytes(bytes_data, parts, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the component to a folder."""
        parts: dict[str, Callable[[Path], Any]] = {
            CFG: lambda p: srsly.write_json(p, _cfg(self)),
            VOCAB: lambda p: self.vocab.to_disk(p, exclude=exclude),
            MODEL: lambda p: self.model.to_disk(p),
            BALANCER: lambda p: p.write_bytes(balancer_bytes(self.balancer)),
        }
        util.to_disk(path, parts, exclude)

    def from_disk(self: Self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Set labels and weights to those in a folder."""
        parts: dict[str, Callable[[Path], Any]] = {
            CFG: lambda p: _set_cfg(self, srsly.read_json(p)),
            VOCAB: lambda p: self.vocab.from_disk(p, exclude=exclude),
            MODEL: lambda p: self.model.from_bytes(p.read_bytes()),
            BALANCER: lambda p: (
                load_balancer(self.balancer, p.read_bytes()) if p.exists() else None
            ),
        }
        util.from_disk(path, parts, exclude)
        return self


def _cfg(component: Saving) -> dict[str, Any]:
    return {"labels": component.label_data}


def _set_cfg(component: Saving, cfg: dict[str, Any]) -> None:
    """Take over the saved labels; the config's tasks must be those that were saved."""
    saved = cfg["labels"]
    if set(saved) != set(component.tasks):
        raise MTLError(
            f"Expected the saved model of '{component.name}' to have the tasks of the config "
            f"({', '.join(component.tasks)}), got {', '.join(saved)}. Load it with the config that "
            "it was saved with."
        )
    component.set_labels(saved)
