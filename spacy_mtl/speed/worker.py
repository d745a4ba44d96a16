"""The process that holds one system to be measured, and the handle to it.

`python -m spacy_mtl.speed.worker` answers requests: a JSON object a line on stdin, and
for each one a line on stdout.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import PIPE, Popen, run
from tempfile import TemporaryFile
from typing import Any, TextIO

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import get_package_path, is_package
from thinc.api import get_current_ops

from ..code_file import import_code
from ..errors import MTLError

LATENCY_DOCS = 200  # at most, in a round
MB = 1e6

_PACKAGES = (
    *("spacy-mtl", "spacy", "thinc", "numpy", "blis", "thinc-apple-ops"),
    *("torch", "transformers", "spacy-transformers", "cupy-cuda12x", "cupy-cuda13x"),
)
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class Worker:
    """A process that holds one system; a context manager that ends it.

    name: What error messages call the system.
    threads: Of linear algebra.
    """

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        env = {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads))}
        env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-m", "spacy_mtl.speed.worker"]
        self._log = TemporaryFile()  # noqa: SIM115 (closed in __exit__)
        self._process = Popen(
            command, stdin=PIPE, stdout=PIPE, stderr=self._log, env=env, encoding="utf8"
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def ask(self, task: str, **arguments: Any) -> Any:
        """Have a method of the process's `System` called; what it returned.

        RAISES (MTLError): If it failed, or the process is no more.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps([task, arguments]) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise MTLError(self._how_it_ended(task))
        reply = json.loads(answer)
        if "error" in reply:
            raise MTLError(f"Expected to be able to {task} {self.name}, got {reply['error']}")
        return reply["value"]

    def _how_it_ended(self, task: str) -> str:
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode("utf8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        hint = " (killed, often for want of memory)" if code == -9 else ""
        return (
            f"Expected to be able to {task} {self.name}, but its process ended with exit code "
            f"{code}{hint}. The last that it printed: {last}"
        )


class System:
    """Pipelines that run one after the other over the same documents, and what they take."""

    def __init__(self) -> None:
        self._pipelines: list[tuple[Language, int]] = []
        self._words: list[list[str]] = []
        self._spaces: list[list[bool]] = []
        self._texts: list[str] = []
        self._latency_texts: list[str] = []

    def load(
        self,
        pipelines: list[dict[str, Any]],
        threads: int,
        gpu_id: int,
        batch_size: int | None,
        code: str | None = None,
    ) -> dict[str, Any]:
        """Load each path with its config overrides; how long that took, and what they are."""
        if gpu_id >= 0:
            spacy.require_gpu(gpu_id)
        if torch := sys.modules.get("torch"):  # which thinc imports where it is installed
            torch.set_num_threads(threads)
        if code is not None:
            import_code(code)
        start = time.perf_counter()
        loaded = [spacy.load(one["path"], config=one["overrides"]) for one in pipelines]
        seconds = time.perf_counter() - start
        self._pipelines = [(nlp, batch_size or nlp.batch_size) for nlp in loaded]
        return {
            "lang": loaded[0].lang,
            "load_seconds": seconds,
            "memory_loaded_mb": peak_memory(),
            "disk_mb": sum(size_on_disk(one["path"]) for one in pipelines),
            "components": [nlp.pipe_names for nlp in loaded],
            "batch_sizes": [size for _, size in self._pipelines],
            "environment": environment(),
        }

    def prepare(
        self, documents: list[tuple[list[str], list[bool]]], repeats: int, latency_words: int | None
    ) -> int:
        """Keep the documents of a round: words, and whether a space follows each.

        Returns the number of those whose latency will be measured.
        """
        self._words = [words for words, _ in documents] * repeats
        self._spaces = [spaces for _, spaces in documents] * repeats
        self._texts = [_text(words, spaces) for words, spaces in documents] * repeats
        cut = [_text(words[:latency_words], spaces) for words, spaces in documents if words]
        self._latency_texts = evenly(cut, LATENCY_DOCS)
        return len(self._latency_texts)

    def measure(self) -> dict[str, Any]:
        """One round: over Docs, over texts, and of each text alone; and the memory so far."""
        self._warm_up()
        gc.collect()
        docs = [self._time_pipe(nlp, self._fresh_docs(nlp), size) for nlp, size in self._pipelines]
        texts = [self._time_pipe(nlp, self._texts, size) for nlp, size in self._pipelines]
        return {
            "docs": self._sum(docs),
            "text": self._sum(texts),
            "latencies_ms": [round(1000 * self._time_one(text), 4) for text in self._latency_texts],
            "memory_peak_mb": peak_memory(),
        }

    def _warm_up(self) -> None:
        """A batch that does not count: caches are cold after other systems' turns, and memory may
        have gone back to the machine, which otherwise is all at the cost of what comes first."""
        for nlp, size in self._pipelines:
            self._time_pipe(nlp, self._texts[:size], size)

    def _sum(self, timed: list[tuple[float, int]]) -> dict[str, float]:
        """All pipelines' seconds; the words are the first one's, as its tokenizer makes them."""
        seconds, words = zip(*timed, strict=True)
        return {"documents": len(self._texts), "words": words[0], "seconds": sum(seconds)}

    def _fresh_docs(self, nlp: Language) -> list[Doc]:
        given = zip(self._words, self._spaces, strict=True)
        return [Doc(nlp.vocab, words=words, spaces=spaces) for words, spaces in given]

    @staticmethod
    def _time_pipe(nlp: Language, given: Iterable[Any], batch_size: int) -> tuple[float, int]:
        """Seconds, and the number of words in the documents."""
        start = time.perf_counter()
        words = sum(map(len, nlp.pipe(given, batch_size=batch_size)))
        synchronize()
        return time.perf_counter() - start, words

    def _time_one(self, text: str) -> float:
        start = time.perf_counter()
        for nlp, _ in self._pipelines:
            nlp(text)
        synchronize()
        return time.perf_counter() - start


def evenly(items: list[str], n: int) -> list[str]:
    """At most n of the items, from all over the list, in its order."""
    if len(items) <= n:
        return items
    return [items[i * len(items) // n] for i in range(n)]


def peak_memory() -> float | None:
    """The most memory (resident set) that this process ever had, in MB; None on Windows."""
    if sys.platform == "win32":
        return None
    status = Path("/proc/self/status")
    if status.exists():
        # Linux: ru_maxrss counts the parent's memory too, from before the program was started.
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmHWM" in fields:
            return int(fields["VmHWM"].split()[0]) * 1024 / MB
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB


def size_on_disk(model: str) -> float:
    """MB of the files in a pipeline's folder; for a package, in the package's."""
    folder = get_package_path(model) if is_package(model) else Path(model)
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MB


def synchronize() -> None:
    """Wait until the accelerator, if the pipelines are on one, has done all that it was given."""
    ops = get_current_ops().name
    if ops == "cupy":
        import cupy

        cupy.cuda.runtime.deviceSynchronize()
    elif ops == "mps":
        import torch

        torch.mps.synchronize()


def environment() -> dict[str, Any]:
    """Versions of what computes, the processor, and the accelerator if there is one in use."""
    found = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return {
        "python": platform.python_version(),
        "packages": found,
        "platform": platform.platform(),
        "cpu": _cpu(),
        "accelerator": _accelerator(),
    }


def _cpu() -> str:
    """The name of the processor's model, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists() and (found := re.search(r"model name\s*: (.+)", info.read_text())):
        return found[1]
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return run(command, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()


def _accelerator() -> str | None:
    ops = get_current_ops().name
    if ops == "cupy":
        import cupy

        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        return str(properties["name"].decode())
    return None if ops == "numpy" else ops


def _text(words: list[str], spaces: list[bool]) -> str:
    return "".join(word + " " * space for word, space in zip(words, spaces, strict=False))


def serve(requests: Iterable[str], answers: TextIO) -> None:
    """Answer each request by what the method of a `System` returns, or by its error."""
    system = System()
    tasks: Sequence[Callable[..., Any]] = (system.load, system.prepare, system.measure)
    methods = {task.__name__: task for task in tasks}
    for request in requests:
        task, arguments = json.loads(request)
        try:
            reply = {"value": methods[task](**arguments)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    # What a pipeline prints goes to stderr, and what it reads is empty.
    requests_from = os.fdopen(os.dup(0), encoding="utf8")
    answers_to = os.fdopen(os.dup(1), "w", encoding="utf8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    serve(requests_from, answers_to)
