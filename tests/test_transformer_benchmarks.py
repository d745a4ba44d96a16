"""Benchmarks of pretrained transformers: threads, kept runs, and the end of the one on a GPU."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from models.transformers.tiny import make_tiny
from spacy.tokens import Doc

from benchmarks import gpu, pretrained
from benchmarks.corpora import BenchmarkCorpus, write_docs
from benchmarks.finished_documents import Finished, read, write
from benchmarks.stored_runs import fingerprint


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkCorpus:
    path = tmp_path_factory.mktemp("corpus") / "docs.spacy"
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=[word, "it"]) for word in ("lives", "jumps")]
    for doc, yes in zip(docs, (1.0, 0.0), strict=True):
        doc.cats = {"A": yes, "B": 1 - yes}
    write_docs(docs, path)
    return BenchmarkCorpus("tiny", {"cats": path}, path, path, path)


def test_plain_torch_has_one_thread(
    corpus: BenchmarkCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from benchmarks.plain_torch import fine_tune

    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    found = fine_tune(corpus, make_tiny("bert", tmp_path), 2, 0)
    assert threads == [1]
    assert len(found.examples) == 2


# Runs that are kept

CONFIG = {"corpora": {"dev": {"path": "/one/dev.spacy"}}, "sizes": [1, 2], "hierarchy": "/"}


def test_paths_do_not_count() -> None:
    other = {**CONFIG, "corpora": {"dev": {"path": "another/machine/dev.spacy"}}}
    assert fingerprint(other) == fingerprint(CONFIG)
    for change in ({"sizes": [1, 3]}, {"hierarchy": "."}, {"corpora": {}}):
        assert fingerprint({**CONFIG, **change}) != fingerprint(CONFIG)


def finished(settings: str | None, seed: int = 0) -> Finished:
    rows = [[2, 0, 0]]
    return Finished(
        "tiny", "stock", 5, seed, 0.5, 1, {"ents_f": 1}, {"ents_f": rows}, [], [], settings
    )


def test_rows_without_a_hash_are_read_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    runs = {run.key: run for run in (finished(None), finished("abc", 1))}
    write(runs, path)
    assert read(path) == runs
    assert ["settings" in line for line in path.read_text().splitlines()] == [False, True]


@pytest.mark.parametrize(
    ("settings", "warned"), [(fingerprint(CONFIG), False), (None, False), ("another", True)]
)
def test_a_kept_run_of_another_config_is_told(
    corpus: BenchmarkCorpus,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: str | None,
    warned: bool,
) -> None:
    run = finished(settings)
    monkeypatch.setattr(pretrained, "find", Path)
    monkeypatch.setattr(pretrained, "prepare", lambda *args: corpus)
    monkeypatch.setattr(pretrained, "read", lambda: {run.key: run})
    monkeypatch.setitem(pretrained.CONFIGS, "stock", lambda *args: CONFIG)
    here = Path()
    pretrained.main(here, "weights", here, ["tiny"], ["stock"], 1, 5, 1, False, [], False)
    printed = capsys.readouterr()
    assert ("('tiny', 'stock', 5, 0) was trained with another config" in printed.err) == warned
    assert "| stock | 5 | 100.0 |" in printed.out


# The end of the one on a GPU


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A list with the time, which nothing but the test changes."""
    now = [0.0]
    monkeypatch.setattr(gpu, "perf_counter", lambda: now[0])
    yield now


class Steps:
    """A training whose steps take a second."""

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock
        self.words: list[int] = []
        self.step_seconds: list[float] = []

    def step(self) -> None:
        self.clock[0] += 1
        self.words.append(10)
        self.step_seconds.append(1.0)


@pytest.mark.parametrize(("seconds", "n_steps"), [(100, 8), (9, 5), (5, 3), (0, 0)])
def test_no_part_begins_after_the_deadline(clock: list[float], seconds: int, n_steps: int) -> None:
    deadline = gpu.Deadline(seconds)
    trainings: dict[str, Any] = {"stock": Steps(clock), "ours": Steps(clock)}
    table = gpu._train(trainings, 5, deadline)
    assert {len(each.words) for each in trainings.values()} == {n_steps}
    assert deadline.left_out.total() == gpu.WARM_UP + 5 - n_steps
    assert ("| ours | 10 | 1.00" in table) == (n_steps > gpu.WARM_UP)
    assert bool(table) == (n_steps > gpu.WARM_UP)
