"""Annotation by actors: the bytes of a local run, whatever is lost on the way."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import spacy
from pipeline.helpers import TEXTS, make_nlp, trained
from typer.testing import CliRunner

from spacy_mtl.bulk import Options, Summary, annotate_file
from spacy_mtl.cli import app
from spacy_mtl.cluster.annotate import Actors, _Actor
from spacy_mtl.code_file import import_code
from spacy_mtl.errors import MTLError

PART = 5
DOCUMENTS = 8 * PART
# A component that dies at one text, and waits at another, once each.
CODE = """
import os, signal, time
from pathlib import Path
from spacy.language import Language

FOLDER = Path({folder!r})

@Language.component("eventful")
def eventful(doc):
    if doc.text == "die" and not (FOLDER / "died").exists():
        (FOLDER / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if doc.text == "wait" and not (FOLDER / "waited").exists():
        (FOLDER / "waited").write_text(os.environ.get("RAY_NODE_ID", ""))
        end = time.monotonic() + 60
        while not (FOLDER / "go").exists() and time.monotonic() < end:
            time.sleep(0.02)
    return doc
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model"
    trained(make_nlp(), 4).to_disk(path)
    return path


def write_input(path: Path, texts: dict[int, str] | None = None) -> Path:
    """Documents, of which some have these texts, and a line that is none."""
    rows = [
        {"id": i, "text": (texts or {}).get(i, TEXTS[i % len(TEXTS)])} for i in range(DOCUMENTS)
    ]
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join([*lines, "{"]), encoding="utf8")
    return path


def eventful(folder: Path) -> tuple[Path, Options]:
    """A pipeline with the component, and the options to load it."""
    code = folder / "eventful.py"
    code.write_text(CODE.format(folder=str(folder)))
    nlp = spacy.blank("en")
    import_code(code)
    nlp.add_pipe("eventful")
    nlp.to_disk(folder / "model")
    return folder / "model", Options(part_size=PART, batch_size=1, code=code)


def ids(output: Path) -> list[int]:
    return [json.loads(line)["id"] for line in output.read_text(encoding="utf8").splitlines()]


def test_the_output_is_that_of_a_local_run(machines, model, tmp_path):
    source = write_input(tmp_path / "texts.jsonl")
    options = Options(part_size=PART, batch_size=2)
    local, remote = tmp_path / "local.jsonl", tmp_path / "remote.jsonl"
    expected = annotate_file(str(model), source, local, options)
    found = annotate_file(str(model), source, remote, options, engine=Actors("auto", 2))
    assert found is not None and expected is not None
    assert (found.documents, found.failed, found.words) == (DOCUMENTS, 1, expected.words)
    assert remote.read_bytes() == local.read_bytes()
    errors = [path.with_name(f"{path.name}.errors.jsonl") for path in (local, remote)]
    assert errors[0].read_bytes() == errors[1].read_bytes()


@pytest.mark.parametrize("suffix", [".parquet", ".spacy"])
def test_in_other_formats(model, tmp_path, suffix):
    """What annotates and what it gives survive the way to an actor and back."""
    pytest.importorskip("ray", reason="ray is not installed")
    from ray import cloudpickle

    @contextmanager
    def there_and_back(make):
        def annotate_all(parts, advance):
            annotator = cloudpickle.loads(cloudpickle.dumps(make))()
            for part in cloudpickle.loads(cloudpickle.dumps(list(parts))):
                yield cloudpickle.loads(cloudpickle.dumps(annotator.annotate(part, advance)))

        yield annotate_all

    source = write_input(tmp_path / "texts.jsonl")
    options = Options(part_size=PART, batch_size=2)
    local, remote = tmp_path / f"local{suffix}", tmp_path / f"remote{suffix}"
    annotate_file(str(model), source, local, options)
    annotate_file(str(model), source, remote, options, engine=there_and_back)
    assert remote.read_bytes() == local.read_bytes()


def test_an_actor_and_then_a_machine_are_lost(machines, tmp_path):
    model, options = eventful(tmp_path)
    source = write_input(tmp_path / "texts.jsonl", {7: "die", 22: "wait"})
    output = tmp_path / "out.jsonl"
    found: list[Summary | None] = []
    actors = Actors("auto", 2)
    run = Thread(
        target=lambda: found.append(
            annotate_file(str(model), source, output, options, engine=actors)
        ),
        daemon=True,
    )
    run.start()
    try:
        while not (tmp_path / "waited").exists():
            assert run.is_alive()
            time.sleep(0.02)
        _lose_one(machines)
    finally:
        (tmp_path / "go").touch()
        run.join()
    assert (tmp_path / "died").exists()
    assert found and found[0] is not None and found[0].documents == DOCUMENTS
    assert ids(output) == list(range(DOCUMENTS))


