"""To and from bytes and disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from spacy import util

from ..balancing.base import Balancer
from ..errors import MTLError, one_line
from ..files import write_whole
from ..models.heads import n_outputs
from ..models.topologies.base import head_of
from ..tasks.capable import Calibrated
from .balancers import balancer_bytes, load_balancer, warn_if_without_state
from .labelling import Labelling

Self = TypeVar("Self", bound="Saving")
CFG, VOCAB, MODEL, BALANCER = "cfg", "vocab", "model", "balancer"


class Saving(Labelling):
    """The component's serialization: labels as JSON, the model and the balancer's state."""

    balancer: Balancer

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The component as bytes, the same for the same state."""
        parts: dict[str, Callable[[], bytes]] = {
            CFG: lambda: _cfg_bytes(self),
            VOCAB: lambda: self.vocab.to_bytes(exclude=exclude),
            MODEL: self.model.to_bytes,
            BALANCER: lambda: balancer_bytes(self.balancer),
        }
        return bytes(util.to_bytes(parts, exclude))

    def from_bytes(self: Self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Set labels and weights to those of `to_bytes`.

        RAISES (MTLError): If they are damaged or do not fit the config.
        """
        parts: dict[str, Callable[[bytes], Any]] = {
            CFG: lambda b: _set_cfg(self, json.loads(b)),
            VOCAB: lambda b: self.vocab.from_bytes(b, exclude=exclude),
            MODEL: lambda b: self.model.from_bytes(b),
            BALANCER: lambda b: load_balancer(self.balancer, b),
        }
        with whole(self.name):
            util.from_bytes(bytes_data, _guarded(parts, self.name), exclude)
        _check_heads(self)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the component to a folder."""
        parts: dict[str, Callable[[Path], Any]] = {
            CFG: lambda p: p.write_bytes(_cfg_bytes(self, indent=2)),
            VOCAB: lambda p: self.vocab.to_disk(p, exclude=exclude),
            MODEL: lambda p: self.model.to_disk(p),
            BALANCER: lambda p: p.write_bytes(balancer_bytes(self.balancer)),
        }
        util.to_disk(path, parts, exclude)

    def from_disk(self: Self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Set labels and weights to those in a folder.

        RAISES (MTLError): If a file is missing, damaged or does not fit the config.
        """
        parts: dict[str, Callable[[Path], Any]] = {
            CFG: lambda p: _set_cfg(self, json.loads(p.read_bytes())),
            VOCAB: lambda p: self.vocab.from_disk(p, exclude=exclude),
            MODEL: lambda p: self.model.from_bytes(p.read_bytes()),
            BALANCER: lambda p: (
                load_balancer(self.balancer, p.read_bytes())
                if p.exists()
                else warn_if_without_state(self.balancer, self.name)
            ),
        }
        util.from_disk(path, _guarded(parts, self.name), exclude)
        _check_heads(self)
        return self


@contextmanager
def whole(component: str, part: str = "") -> Iterator[None]:
    """Let whatever goes wrong in reading a saved component be an MTLError that names it."""
    try:
        yield
    except MTLError:
        raise
    except Exception as error:  # thinc and srsly raise errors of many types for damaged data
        what = f"the part '{part}' of " if part else ""
        raise MTLError(
            f"Expected {what}the saved component '{component}', whole and as the config has it, "
            f"got {type(error).__name__}: {one_line(error)}. It is incomplete, damaged, or from "
            "another pipeline or version: copy or save the pipeline again, and load it with its "
            "own config."
        ) from error


def _guarded(
    parts: Mapping[str, Callable[[Any], Any]], component: str
) -> dict[str, Callable[[Any], Any]]:
    """The readers of the parts, with errors that say in which part something is wrong."""

    def guard(part: str, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def read_part(source: Any) -> Any:
            with whole(component, part):
                return read(source)

        return read_part

    return {part: guard(part, read) for part, read in parts.items()}


def _cfg_bytes(component: Saving, indent: int | None = None) -> bytes:
    """As JSON, formatted as srsly does it, which would round numbers."""
    return json.dumps(_cfg(component), indent=indent, separators=(",", ":")).encode("utf8")


def _cfg(component: Saving) -> dict[str, Any]:
    """Labels, the temperatures of tasks that were calibrated, and what else tasks have learned."""
    found = {name: task.temperature for name, task in _calibrated(component).items()}
    temperatures = {name: value for name, value in found.items() if value != 1.0}
    states = {name: state for name, task in component.tasks.items() if (state := task.state())}
    optional = {"temperatures": temperatures, "states": states}
    return {
        "labels": component.label_data,
        **{key: value for key, value in optional.items() if value},
    }


def _calibrated(component: Saving) -> dict[str, Calibrated]:
    return {name: task for name, task in component.tasks.items() if isinstance(task, Calibrated)}


def write_cfg(component: Saving, folder: Path) -> None:
    """Replace what `cfg` has, and nothing else, in a folder that `to_disk` has written.

    RAISES (MTLError): If it cannot be written; then all is as before.
    """
    write_whole(folder / CFG, _cfg_bytes(component, indent=2))


def _set_cfg(component: Saving, cfg: Any) -> None:
    """Take over the saved labels; the config's tasks must be those that were saved."""
    saved = cfg.get("labels") if isinstance(cfg, dict) else None
    if not isinstance(saved, dict) or not all(map(_are_labels, saved.values())):
        raise MTLError(
            f"Expected in the saved model of '{component.name}' each task's labels, all different "
            f"strings, got {str(cfg)[:80]}. Copy or save the pipeline again."
        )
    if set(saved) != set(component.labelled_tasks):
        raise MTLError(
            f"Expected the saved model of '{component.name}' to have the tasks of the config "
            f"({', '.join(component.labelled_tasks)}), got {', '.join(saved)}. Load it with the "
            "config that it was saved with."
        )
    component.set_labels(saved)
    _set_temperatures(component, cfg.get("temperatures", {}))
    _set_states(component, cfg.get("states", {}))


def _set_temperatures(component: Saving, saved: Any) -> None:
    if (
        not isinstance(saved, dict)
        or not set(saved) <= set(_calibrated(component))
        or not all(isinstance(value, (int, float)) and 0 < value < inf for value in saved.values())
    ):
        raise MTLError(
            f"Expected in the saved model of '{component.name}' temperatures of its tasks, all "
            f"numbers above 0, got {str(saved)[:80]}. Copy, save or calibrate the pipeline again."
        )
    for name, task in _calibrated(component).items():
        task.temperature = float(saved.get(name, 1.0))


def _set_states(component: Saving, saved: Any) -> None:
    if not isinstance(saved, dict) or not set(saved) <= set(component.tasks):
        raise MTLError(
            f"Expected in the saved model of '{component.name}' states of its tasks, got "
            f"{str(saved)[:80]}. Copy or save the pipeline again."
        )
    for name, task in component.tasks.items():
        task.load_state(saved.get(name, {}))


def _are_labels(labels: Any) -> bool:
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return False
    return len(set(labels)) == len(labels)


def _check_heads(component: Saving) -> None:
    """RAISES (MTLError): If a head has scores for more or fewer labels than its task has."""
    for name, task in component.labelled_tasks.items():
        found = n_outputs(head_of(component.model, name))
        if found is not None and found != len(task.columns):
            raise MTLError(
                f"Expected {len(task.columns)} scores of the task '{name}' of '{component.name}', "
                f"as its {len(task.labels)} labels need, got a saved model with {found}. The "
                "labels are not those that it was saved with: copy or save the pipeline again."
            )
