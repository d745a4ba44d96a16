"""How far the runs of a comparison have come, on the terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from tqdm import tqdm

from ..evaluation.runs import HISTORY, Result, Run

INTERVAL = 1.0  # seconds between two looks at the logs


class RunBars:
    """A bar for each run in training and one for all; where stderr is no terminal, a line for
    each run that is done.

    Use as a context, with `start` and `done` as the callbacks of `execute`.
    """

    def __init__(self, runs: list[Run]) -> None:
        self._lock = Lock()
        self._bars: dict[int, tuple[Any, Path]] = {}
        self._shown = sys.stderr.isatty()
        self._total = tqdm(total=len(runs), desc="All runs", unit=" runs", disable=not self._shown)
        self._stop = Event()
        self._watcher = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> RunBars:
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._watcher.join()
        with self._lock:
            for bar, _ in self._bars.values():
                bar.close()
            self._total.close()

    def start(self, run: Run, folder: Path) -> None:
        """A run begins."""
        with self._lock:
            bar = tqdm(
                total=run.config["training"]["max_steps"],
                desc=f"{run.name}, seed {run.seed}",
                unit=" steps",
                leave=False,
                disable=not self._shown,
            )
            self._bars[id(run)] = bar, folder / HISTORY

    def done(self, run: Run, result: Result) -> None:
        """A run is finished, now or in an earlier call."""
        with self._lock:
            if id(run) in self._bars:
                self._bars.pop(id(run))[0].close()
            self._total.update()
            seconds = f"{result.train_seconds:.0f} s"
            tqdm.write(f"{run.name}, seed {run.seed}: {seconds}", file=sys.stderr)

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL):
            with self._lock:
                for bar, log in self._bars.values():
                    bar.update(_last_step(log) - bar.n)


def _last_step(log: Path) -> int:
    """The step of the last row of a training log, 0 if there is none."""
    try:
        return int(json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["step"])
    except (OSError, IndexError, ValueError, KeyError):
        return 0
