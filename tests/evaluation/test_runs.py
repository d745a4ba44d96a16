import json
import os
import signal
from functools import partial
from multiprocessing import connection
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import spacy
from forks import start
from spacy.cli.init_config import init_config
from spacy.tokens import Doc, DocBin

from spacy_mtl.evaluation import runs
from spacy_mtl.evaluation.runs import Run, RunError, execute

from .in_process import train_in_process


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    vocab = spacy.blank("en").vocab
    words = [["dogs", "bark", "."], ["cats", "sleep", "."], ["birds", "sing", "!"]]
    docs = [Doc(vocab, words=w, tags=["NNS", "VBP", "."]) for w in words]
    for name in ("train", "test"):
        DocBin(docs=docs * 4).to_disk(folder / f"{name}.spacy")
    return folder


def _config(folder: Path, **training: Any) -> dict[str, Any]:
    config = init_config(pipeline=["tagger"], silent=True).interpolate()
    for name in ("train", "dev"):
        config["corpora"][name] = {
            "@readers": "spacy_mtl.GoldTokenCorpus.v1",
            "path": str(folder / "train.spacy"),
        }
    config["components"]["tok2vec"]["model"]["encode"].update(width=16, depth=1)
    config["components"]["tok2vec"]["model"]["embed"]["width"] = 16
    config["components"]["tagger"]["model"]["tok2vec"]["width"] = 16
    config["training"].update({"max_steps": 30, "eval_frequency": 10, **training})
    plain: dict[str, Any] = json.loads(json.dumps(config))
    return plain


def _run(folder: Path, seed: int = 0, **training: Any) -> Run:
    return Run("tiny", _config(folder, **training), seed, str(folder / "test.spacy"))


def test_trains_scores_and_caches(folder: Path, tmp_path: Path) -> None:
    done: list[str] = []
    [result] = execute([_run(folder)], tmp_path, on_done=lambda run, _: done.append(run.name))
    assert done == ["tiny"]
    assert result.scores == {"tag_acc": 1.0}
    assert result.train_seconds > 0
    assert [row["step"] for row in result.history] == [0, 10, 20, 30]
    vocab = spacy.blank("en").vocab
    predicted = list(DocBin().from_disk(result.predictions).get_docs(vocab))
    assert [t.tag_ for t in predicted[0]] == ["NNS", "VBP", "."]
    before = (result.folder / runs.RESULT).stat().st_mtime_ns
    [again] = execute([_run(folder)], tmp_path)
    assert again == result
    assert (result.folder / runs.RESULT).stat().st_mtime_ns == before


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    train_in_process(monkeypatch)


def test_equal_runs_are_trained_once(folder: Path, tmp_path: Path, in_process: None) -> None:
    runs_ = [_run(folder, max_steps=5), _run(folder, max_steps=5)]
    first, second = execute(runs_, tmp_path, jobs=2)
    assert first == second


def test_an_unfinished_run_is_repeated(folder: Path, tmp_path: Path, in_process: None) -> None:
    run = _run(folder, max_steps=5)
    (tmp_path / run.key()).mkdir()
    (tmp_path / run.key() / runs.LOG).write_text("killed", encoding="utf8")
    [result] = execute([run], tmp_path)
    assert result.scores["tag_acc"] > 0


def test_key_is_of_what_determines_the_result(folder: Path, tmp_path: Path) -> None:
    key = _run(folder).key()
    assert _run(folder).key() == key
    assert _run(folder, seed=1).key() != key
    assert _run(folder, dropout=0.2).key() != key
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("train", "test"):
        (moved / f"{name}.spacy").write_bytes((folder / f"{name}.spacy").read_bytes())
    assert _run(moved).key() == key
    (moved / "train.spacy").write_bytes(DocBin().to_bytes())
    assert _run(moved).key() != key


