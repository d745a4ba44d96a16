"""What a metric keeps of each document, so that it is known for any sample of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any, ClassVar, Protocol, TypeVar, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import MTLError

Array = NDArray[np.float64]
S = TypeVar("S", bound="Summed")


@runtime_checkable
class Statistics(Protocol):
    """Per-document statistics of a metric.

    metric: its name, as tables show it. higher_is_better: False for errors. is_share: whether it
    is from 0 to 1 and shown in per cent; otherwise it is shown as it is, and differences too.
    """

    @property
    def metric(self) -> str: ...

    @property
    def higher_is_better(self) -> bool: ...

    @property
    def is_share(self) -> bool: ...

    def __len__(self) -> int:
        """The number of documents."""

    @overload
    def score(self, rows: None = None) -> float: ...

    @overload
    def score(self, rows: Array) -> Array: ...

    def score(self, rows: Array | None = None) -> float | Array:
        """(n_samples,) the metric of samples of the documents.

        rows: (n_samples, n_docs) how often each document is drawn, whole numbers; None for each
            once, which gives a single number. The score is the same as if each document stood
            there as often as it is drawn.
        """

    @classmethod
    def concatenated(cls, parts: Sequence[Any]) -> Statistics:
        """Those of all documents of several statistics of this kind, one after the other.

        RAISES (MTLError): If they are of different metrics.
        """


@dataclass(frozen=True)
class Summed(ABC):
    """Statistics of a metric that is a function of sums over the documents.

    array: (n_docs, ...) what is added up.
    """

    array: NDArray[Any]
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = True

    def __len__(self) -> int:
        return len(self.array)

    @abstractmethod
    def of_sums(self, sums: NDArray[Any]) -> Array:
        """(n_samples,) the metric, from what `columns` has, added up: (n_samples, ...)."""

    def columns(self) -> NDArray[Any]:
        """(n_docs, ...) what the score needs of each document."""
        return self.array

    @overload
    def score(self, rows: None = None) -> float: ...

    @overload
    def score(self, rows: Array) -> Array: ...

    def score(self, rows: Array | None = None) -> float | Array:
        """See `Statistics`."""
        columns = self.columns()
        if rows is None:
            return float(self.of_sums(columns.sum(axis=0)[None])[0])
        shape = columns.shape[1:]
        sums = rows @ columns.reshape(len(columns), prod(shape))
        return self.of_sums(sums.reshape(len(rows), *shape))

    @classmethod
    def concatenated(cls: type[S], parts: Sequence[S]) -> S:
        """See `Statistics`."""
        check_same(parts, [each.name for each in fields(cls) if each.name != "array"])
        return replace(parts[0], array=np.concatenate([part.array for part in parts]))


def check_same(parts: Sequence[Any], settings: Sequence[str]) -> None:
    """RAISES (MTLError): Unless there are statistics, and all have the same settings."""
    found = [[getattr(part, name) for name in settings] for part in parts]
    if not found or any(each != found[0] for each in found):
        raise MTLError(
            f"Expected statistics of the same metric to put together, with the same "
            f"{', '.join(settings)}, got {len(parts)} of different ones."
        )


def add_up(document: NDArray[Any], amounts: NDArray[Any], n_docs: int) -> NDArray[Any]:
    """(n_docs, n_columns) the units' amounts, (n_units, n_columns), added up by document.

    document: (n_units,) the number of the document of each unit.
    """
    sums = np.zeros((n_docs, *amounts.shape[1:]), dtype=amounts.dtype)
    np.add.at(sums, np.asarray(document, dtype="int64"), amounts)
    return sums


def directed(metric: str, higher_is_better: bool) -> str:
    """The name of a metric for tables, with its direction where that is not the usual one."""
    return metric if higher_is_better else f"{metric} (lower is better)"
