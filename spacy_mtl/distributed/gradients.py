"""The gradients of all workers, added up before the optimizer sees them.

Dense parameters travel in one flat array. Of a table, such as a hash embedding's or that of
n-grams, a batch touches few rows, so that these travel with their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from thinc.api import Model, get_current_ops, to_numpy

from ..errors import MTLError
from ..models.freezing import torch_module
from ..optimizing.parameter_state import ensure_gradient, gradient_array, value_of
from ..optimizing.parameters import Parameter, named_parameters
from ..workers import Array, Workers

ROWS = 1024  # from which a table is not dense
# Layers that look up the rows of a parameter; beside these, PyTorch's Embedding.
TABLES = {("hashembed", "E"), ("embed", "E"), ("ngram_linear", "W")}
WHOLE = 2**24  # below which a float has every whole number


@runtime_checkable
class Stepping(Protocol):
    """A component that lets those of its parts alone move that have a gradient.

    parts: the names of all. stepping: of those with a gradient.
    """

    stepping: set[str]

    @property
    def parts(self) -> Sequence[str]: ...

    def complete_backward(self) -> None:
        """Run backward what still waits for that."""


class Gradients:
    """The gradients of a pipeline in training.

    excluded: the names of components that are not trained.
    """

    def __init__(self, nlp: Language, excluded: Collection[str]) -> None:
        pipes: dict[str, Any] = {n: pipe for n, pipe in nlp.pipeline if n not in excluded}
        self._stepping = [pipe for pipe in pipes.values() if isinstance(pipe, Stepping)]
        self._parameters = [
            parameter
            for parameter in named_parameters(nlp)
            if parameter.has_value and parameter.name.partition(".")[0] in pipes
        ]
        self._tables = {parameter.key for parameter in self._parameters if is_table(parameter)}

    def add_up(self, workers: Workers, drawn: int) -> None:
        """Give every worker the sum of all workers' gradients.

        What has a gradient at one worker has one at all, be it zero; so with a component's parts.

        drawn: a checksum of the batch.
        RAISES (MTLError): If those of the workers differ.
        """
        for pipe in self._stepping:
            pipe.complete_backward()
        free = [parameter for parameter in self._parameters if not parameter.frozen]
        tables = [_Table(parameter) for parameter in free if parameter.key in self._tables]
        dense = [parameter for parameter in free if parameter.key not in self._tables]
        flags = [gradient_array(parameter) is not None for parameter in free]
        flags += [part in pipe.stepping for pipe in self._stepping for part in pipe.parts]
        counts = np.zeros((workers.number, 1 + len(tables)))
        counts[workers.rank] = [drawn % WHOLE, *(len(table.rows) for table in tables)]
        flat = workers.add(_flat(dense, [*flags, *counts.ravel()]))
        notes: Any = to_numpy(flat[flat.size - len(flags) - counts.size :])
        said = iter(notes[: len(flags)] > 0)
        for parameter in free:
            if next(said):
                ensure_gradient(parameter)
        for pipe in self._stepping:
            pipe.stepping = {part for part in pipe.parts if next(said)}
        told = notes[len(flags) :].reshape(counts.shape).astype(int)
        _check_drawn(told[:, 0])
        _set_dense(dense, flat)
        _add_rows(tables, told[:, 1:], workers)


def _check_drawn(checksums: NDArray[np.int64]) -> None:
    if (checksums != checksums[0]).any():
        raise MTLError(
            "Expected all workers to draw the same batches, got different ones. Use the same data "
            "and code on all machines; readers, batchers and callbacks may draw random numbers by "
            "`random` and `numpy.random` alone, and all workers the same."
        )


def _flat(dense: Sequence[Parameter], notes: Sequence[Any]) -> Array:
    """The gradients one behind the other, zeros where there is none, and the notes behind them."""
    ops: Any = get_current_ops()
    flat = ops.alloc1f(sum(map(_size, dense)) + len(notes))
    for parameter, begin, end in _places(dense):
        gradient = gradient_array(parameter)
        if gradient is not None:
            flat[begin:end] = gradient.ravel()
    flat[flat.size - len(notes) :] = ops.asarray1f(notes)
    return flat


def _set_dense(dense: Sequence[Parameter], flat: Array) -> None:
    for parameter, begin, end in _places(dense):
        gradient = gradient_array(parameter)
        if gradient is not None:
            gradient[...] = flat[begin:end].reshape(gradient.shape)


def _places(dense: Sequence[Parameter]) -> Iterator[tuple[Parameter, int, int]]:
    """Each parameter with the place of its gradient in the flat array."""
    end = 0
    for parameter in dense:
        begin, end = end, end + _size(parameter)
        yield parameter, begin, end


def _size(parameter: Parameter) -> int:
    return math.prod(value_of(parameter).shape)


def is_table(parameter: Parameter) -> bool:
    """Whether a batch looks up few of its many rows, as those of an embedding."""
    owner, shape = parameter.owner, value_of(parameter).shape
    if len(shape) != 2 or shape[0] < ROWS:
        return False
    if isinstance(owner, Model):
        return (owner.name, parameter.local) in TABLES
    layer, _, name = parameter.local.rpartition(".")
    kind = type(torch_module(owner).get_submodule(layer)).__name__
    return (kind, name) == ("Embedding", "weight")


class _Table:
    """A table, and its rows that have a gradient at this worker."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self.columns = int(value_of(parameter).shape[1])
        gradient = gradient_array(parameter)
        xp: Any = get_current_ops().xp
        found = gradient is not None
        self.rows: Array = xp.flatnonzero(gradient.any(axis=1)) if found else xp.zeros(0, "int64")

    def pack(self) -> Array:
        """The numbers of the rows, as bits, and then the rows' gradients, which are set to zero."""
        xp: Any = get_current_ops().xp
        if not len(self.rows):
            return xp.zeros(0, "float32")
        gradient: Any = gradient_array(self._parameter)
        packed = xp.concatenate(
            [self.rows.astype("int32").view("float32"), gradient[self.rows].ravel()]
        )
        gradient[self.rows] = 0
        return packed

    def add(self, packed: Array, n: int) -> None:
        """Add what `pack` gave of so many rows."""
        if n:
            gradient: Any = gradient_array(self._parameter)
            rows = packed[:n].copy().view("int32")
            gradient[rows] += packed[n:].reshape(n, self.columns)

    def packed_size(self, n: int) -> int:
        """Of so many rows."""
        return n * (1 + self.columns)


def _add_rows(tables: Sequence[_Table], counts: NDArray[np.int64], workers: Workers) -> None:
    """Add up the rows, worker by worker. counts: (workers, tables) numbers of rows."""
    sizes = [
        [table.packed_size(n) for table, n in zip(tables, of_worker, strict=True)]
        for of_worker in counts.tolist()
    ]
    longest = max(map(sum, sizes))
    if not longest:
        return
    ops: Any = get_current_ops()
    own = ops.alloc1f(longest)
    packed = ops.xp.concatenate([table.pack() for table in tables])
    own[: packed.size] = packed
    for array, of_worker, row in zip(workers.gather(own), sizes, counts.tolist(), strict=True):
        ends = np.cumsum(of_worker).tolist()
        for table, size, end, n in zip(tables, of_worker, ends, row, strict=True):
            table.add(array[end - size : end], n)
