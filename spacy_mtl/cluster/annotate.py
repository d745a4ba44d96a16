"""Parts of the input annotated by actors on a Ray cluster, in order.

One task reads the input and hands on parts, which Ray Data gives to actors with a pipeline each.
What an actor or a machine that is lost had to do, others do again. The parts come back in their
order, and are committed as those of a local run are, so that such a run can be resumed here as well
as there. What goes wrong comes back in the place of a part, as Ray would wrap it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..bulk.annotator import Advance, Annotator, Part
from ..bulk.parts import Parts
from ..bulk.records import Source
from ..bulk.workers import Annotate, Make
from ..errors import MTLError
from .connection import check_room, connected, enter, own_error, quiet, reason


@dataclass(frozen=True)
class Actors:
    """An engine for `spacy_mtl.bulk.annotate_file`.

    address: see `spacy_mtl.cluster.connection.connected`. number: of actors. gpus: of each.
    attempts: at a part of which an actor dies, as its documents may be what it dies of.
    """

    address: str
    number: int = 1
    gpus: float = 0.0
    attempts: int = 4

    @contextmanager
    def __call__(self, make: Make) -> Iterator[Annotate]:
        """Inside, what annotates parts. make: called in each actor.

        RAISES (MTLError): If there is no such cluster, or it is too small.
        """
        with connected(self.address):
            check_room(self.number, self.gpus)

            def annotate_all(parts: Parts, advance: Advance) -> Iterator[Part]:
                for part in _annotated(parts, make, self):
                    advance(part.documents + len(part.failures))
                    yield part

            yield annotate_all


def _annotated(parts: Parts, make: Make, actors: Actors) -> Iterator[Part]:
    import ray.data
    from ray.exceptions import RayError

    quiet()
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.target_max_block_size = 1  # so that each part is a block, and none waits for others
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    with ray.data.DataContext.current(context):
        # The reader takes no CPU: one that waits for what actors have would wait for ever.
        found = ray.data.read_datasource(
            _reading(parts), override_num_blocks=1, num_cpus=0
        ).map_batches(
            _Actor,
            fn_constructor_args=(make, os.getcwd(), actors.attempts),
            batch_size=1,
            batch_format="pandas",
            compute=ray.data.ActorPoolStrategy(size=actors.number, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            num_gpus=actors.gpus,
        )
        try:
            for block in found.iter_batches(
                batch_size=None, batch_format="pandas", prefetch_batches=0
            ):
                for part in block["part"]:
                    if isinstance(part, MTLError):
                        raise part
                    yield part
        except RayError as error:
            raise MTLError(
                f"Expected actors to annotate the input, got: {reason(error)} What is done is "
                "kept: --resume goes on."
            ) from error


class _Actor:
    """Annotates parts.

    make: what annotates them. here: the folder that relative paths are from. See `Actors` for
    attempts.
    """

    def __init__(self, make: Make, here: str, attempts: int) -> None:
        self._attempts = attempts
        self._made: Annotator | MTLError
        quiet()
        try:
            enter(here)
            self._made = make()
        except Exception as error:
            self._made = own_error(error)

    def __call__(self, batch: Any) -> Any:
        return _frame([self._one(part) for part in batch["part"]])

    def _one(self, part: Sequence[Source] | MTLError) -> Part | MTLError:
        if isinstance(part, MTLError):  # of the reader
            return part
        if isinstance(self._made, MTLError):
            return self._made
        with _Begun(part[0]) as times:
            if times > self._attempts:
                return self._deadly(self._made, part)
            try:
                return self._made.annotate(part, lambda n: None)
            except Exception as error:
                return own_error(error)

    def _deadly(self, annotator: Annotator, part: Sequence[Source]) -> MTLError:
        source = annotator.source
        return MTLError(
            f"Expected an actor to annotate {source.unit} {part[0].number} to {part[-1].number} of "
            f"{source.files[part[0].file]}, but it died of it {self._attempts} times (killed, "
            "often for want of memory). What is done is kept: --resume, perhaps with a smaller "
            "--part-size."
        )


class _Begun:
    """How often this actor has begun a part, this time included, until it is done.

    Ray's head keeps the number, as the actor's memory is lost with it.
    """

    def __init__(self, first: Source) -> None:
        import ray

        actor = ray.get_runtime_context().get_actor_id()
        self._key = f"spacy-mtl/{actor}/{first.file}/{first.ordinal}"

    def __enter__(self) -> int:
        from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

        times = int(_internal_kv_get(self._key) or 0) + 1
        _internal_kv_put(self._key, str(times))
        return times

    def __exit__(self, *_: object) -> None:
        from ray.experimental.internal_kv import _internal_kv_del

        _internal_kv_del(self._key)


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
        quiet()
        try:
            enter(here)
            for part in parts:
                yield _frame([part])
        except Exception as error:
            yield _frame([own_error(error)])

    class Reading(Datasource):
        supports_distributed_reads = False

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
            return [ReadTask(read, BlockMetadata(None, None, None, None))]

    return Reading()