def _lose_one(machines):
    """A machine with an actor, and not that of this process, as soon as there is one."""
    import ray
    from ray._private.state import actors

    own = ray.get_runtime_context().get_node_id()
    others: list[Any] = []
    while not others:
        alive = [actor for actor in actors().values() if actor["State"] == "ALIVE"]
        at = {a["Address"]["NodeID"] for a in alive if "Map" in a["ActorClassName"]} - {own}
        others = [node for node in machines.worker_nodes if node.node_id in at]
        time.sleep(0.02)
    machines.remove_node(others[0], allow_graceful=False)
    # It may take longer to come up than `add_node` would wait.
    machines.add_node(wait=False, num_cpus=1, object_store_memory=10**8)


@contextmanager
def command(tmp_path, machines):
    """The command as a process, when all before the part that waits is committed."""
    model, options = eventful(tmp_path)
    source = write_input(tmp_path / "texts.jsonl", {22: "wait"})
    given = [str(each) for each in (model, source, tmp_path / "out.jsonl", "--code", options.code)]
    given += ["--part-size", str(PART), "--batch-size", "1", "--ray", machines.address]
    started = [sys.executable, "-m", "spacy", "mtl", "annotate", *given]
    running = subprocess.Popen(started, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "out.jsonl.partial" / "journal.json"
    while not ((tmp_path / "waited").exists() and _documents(journal) == 4 * PART):
        assert running.poll() is None
        time.sleep(0.02)
    yield running
    (tmp_path / "go").touch()


def test_a_killed_driver_is_resumed(machines, tmp_path):
    with command(tmp_path, machines) as running:
        running.kill()
        running.wait()
    given = [str(tmp_path / name) for name in ("model", "texts.jsonl", "out.jsonl")]
    given += ["--code", str(tmp_path / "eventful.py"), "--part-size", str(PART), "--ray", "auto"]
    done = CliRunner().invoke(app, ["annotate", *given, "--actors", "2", "--resume"])
    assert done.exit_code == 3  # as one line is no document
    assert f"{DOCUMENTS} documents" in done.output
    assert f"{4 * PART} documents were done before" in done.output
    assert ids(tmp_path / "out.jsonl") == list(range(DOCUMENTS))


def test_signals_stop_it(machines, tmp_path):
    with command(tmp_path, machines) as running:
        running.terminate()
        printed = running.communicate()[1]
    assert "Stopped by SIGTERM. The same command with --resume goes on." in printed
    assert running.returncode == 143


def _documents(journal: Path) -> int:
    if not journal.exists():
        return 0
    progress: int = json.loads(journal.read_text())["progress"]["documents"]
    return progress


def test_a_document_that_no_process_survives_ends_the_run(machines, tmp_path):
    """The component dies at it each time."""
    model, options = eventful(tmp_path)
    code = options.code
    assert code is not None
    code.write_text(code.read_text().replace('(FOLDER / "died").touch()', "pass"))
    source = write_input(tmp_path / "texts.jsonl", {22: "die"})
    actors = Actors("auto", attempts=2)
    with pytest.raises(
        MTLError, match="annotate line 21 to 25 of .*jsonl, but it died of it 2 times"
    ):
        annotate_file(str(model), source, tmp_path / "out.jsonl", options, engine=actors)


def test_errors_come_back_in_place_of_parts():
    """Of what is begun, of the reader, and of what none of us has thought of."""
    pytest.importorskip("ray", reason="ray is not installed")

    def make():
        raise KeyError("model")

    for actor in (_Actor(make, ".", 1), _Actor(make, "/no/such/folder", 1)):
        [found] = actor({"part": [["a source"]]})["part"]
        assert isinstance(found, MTLError)
    assert "Expected the folder /no/such/folder on every machine" in str(found)
    [found] = actor({"part": [MTLError("Expected a file.")]})["part"]
    assert str(found) == "Expected a file."


def test_what_cannot_run_is_refused(machines, model, tmp_path):
    source = write_input(tmp_path / "texts.jsonl")
    for actors in (Actors("auto", 9), Actors("auto", 1, 0.5)):
        with pytest.raises(MTLError, match="Expected a cluster with a CPU"):
            annotate_file(str(model), source, tmp_path / "out.jsonl", engine=actors)
    with pytest.raises(MTLError, match="Expected a file or folder with --ray, got stdin"):
        annotate_file(str(model), "-", tmp_path / "out.jsonl", engine=Actors("auto"))
