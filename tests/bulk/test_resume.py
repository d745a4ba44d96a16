"""Runs that are killed, stopped or fail, and go on."""

import multiprocessing
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer
from forks import kill, kill_after_calls, start, wait, was_killed
from spacy.tokens import DocBin

from spacy_mtl.bulk import Options, annotate_file
from spacy_mtl.cli import app
from spacy_mtl.errors import MTLError

from .helpers import (
    annotate,
    call_at_change,
    call_behind_two_parts,
    read_jsonl,
    texts,
    write_jsonl,
)

# That a process may make before it is killed: the documents take some 650,000.
CALLS = 100_000

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


def content(output: Path) -> dict[str, Any]:
    """All that a run wrote: what each file holds by its name."""
    files = [output, *output.rglob("*"), output.with_name(f"{output.name}.errors.jsonl")]
    return {
        file.name.removeprefix(output.stem): file.read_bytes() for file in files if file.is_file()
    }


def source_of(folder: Path, n: int) -> Path:
    rows = [{"id": i, "text": text} for i, text in enumerate(texts(n))]
    for i in range(3, n, 7):
        rows[i]["text"] = "boom"
    return write_jsonl(folder / "in.jsonl", rows)


def test_killed_at_random_moments(loaded: Path, tmp_path: Path) -> None:
    source = source_of(tmp_path, 240)
    annotate(loaded, source, tmp_path / "whole.jsonl")
    output = tmp_path / "killed.jsonl"
    random = Random(0)
    kills = 0
    while was_killed(
        start(partial(annotate_until, loaded, source, output, random.randint(1, CALLS)))
    ):
        kills += 1
    assert kills >= 5
    assert content(output) == content(tmp_path / "whole.jsonl")
    assert len(read_jsonl(output)) == 240 - len(range(3, 240, 7))
    assert not (tmp_path / "killed.jsonl.partial").exists()


def annotate_until(model: Path, source: Path, output: Path, calls: int) -> None:
    """Go on for so many calls."""
    kill_after_calls(calls)
    annotate(model, source, output, resume=True)


@pytest.mark.parametrize("name", ["out.jsonl", "out", "out.spacy", "out.parquet"])
def test_killed_at_changes_of_files(name: str, loaded: Path, tmp_path: Path) -> None:
    source = source_of(tmp_path, 8)
    whole = tmp_path / "whole" / name
    annotate(loaded, source, whole)
    for number in range(1, 200):
        folder = tmp_path / str(number)
        output = folder / name
        killed = was_killed(start(partial(annotate_up_to, loaded, source, output, folder, number)))
        annotate_file(str(loaded), source, output, Options(resume=True, part_size=4))
        assert content(output) == content(whole), f"killed at change {number}"
        assert {path.name for path in folder.iterdir()} == {name, f"{name}.errors.jsonl"}
        if not killed:
            break
    assert 20 < number < 190


def annotate_up_to(model: Path, source: Path, output: Path, folder: Path, number: int) -> None:
    """Annotate up to the n-th change of the folder."""
    call_at_change(folder, number, kill)
    annotate(model, source, output)


def unfinished(model: Path, folder: Path, **options: Any) -> tuple[Path, Path]:
    """An input, and an output of which a part is done."""
    source, output = source_of(folder, 40), folder / "out.jsonl"
    assert was_killed(start(partial(annotate_two_parts, kill, model, source, output, **options)))
    return source, output


def annotate_two_parts(
    call: Callable[[], Any], model: Path, source: Path, output: Path, **options: Any
) -> None:
    """Annotate, and call a function when two parts are done and a third one begun."""
    call_behind_two_parts(output, call)
    annotate(model, source, output, **options)


def test_unfinished_run_is_not_replaced(loaded: Path, tmp_path: Path) -> None:
    source, output = unfinished(loaded, tmp_path)
    with pytest.raises(MTLError, match="--resume"):
        annotate(loaded, source, output)
    summary = annotate(loaded, source, output, resume=True)
    assert summary.before >= 4 and summary.documents + summary.failed == 40


def test_going_on_is_told(loaded: Path, tmp_path: Path) -> None:
    source, output = unfinished(loaded, tmp_path)
    said: list[str] = []
    run = partial(annotate_file, str(loaded), source, say=said.append)
    assert run(output, options=Options(resume=True)) is not None
    assert "Going on behind" in said[0]
    assert run(output, options=Options(resume=True)) is None
    assert run(tmp_path / "new.jsonl", options=Options(resume=True)) is not None
    assert any("beginning anew" in line for line in said)


def test_beginning_anew(loaded: Path, tmp_path: Path) -> None:
    source, output = unfinished(loaded, tmp_path)
    assert annotate(loaded, source, output, overwrite=True).before == 0


def test_changed_input_is_refused(loaded: Path, tmp_path: Path) -> None:
    source, output = unfinished(loaded, tmp_path)
    data = source.read_bytes()
    source.write_bytes(data.replace(b' 5"', b' 6"'))
    with pytest.raises(MTLError, match="the input to be the same"):
        annotate(loaded, source, output, resume=True)
    source.write_bytes(data)
    annotate(loaded, source, output, resume=True)


