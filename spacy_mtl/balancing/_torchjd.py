"""TorchJD's methods by name (https://torchjd.org): imported when training starts, not before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

import numpy as np

from ..errors import MTLError

INSTALL = 'pip install "spacy-mtl[balancing]"'

# Where TorchJD has no default: what LibMTL, the other collection of such methods, has as one.
DEFAULTS: dict[str, dict[str, Any]] = {
    "CAGrad": {"c": 0.5},
    "FairGrad": {"alpha": 1.0},
    "Krum": {"n_byzantine": 0},
    "STCH": {"mu": 1.0},
}
# Options that the adapters set themselves, or that a config cannot hold.
OWN_OPTIONS = {"shape", "n_tasks", "update_weights_every", "projector"}

_ENTRIES = "it acts on single entries of the gradients, and their inner products do not tell these"
_TWO_BATCHES = "it needs the gradients of two independent batches at each update"
LEFT_OUT = {
    "FAMO": "it needs the losses of the same batch again after the optimizer's step, and the "
    "encoder's forward pass belongs to another component. Try UW, IMTLL or DWA",
    "ConFIG": "it is in TorchJD for gradients, not for their inner products. Try UPGrad or IMTLG",
    "CRMOGM": "it smooths the weights of another method, which its options cannot name",
    "ExcessMTL": f"{_ENTRIES}. Try FairGrad",
    "GradDrop": f"{_ENTRIES}. Try PCGrad",
    "MoDo": f"{_TWO_BATCHES}. Try MGDA",
    "PCD": "it follows the first task, which not every batch has, and its running means count "
    "batches of all tasks. Try CAGrad",
    "SDMGrad": f"{_TWO_BATCHES}. Try CAGrad",
    "TrimmedMean": f"{_ENTRIES}. Try UPGrad",
}
# Methods of whole Jacobians whose weights follow from any factor of the Gram matrix.
OF_FACTOR = {"Constant", "Mean", "NashMTL", "Random", "Sum"}


def scalarizers() -> dict[str, type]:
    """The methods that weigh by losses."""
    module = imported("torchjd.scalarization")
    base = module.Scalarizer
    return _classes(module, lambda cls: issubclass(cls, base) and cls is not base)


def aggregators() -> dict[str, type]:
    """The methods that weigh by inner products of gradients."""
    module = imported("torchjd.aggregation")
    base = module.GramianWeightedAggregator
    found = _classes(module, lambda cls: issubclass(cls, base) and cls is not base)
    return {**found, **_classes(module, lambda cls: cls.__name__ in OF_FACTOR)}


class Method:
    """A method of TorchJD with its options, made for the tasks of a batch.

    Options that are vectors have a number for each task: a dict by task names, or a list in the
    order of `tasks`.
    RAISES (MTLError): For unknown names, missing and wrong options, and solvers that are not
        installed.
    """

    def __init__(
        self, classes: Mapping[str, type], name: str, options: Mapping[str, Any], tasks: list[str]
    ) -> None:
        if name in LEFT_OUT:
            raise MTLError(f"Expected a method that works here, got {name}: {LEFT_OUT[name]}.")
        if name not in classes:
            known = ", ".join(sorted(classes, key=str.lower))
            raise MTLError(
                f"Expected one of TorchJD's methods {known}, got '{name}'{_elsewhere(name)}."
            )
        self.name = name
        self._class = classes[name]
        self._tasks = tasks
        parameters = signature(self._class).parameters
        self._takes_shape = [own for own in ("shape", "n_tasks") if own in parameters]
        self._options = self._checked({**DEFAULTS.get(name, {}), **options}, parameters)

    def make(self, tasks: Sequence[str]) -> Any:
        """The method's module, in float64, for these tasks."""
        places = [self._tasks.index(task) for task in tasks]
        options = {
            name: as_tensor(value[places]) if isinstance(value, np.ndarray) else value
            for name, value in self._options.items()
        }
        sizes = dict.fromkeys(self._takes_shape, len(tasks))
        with self.trial():
            return self._class(**sizes, **options).double()

    @contextmanager
    def trial(self) -> Iterator[None]:
        """RAISES (MTLError): For what goes wrong when the method is made or tried."""
        try:
            yield
        except ImportError as error:
            raise MTLError(
                f"Expected the solver of {self.name} to be installed, got: "
                f"{str(error).rstrip('.')}. Install it: {INSTALL}"
            ) from None
        except Exception as error:  # of any solver
            options = self._options or "none"
            raise MTLError(
                f"Expected options that suit {self.name} with {len(self._tasks)} tasks "
                f"({', '.join(self._tasks)}), got {options}: {error}"
            ) from error

    def _checked(
        self, options: Mapping[str, Any], parameters: Mapping[str, Parameter]
    ) -> dict[str, Any]:
        known = {name: p for name, p in parameters.items() if name not in OWN_OPTIONS}
        needed = {name for name, p in known.items() if p.default is Parameter.empty}
        if not needed <= set(options) <= set(known):
            raise MTLError(
                f"Expected as `options` of {self.name} {', '.join(known) or 'nothing'} "
                f"(it must have: {', '.join(sorted(needed)) or 'none'}), "
                f"got {', '.join(options) or 'none'}."
            )
        return {
            name: self._by_task(name, value) if "Tensor" in str(known[name].annotation) else value
            for name, value in options.items()
        }

    def _by_task(self, name: str, value: Any) -> Any:
        """A number for each task, as an array."""
        if value is None:
            return None
        if isinstance(value, Mapping) and set(value) == set(self._tasks):
            value = [value[task] for task in self._tasks]
        try:
            array = np.asarray(value, dtype="float64")
        except (TypeError, ValueError):
            array = np.zeros(())
        if array.shape != (len(self._tasks),):
            raise MTLError(
                f"Expected a number for each of the tasks {', '.join(self._tasks)} as `{name}` of "
                f"{self.name}, got {value!r}."
            )
        return array


@contextmanager
def undisturbed(seed: int, update: int) -> Iterator[None]:
    """Draw from numbers of this update's own, and leave those of others as they were.

    Only the CPU's generator is seeded: `torch.manual_seed` would set those of the GPUs too.
    """
    torch = imported("torch")
    with torch.random.fork_rng(devices=[]):
        key = np.random.SeedSequence([seed, update]).generate_state(1)
        torch.default_generator.manual_seed(int(key[0]))
        yield


def as_tensor(array: Any) -> Any:
    """A copy as a tensor of float64."""
    return imported("torch").from_numpy(np.array(array, dtype="float64"))


def imported(name: str) -> Any:
    """A module that comes with TorchJD.

    RAISES (MTLError): If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MTLError(
            f"Expected TorchJD, which this balancer takes its methods from, got: {error}. "
            f"Install it: {INSTALL}"
        ) from None


def _elsewhere(name: str) -> str:
    """Which other balancer has the method."""
    blocks = {"Scalarization": scalarizers, "GramianWeighting": aggregators}
    having = [block for block, methods in blocks.items() if name in methods()]
    return f", which is a method of spacy_mtl.{having[0]}.v1" if having else ""


def _classes(module: Any, fits: Callable[[type], bool]) -> dict[str, type]:
    """The public classes that fit, by name."""
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: cls for name, cls in found.items() if name not in LEFT_OUT and fits(cls)}
