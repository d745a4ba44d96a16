"""One measured run on a Ray cluster of this machine, in a process of its own.

python -m benchmarks.scaling_runs annotate MODEL TEXTS OUTPUT 2 200
python -m benchmarks.scaling_runs driver MODEL TEXTS OUTPUT 200 100000
python -m benchmarks.scaling_runs train CONFIG OUTPUT 2
python -m benchmarks.scaling_runs exchange 2

The last line that is printed is JSON, see `Steady` and `exchange`.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

WARM = 2  # parts or steps at the beginning that do not count
SIZES_MB = (0.1, 1, 10, 40, 90)
ROUNDS = 7


@dataclass(frozen=True)
class Steady:
    """What a part or step takes once all is running.

    seconds: from one to the next. busy: CPU seconds of the whole machine. count: of those that
    were measured. words: of a part or step. sent, returned: bytes of a part on its way to an actor
    and back.
    """

    seconds: float
    busy: float
    count: int
    words: float
    sent: float = 0.0
    returned: float = 0.0


def annotate(model: str, texts: str, output: str, actors: str, part: str) -> Steady:
    """Annotate a file of texts with so many actors, and so many documents to a part."""
    from spacy_mtl.bulk import Options, annotate_file
    from spacy_mtl.cluster.annotate import Actors

    number = int(actors)
    noted: list[tuple[float, float, int, int]] = []

    @contextmanager
    def watched(make: Any) -> Iterator[Callable[..., Any]]:
        with Actors("local", number)(make) as annotate_all:

            def each(parts: Any, advance: Any) -> Iterator[Any]:
                for part in annotate_all(parts, advance):
                    noted.append((time.perf_counter(), busy_seconds(), part.words, _size(part)))
                    yield part

            yield each

    options = Options(overwrite=True, tokens=False, part_size=int(part))
    annotate_file(model, Path(texts), Path(output), options, engine=watched)
    first = WARM * number - 1
    (began, busy, *_), *counted = noted[first:]
    (ended, busy_then, *_) = counted[-1]
    n = len(counted)
    return Steady(
        (ended - began) / n,
        (busy_then - busy) / n,
        n,
        sum(words for _, _, words, _ in counted) / n,
        Path(texts).stat().st_size / len(noted),
        sum(size for *_, size in counted) / n,
    )


def _size(part: Any) -> int:
    return len(pickle.dumps(part))


CLOCK = """
import os, time
import spacy

@spacy.registry.callbacks("scaling_clock.v1")
def make(folder: str):
    def before_update(nlp, info):
        with open(f"{folder}/{os.getpid()}.clock", "a") as file:
            busy = sum(map(int, open("/proc/stat").readline().split()[1:4]))
            file.write(f"{time.perf_counter()} {busy / os.sysconf('SC_CLK_TCK')}\\n")
    return before_update
"""


def driver(model: str, texts: str, output: str, part: str, returned: str) -> float:
    """CPU seconds of the driver for a part: reading it, packing it for an actor, unpacking what
    comes back, so many bytes, and writing that. Actors take no time here."""
    from spacy_mtl.bulk import Options, annotate_file
    from spacy_mtl.bulk.annotator import Part

    noted: list[float] = []
    data = bytes(int(float(returned)))

    @contextmanager
    def echo(make: Any) -> Iterator[Callable[..., Any]]:
        def each(parts: Any, advance: Any) -> Iterator[Any]:
            for sources in parts:
                sent = pickle.loads(pickle.dumps(sources))
                end = (sent[-1].file, sent[-1].ordinal)
                yield pickle.loads(pickle.dumps(Part(data, [], len(sent), 0, end)))
                noted.append(time.process_time())

        yield each

    options = Options(overwrite=True, tokens=False, part_size=int(part))
    annotate_file(model, Path(texts), Path(output), options, engine=echo)
    return (noted[-1] - noted[0]) / (len(noted) - 1)


def train(config: str, output: str, workers: str) -> Steady:
    """Train by so many workers."""
    from spacy_mtl.cluster.train import Job, train_on_ray

    folder = Path(output)
    text = _with_clock(config, folder)
    train_on_ray(Job(text, code=folder / "clock.py"), "local", int(workers))
    return _clocked(folder, config)


def _with_clock(config: str, folder: Path) -> str:
    """The config with a callback that notes when each step begins."""
    from thinc.api import Config

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clock.py").write_text(CLOCK)
    made = Config().from_disk(config)
    made["training"]["before_update"] = {"@callbacks": "scaling_clock.v1", "folder": str(folder)}
    return made.to_str()


def _clocked(folder: Path, config: str) -> Steady:
    from thinc.api import Config

    words = Config().from_disk(config)["training"]["batcher"]["size"]
    file = sorted(folder.glob("*.clock"))[0]
    rows = [tuple(map(float, line.split())) for line in file.read_text().splitlines()][WARM:]
    times, busy = zip(*rows, strict=True)
    n = len(times) - 1
    return Steady((times[-1] - times[0]) / n, (busy[-1] - busy[0]) / n, n, float(words))


def exchange(workers: str) -> dict[str, float]:
    """Seconds of an all-reduce by gloo, by megabytes."""
    from torch.multiprocessing import spawn

    number = int(workers)
    file = Path(f"/tmp/exchange-{os.getpid()}.json")
    spawn(_exchange, (number, 29500 + os.getpid() % 1000, str(file)), nprocs=number)
    found: dict[str, float] = json.loads(file.read_text())
    file.unlink()
    return found


def _exchange(rank: int, number: int, port: int, file: str) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=number)
    found = {}
    for megabytes in SIZES_MB:
        array = torch.ones(int(megabytes * 1e6 / 4))
        seconds = []
        for _ in range(ROUNDS):
            dist.barrier()
            began = time.perf_counter()
            dist.all_reduce(array)
            seconds.append(time.perf_counter() - began)
        found[str(megabytes)] = median(seconds)
    if rank == 0:
        Path(file).write_text(json.dumps(found))
    dist.destroy_process_group()


def busy_seconds() -> float:
    """CPU seconds of all processes since the machine began: user, nice and system."""
    with open("/proc/stat") as file:
        ticks = file.readline().split()[1:4]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


KINDS: dict[str, Callable[..., Any]] = {
    "driver": driver,
    "annotate": annotate,
    "train": train,
    "exchange": exchange,
}

if __name__ == "__main__":
    found = KINDS[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(asdict(found) if isinstance(found, Steady) else found))