def test_other_options_are_refused(loaded: Path, tmp_path: Path) -> None:
    source, output = unfinished(loaded, tmp_path)
    with pytest.raises(MTLError, match="the options to be the same"):
        annotate(loaded, source, output, resume=True, tokens=False)
    with pytest.raises(MTLError, match="--resume and --overwrite"):
        annotate(loaded, source, output, resume=True, overwrite=True)


def test_other_pipeline_is_refused(loaded: Path, tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("", encoding="utf-8")
    source, output = unfinished(loaded, tmp_path, code=code)
    code.write_text("# changed", encoding="utf-8")
    with pytest.raises(MTLError, match="the pipeline to be the same"):
        annotate(loaded, source, output, resume=True, code=code)


@pytest.mark.parametrize("damage", ["", "{}", "[1]", "x"])
def test_damaged_journal_is_refused(damage: str, loaded: Path, tmp_path: Path) -> None:
    source, output = unfinished(loaded, tmp_path)
    journal = tmp_path / "out.jsonl.partial" / "journal.json"
    text = journal.read_text(encoding="utf-8")
    journal.write_text(text.replace('"words": ', '"words": 1') if damage == "x" else damage)
    with pytest.raises(MTLError, match="damaged"):
        annotate(loaded, source, output, resume=True)


@pytest.mark.parametrize("name", ["parts", "failed"])
@pytest.mark.parametrize("damage", [Path.unlink, partial(Path.write_bytes, data=b"")])
def test_missing_output_is_refused(
    name: str, damage: Callable[[Path], Any], loaded: Path, tmp_path: Path
) -> None:
    source, output = unfinished(loaded, tmp_path)
    damage(tmp_path / "out.jsonl.partial" / name / "000000.jsonl")
    with pytest.raises(MTLError, match="--overwrite"):
        annotate(loaded, source, output, resume=True)


def test_run_of_another_version_is_refused(
    loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("spacy_mtl.bulk.journal.VERSION", 1)
        source, output = unfinished(loaded, tmp_path)
    work = tmp_path / "out.jsonl.partial"
    for name in ("output.jsonl", "errors.jsonl"):  # which 0.1 has in place of the parts
        (work / name).write_text("{}", encoding="utf-8")
    with pytest.raises(MTLError, match="another version"):
        annotate(loaded, source, output, resume=True)
    annotate(loaded, source, output, overwrite=True)
    assert not work.exists()


def test_two_at_the_same_time_are_refused(loaded: Path, tmp_path: Path) -> None:
    source, output = source_of(tmp_path, 40), tmp_path / "out.jsonl"
    ours, theirs = multiprocessing.Pipe()

    def wait_to_be_killed() -> None:
        theirs.send("two parts are done")
        signal.pause()

    process = start(partial(annotate_two_parts, wait_to_be_killed, loaded, source, output))
    theirs.close()
    ours.recv()
    try:
        for options in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(MTLError, match="another process"):
                annotate(loaded, source, output, **options)
        assert process.is_alive()
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("parts", [5, 10])
def test_full_disk_loses_nothing(parts: int, loaded: Path, tmp_path: Path) -> None:
    """It is full at a long part, or where all are put together."""
    rows = [{"text": text} for text in texts(40)]
    if parts == 5:
        rows[20]["text"] *= 30
    source, output = write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    annotate(loaded, source, tmp_path / "whole.jsonl")
    process = start(partial(fail_on_full_disk, loaded, source, output))
    assert wait(process) == 0
    assert annotate(loaded, source, output, resume=True).before == 4 * parts
    assert content(output) == content(tmp_path / "whole.jsonl")


def fail_on_full_disk(model: Path, source: Path, output: Path) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))  # of each file
    with pytest.raises(MTLError, match="--resume"):
        annotate(model, source, output)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_command(number: int, loaded: Path, tmp_path: Path) -> None:
    source, output = source_of(tmp_path, 40), tmp_path / "out.jsonl"
    arguments = ["annotate", str(loaded), str(source), str(output), "--part-size", "4"]
    assert wait(start(partial(run_command, arguments, number, output))) == 128 + number
    printed = (tmp_path / "stderr").read_text(encoding="utf-8")
    assert f"Stopped by {signal.Signals(number).name}" in printed and "Traceback" not in printed
    assert not output.exists()
    assert annotate(loaded, source, output, resume=True, part_size=1000).before >= 4


def run_command(arguments: list[str], number: int, output: Path) -> None:
    """Run a command, which gets a signal when two parts are done."""
    call_behind_two_parts(output, partial(signal.raise_signal, number))
    with output.with_name("stderr").open("w", encoding="utf-8") as sys.stderr:
        try:
            typer.main.get_command(app).main(arguments)
        finally:
            sys.stderr.flush()


def test_parts_of_an_unfinished_run_can_be_read(loaded: Path, tmp_path: Path) -> None:
    source, output = source_of(tmp_path, 40), tmp_path / "out"
    assert was_killed(start(partial(annotate_two_parts, kill, loaded, source, output)))
    paths = list((tmp_path / "out.partial" / "parts").glob("*.spacy"))
    assert len(paths) >= 2
    for path in paths:
        assert 1 <= len(DocBin().from_disk(path)) <= 4
