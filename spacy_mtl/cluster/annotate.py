"""Parts of the input annotated by actors on a Ray cluster, in order.

One task reads the input on the machine of this process and hands on parts, which Ray Data gives to
actors with a pipeline each. What an actor or a machine that is lost had to do, others do again. The
parts come back in their order, and are committed as those of a local run are, so that such a run
can be resumed here as well as there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..bulk.annotator import Advance, Part
from ..bulk.parts import Parts
from ..bulk.workers import Annotate, Make
from ..errors import MTLError
from .connection import check_room, connected, enter, reason

_READER_CPUS = 0  # reserved: a reader that waits for a CPU that actors have would wait for ever


@dataclass(frozen=True)
class Actors:
    """An engine for `spacy_mtl.bulk.annotate_file`.

    address: see `spacy_mtl.cluster.connection.connected`. number: of actors. gpus: of each.
    """

    address: str
    number: int = 1
    gpus: float = 0.0

    @contextmanager
    def __call__(self, make: Make) -> Iterator[Annotate]:
        """Inside, what annotates parts. make: called in each actor.

        RAISES (MTLError): If there is no such cluster, or it is too small.
        """
        with connected(self.address):
            check_room(self.number, self.gpus)

            def annotate_all(parts: Parts, advance: Advance) -> Iterator[Part]:
                for part in _annotated(parts, make, self.number, self.gpus):
                    advance(part.documents + len(part.failures))
                    yield part

            yield annotate_all


def _annotated(parts: Parts, make: Make, number: int, gpus: float) -> Iterator[Part]:
    import ray.data
    from ray.exceptions import RayError

    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.target_max_block_size = 1  # so that each part is a block, and none waits for others
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    with ray.data.DataContext.current(context):
        found = ray.data.read_datasource(
            _reading(parts), override_num_blocks=1, num_cpus=_READER_CPUS
        ).map_batches(
            _Actor,
            fn_constructor_args=(make, os.getcwd()),
            batch_size=1,
            batch_format="pandas",
            compute=ray.data.ActorPoolStrategy(size=number, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            num_gpus=gpus,
        )
        try:
            for row in found.iter_rows():
                yield row["part"]
        except RayError as error:
            raise MTLError(
                f"Expected actors to annotate the input, got: {reason(error)} What is done is "
                "kept: --resume goes on."
            ) from error


class _Actor:
    """Annotates parts. make: what annotates them. here: the folder that relative paths are from."""

    def __init__(self, make: Make, here: str) -> None:
        enter(here)
        self._annotator = make()

    def __call__(self, batch: Any) -> Any:
        done = [self._annotator.annotate(part, lambda n: None) for part in batch["part"]]
        return _frame(done)


def _frame(parts: Sequence[Any]) -> Any:
    """A table of Ray Data's in which Python's objects stand as they are."""
    import pandas

    return pandas.DataFrame({"part": pandas.Series(list(parts), dtype="object")})


def _reading(parts: Parts) -> Any:
    """The parts as Ray Data reads them: one after the other, by one task beside this process."""
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    here = os.getcwd()

    def read() -> Iterable[Any]:
        enter(here)
        for part in parts:
            yield _frame([part])

    class Reading(Datasource):
        supports_distributed_reads = False

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
            return [ReadTask(read, BlockMetadata(None, None, None, None))]

    return Reading()
