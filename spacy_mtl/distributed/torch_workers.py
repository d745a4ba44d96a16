"""Workers that are processes, by `torch.distributed`: gloo for CPUs, NCCL for GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from thinc.api import torch2xp, xp2torch

from ..errors import one_line
from ..workers import WorkerLost


class TorchWorkers:
    """The processes of the default process group, which must have been set up.

    See `spacy_mtl.workers.Workers`.
    """

    def __init__(self) -> None:
        self.number: int = dist.get_world_size()
        self.rank: int = dist.get_rank()
        self._device = "cuda" if dist.get_backend() == "nccl" else "cpu"

    def gather(self, array: Any) -> list[Any]:
        """See `Workers`."""
        own = self._tensor(array)
        found = [torch.empty_like(own) for _ in range(self.number)]
        with _all_there():
            dist.all_gather(found, own)
        return [_like(array, tensor) for tensor in found]

    def add(self, array: Any) -> Any:
        """See `Workers`."""
        total = self._tensor(array)
        with _all_there():
            dist.all_reduce(total)
        return _like(array, total)

    def _tensor(self, array: Any) -> Any:
        if isinstance(array, np.ndarray):
            return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
        return xp2torch(array).contiguous()


@contextmanager
def _all_there() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch has no kind of its own for a peer that is gone
        raise WorkerLost(f"Expected all workers to answer, got: {one_line(error, 200)}") from error


def _like(array: Any, tensor: Any) -> Any:
    """The tensor as an array of the same library."""
    return tensor.cpu().numpy() if isinstance(array, np.ndarray) else torch2xp(tensor)