def test_a_failing_run_does_not_stop_the_others(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = _run(folder, train_corpus="corpora.nowhere")
    right = _run(folder, max_steps=5)
    train_in_process(monkeypatch, but=wrong)
    with pytest.raises(RunError, match="'tiny' .*exit code 1"):
        execute([wrong, right], tmp_path, jobs=2)
    assert (tmp_path / right.key() / runs.RESULT).exists()
    assert not (tmp_path / wrong.key() / runs.RESULT).exists()


def test_names_of_files_count_by_their_content(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Run("x", {"corpora": {"train": {"path": "train.spacy"}}}, 0, str(folder / "test.spacy"))
    Path("train.spacy").write_bytes(b"one")
    before = run.key()
    Path("train.spacy").write_bytes(b"two")
    assert run.key() != before
    parts = Run("x", {"corpora": {"train": {"path": "parts"}}}, 0, str(folder / "test.spacy"))
    Path("parts").mkdir()
    Path("parts/a").write_bytes(b"12")
    before = parts.key()
    Path("parts/a").rename("parts/b")
    assert parts.key() != before


def test_code_is_imported_and_counts_by_its_content(
    folder: Path, tmp_path: Path, in_process: None
) -> None:
    code = tmp_path / "own.py"
    text = "import spacy\n\n@spacy.registry.batchers('own.B.v1')\ndef make():\n    return {}\n"
    code.write_text(text.format("lambda items: ([item] for item in items)"), encoding="utf-8")
    config = _config(folder, max_steps=2, eval_frequency=2)
    config["training"]["batcher"] = {"@batchers": "own.B.v1"}
    run = Run("own", config, 0, str(folder / "test.spacy"), str(code))
    [result] = execute([run], tmp_path / "cache")
    assert [row["step"] for row in result.history] == [0, 2]
    before = run.key()
    code.write_text(code.read_text() + "# more\n", encoding="utf-8")
    assert run.key() != before


# A callback with which the process that trains opens a pipe, which its end closes.
ANNOUNCE = """
import os
import spacy

@spacy.registry.callbacks("own.announce.v1")
def make(path: str):
    def announce(nlp, info):
        if info["step"] == 1:
            os.write(os.open(path, os.O_WRONLY), b"x")
    return announce
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_worker_ends_with_the_process_that_started_it(folder: Path, tmp_path: Path) -> None:
    pipe, code = tmp_path / "pipe", tmp_path / "own.py"
    os.mkfifo(pipe)
    code.write_text(ANNOUNCE, encoding="utf-8")
    config = _config(folder, max_steps=1_000_000, patience=0)
    config["training"]["before_update"] = {"@callbacks": "own.announce.v1", "path": str(pipe)}
    run = Run("long", config, 0, str(folder / "test.spacy"), str(code))
    parent = start(partial(execute, [run], tmp_path / "cache"))
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    connection.wait([reading, parent.sentinel])
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b"x"
    parent.kill()
    parent.join()
    assert os.read(reading, 1) == b""  # not before the worker's end
    assert not (tmp_path / "cache" / run.key() / runs.RESULT).exists()


@pytest.mark.parametrize(
    "part, package",
    [
        ({"factory": "transformer"}, "spacy-transformers"),
        ({"@architectures": "spacy-transformers.TransformerListener.v1"}, "spacy-transformers"),
        ({"@architectures": "spacy_mtl.TransformerEncoder.v1"}, "transformers"),
        ({"method": "UPGrad", "@mtl_balancers": "spacy_mtl.GramianWeighting.v1"}, "torchjd"),
    ],
)
def test_versions_of_what_is_used(
    part: dict[str, str], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of nothing else, as it need not be installed: names of weights look like packages."""
    monkeypatch.setattr(runs, "version", lambda name: f"version of {name}")
    found = runs._versions(json.dumps({"part": part, "name": "sentence-transformers/small"}))
    used = {"spacy-transformers", "transformers", "torchjd"} & set(found)
    assert used == {package}


def test_a_signal_waits_for_no_run(folder: Path, tmp_path: Path) -> None:
    """Where it is carried out by others, who do not get the signal."""
    go_on = Event()

    def interrupted(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        go_on.wait(60)

    # In a background job of a shell, Python begins with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            execute([_run(folder)], tmp_path, carry_out=interrupted)
        assert not go_on.is_set()
    finally:
        signal.signal(signal.SIGINT, before)
        go_on.set()
