"""Through spaCy's own loop, and step by step."""

import io
import json
import os
import re
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import spacy
from pipeline.helpers import ENCODER, LISTENER, make_nlp
from spacy.language import Language

from spacy_mtl.errors import MTLError
from spacy_mtl.training.log import logger
from spacy_mtl.training.log.logger import create_console_logger

from .logs import OURS, TASKS, read_rows, run, step_info


def test_a_training(tmp_path):
    printed = run(tmp_path)
    path = tmp_path / "out" / "training.jsonl"
    rows = read_rows(path)
    assert [row["step"] for row in rows] == [0, 2, 4]
    assert len({row["run"] for row in rows}) == 1
    for row in rows:
        assert list(row["tasks"]) == list(TASKS)
        for name, figures in row["tasks"].items():
            assert figures["loss"] == row["losses"][f"multitask_{name}"] > 0
            assert figures["weight"] == row["weights"]["multitask"][name] == 1.0
        assert row["tasks"]["ner"]["score"] == row["scores"]["ner_f"]
        assert row["tasks"]["sentiment"]["score"] == row["scores"]["sentiment_score"]
        assert row["scores"]["ents_per_type"].keys() == {"PER", "LOC"}
    assert rows[0]["conflict"] == {}  # the heads were zero, and passed no gradient
    for measured in (row["conflict"]["multitask"] for row in rows[1:]):
        assert measured["cosine"].keys() == {"ner tagger", "ner sentiment", "sentiment tagger"}
        assert measured["steps"] == 2
    assert [row["words_per_second"] is None for row in rows] == [True, False, False]
    assert rows[-1]["seconds_left"] == 0 < rows[1]["seconds_left"]
    assert rows[-1]["words"] == 5 * 25
    assert max(rows, key=lambda row: row["score"])["best"]
    lines = printed.splitlines()
    assert str(path) in lines
    check_table(lines, rows)
    check_best(lines, rows)


def check_table(lines: list[str], rows: list[dict[str, Any]]) -> None:
    """The printed table has a line for each row, with the same figures."""
    start = next(i for i, line in enumerate(lines) if line.startswith("---"))
    assert re.findall(r"\w+", lines[start - 2]) == list(TASKS)
    group = "LOSS WEIGHT SCORE"
    titles = f"E # {group} {group} {group} MACRO_AUC SCORE WORDS/S LEFT CONFLICT"
    assert lines[start - 1].split() == titles.split()
    for row, line in zip(rows, lines[start + 1 : start + 4], strict=True):
        cells = line.split()
        assert cells[:2] == [str(row["epoch"]), str(row["step"])]
        assert cells[2] == f"{row['losses']['multitask_tagger']:.3f}"
        assert cells[4] == f"{100 * row['scores']['tag_acc']:.2f}"
        assert cells[11] == f"{100 * row['scores']['sentiment_macro_auc']:.2f}"
        assert cells[12].rstrip("*") == f"{100 * row['score']:.2f}"
        assert cells[12].endswith("*") == row["best"]
        shares = [of["conflict"] for of in row["conflict"].values()]
        assert cells[15] == (f"{shares[0]:.0%}" if shares else "-")


def check_best(lines: list[str], rows: list[dict[str, Any]]) -> None:
    """Rows have each task's best score so far, and the last line those of the training."""
    for number, row in enumerate(rows, 1):
        for name, figures in row["tasks"].items():
            scores = [earlier["tasks"][name]["score"] for earlier in rows[:number]]
            assert figures["best_score"] == max(scores)
            assert figures["best_step"] == rows[scores.index(max(scores))]["step"]
    found = [
        f"{name} {100 * figures['best_score']:.2f} (step {figures['best_step']})"
        for name, figures in rows[-1]["tasks"].items()
    ]
    assert f"Best scores: {', '.join(found)}" in lines


def test_a_task_without_labels(tmp_path):
    batcher = {"@batchers": "spacy.batch_by_sequence.v1", "size": 1}
    layers = [["tagger"], ["ner"], ["sentiment"]] * 2
    printed = run(tmp_path, make_nlp(TASKS), layers, eval_frequency=1, batcher=batcher)
    lines = [line for line in printed.splitlines() if re.match(r" +\d+ +\d+ ", line)]
    rows = read_rows(tmp_path / "out" / "training.jsonl")
    for row, line in zip(rows, lines, strict=True):
        tasks = row["tasks"].values()
        assert [figures["loss"] is None for figures in tasks].count(False) == 1
        assert [figures["weight"] is None for figures in tasks].count(False) == 1
        assert all(figures["score"] is not None for figures in tasks)
        assert line.split()[2:11].count("-") == 4
        assert row["conflict"] == {} and "%" not in line


def test_a_task_that_the_dev_corpus_does_not_label(tmp_path):
    printed = run(tmp_path, make_nlp(TASKS), dev=["ner"])
    for row in read_rows(tmp_path / "out" / "training.jsonl"):
        assert row["tasks"]["tagger"]["score"] is row["tasks"]["sentiment"]["score"] is None
        assert row["tasks"]["ner"]["score"] is not None
        assert "tagger_acc" not in row["scores"] and "sentiment_score" not in row["scores"]
    lines = [line.split() for line in printed.splitlines() if re.match(r" +\d+ +\d+ ", line)]
    assert lines and all((line[4], line[10]) == ("-", "-") != line[7] for line in lines)


def test_beside_a_component_of_spacys(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": ENCODER})
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    nlp.add_pipe("tagger", name="other", config={"model": model})
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": LISTENER}
    tasks = {"other": {"@mtl_tasks": "spacy_mtl.NER.v1"}}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    run(tmp_path, nlp, score_weights={"tag_acc": 1.0, "ents_f": 0.5})
    for row in read_rows(tmp_path / "out" / "training.jsonl"):
        assert list(row["tasks"]) == ["other", "multitask.other"]
        stock = row["tasks"]["other"]
        assert stock["weight"] is None
        assert stock["loss"] == row["losses"]["other"] > 0
        assert stock["score"] == row["scores"]["tag_acc"]


def test_on_a_balanced_encoder(tmp_path):
    nlp = spacy.blank("en")
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"morphologizer": 0.5}}
    encoder = {"model": ENCODER, "balancer": balancer, "conflict_every": 1}
    nlp.add_pipe("balanced_tok2vec", name="tok2vec", config=encoder)
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    for name in ("tagger", "morphologizer"):
        nlp.add_pipe(name, config={"model": model})
    layers = ["tagger", "pos", "morph"]
    printed = run(tmp_path, nlp, layers, score_weights={"tag_acc": 1.0})
    first, *others = read_rows(tmp_path / "out" / "training.jsonl")
    # The heads begin at zero, so that at first they have no gradient to send.
    assert [figures["weight"] for figures in first["tasks"].values()] == [None, None]
    for row in others:
        weights = {name: figures["weight"] for name, figures in row["tasks"].items()}
        assert weights == row["weights"]["tok2vec"] == {"tagger": 1.0, "morphologizer": 0.5}
        assert row["conflict"]["tok2vec"]["cosine"].keys() == {"morphologizer tagger"}
    assert "WEIGHT" in printed and "CONFLICT" in printed


def drive(n_steps: int = 9, stdout: Any = None, stderr: Any = None, **settings: Any) -> str:
    """The logger's output over so many steps, of which every fourth is evaluated."""
    nlp = spacy.blank("en")
    nlp.config["training"].update(max_steps=8, eval_frequency=4)
    stdout = io.StringIO() if stdout is None else stdout
    stderr = io.StringIO() if stderr is None else stderr
    log_step, finalize = create_console_logger(**settings)(nlp, stdout, stderr)
    for step in range(n_steps):
        log_step(None if step % 4 else step_info(step, step * 100))
    finalize()
    return stdout.getvalue()


def test_another_run_appends(tmp_path):
    path = tmp_path / "logs" / "rows.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"step": 7}\n{"ste')  # of a run that was killed while it wrote
    printed = [drive(1, output_file=str(path), console_output=False) for _ in range(2)]
    assert printed == ["", ""]
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines[:2] == ['{"step": 7}', '{"ste'] and lines[-1] == ""
    assert [json.loads(line)["step"] for line in lines[2:-1]] == [0, 0]


def test_the_file_is_complete_after_every_row(tmp_path):
    log_step, _ = create_console_logger(output_file=tmp_path / "rows.jsonl")(spacy.blank("en"))
    for step in range(3):
        log_step(step_info(step))
        assert len(read_rows(tmp_path / "rows.jsonl")) == step + 1


def test_without_a_place_there_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = drive()
    assert "SCORE" in printed and "JSON" not in printed
    assert not list(tmp_path.rglob("*"))


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MTLError, match="Set `output_file`"):
        drive(output_file=tmp_path / "file" / "rows.jsonl")


def test_a_file_that_fails_later_does_not_stop_the_training(tmp_path, monkeypatch):
    def full(path: Path, line: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logger, "_append", full)
    with pytest.warns(UserWarning, match="rows.jsonl: .*No space left"):
        printed = drive(output_file=tmp_path / "rows.jsonl")
    assert printed.splitlines()[-1].split()[1] == "8"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no limit on the size of a file")
def test_a_row_is_whole_or_not_there(tmp_path):
    """The disk takes half of the second row."""
    import resource

    path = tmp_path / "rows.jsonl"
    logger._append(path, b'{"step": 1}\n')
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (18, before[1]))
        with pytest.raises(OSError, match="No space left"):
            logger._append(path, b'{"step": 2}\n')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b'{"step": 1}\n'


@pytest.mark.parametrize("wrong", ["yes", "trains", 2])
def test_wrong_progress_bar(wrong):
    with pytest.raises(MTLError, match="'eval', 'train' or null"):
        create_console_logger(progress_bar=wrong)


class Terminal(io.StringIO):
    """A terminal, in the eyes of a progress bar."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """The lines as one sees them in the end."""
        lines = []
        for line in self.getvalue().split("\n"):
            shown = ""
            for part in line.split("\r"):
                shown = part + shown[len(part) :]
            lines.append(shown.rstrip())
        return lines


@pytest.mark.parametrize("kind, total", [("eval", 4), ("train", 8), (True, 4)])
def test_progress_bar_leaves_the_table_whole(kind, total):
    terminal = Terminal()
    drive(stdout=terminal, stderr=terminal, progress_bar=kind)
    assert f"| 0/{total} [" in terminal.getvalue()
    screen = terminal.screen()
    start = next(i for i, line in enumerate(screen) if line.startswith("---"))
    assert [line.split()[1] for line in screen[start + 1 : start + 4]] == ["0", "4", "8"]
    assert screen[start + 4 :] == [""]


def test_progress_bar_alone():
    terminal = Terminal()
    assert drive(stderr=terminal, progress_bar="train", console_output=False) == ""
    assert "8 [" in terminal.getvalue()


@pytest.mark.parametrize(
    "stderr, kind", [(Terminal(), None), (Terminal(), False), (io.StringIO(), "eval")]
)
def test_no_progress_bar(stderr, kind):
    drive(stderr=stderr, progress_bar=kind)
    assert stderr.getvalue() == ""


class Tracker(ModuleType):
    """Stands for the package of W&B or MLflow, of which spacy-loggers uses these functions."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.metrics: dict[str, list[Any]] = {}
        self.models = 0
        self.id = "1"
        self.spacy = ModuleType("spacy")
        self.spacy.log_model = self.log_model  # type: ignore[attr-defined]

    def init(self, **settings: Any) -> "Tracker":
        return self

    def log(self, metrics: dict[str, Any]) -> None:
        for name, value in metrics.items():
            self.metrics.setdefault(name, []).append(value)

    def log_metric(self, name: str, value: float) -> None:
        self.log_metrics({name: value})

    def log_metrics(self, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            assert re.fullmatch(r"[/\w.\- :]+", name), f"MLflow does not take {name}"
            assert isinstance(value, (int, float)), value
        self.log(metrics)

    def log_model(self, nlp: Language, name: str) -> None:
        self.models += 1

    def ignore(self, *args: Any, **kwargs: Any) -> None:
        pass

    join = start_run = log_params = log_artifact = end_run = ignore


@pytest.fixture
def tracker(request: Any, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """The package that the logger imports."""
    fake = Tracker("wandb" if "Wandb" in request.node.name else "mlflow")
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    return fake


def tracker_settings(name: str, **settings: Any) -> dict[str, Any]:
    project = {"project_name": "x"} if "Wandb" in name else {}
    return {"@loggers": f"spacy.{name}", **project, **settings}


@pytest.mark.parametrize("name", ["WandbLogger.v1", "MLflowLogger.v1"])
def test_a_tracker_by_itself(tmp_path, tracker, name):
    nlp = make_nlp(("tagger", "ner"))
    weights = {"tagger_acc": 0.5, "ner_f": 0.5}
    printed = run(tmp_path, nlp, log=tracker_settings(name), score_weights=weights)
    assert "LOSS MULTI..." in printed  # spaCy's own table
    for metric in ("loss_multitask", "loss_multitask_tagger", "loss_multitask_ner", "ner_f"):
        assert len(tracker.metrics[metric]) == 3
    assert (tracker.models > 0) == ("MLflow" in name)


@pytest.mark.parametrize("name", ["WandbLogger.v5", "MLflowLogger.v2"])
def test_a_tracker_behind_our_logger(tmp_path, tracker, name):
    log = tracker_settings(name, log_custom_stats=[r"^mtl\."])
    run(tmp_path, log={"@loggers": "spacy.ChainLogger.v1", "logger1": OURS, "logger2": log})
    assert all(len(tracker.metrics[f"loss_multitask_{task}"]) == 3 for task in TASKS)
    stats = {n: values for n, values in tracker.metrics.items() if n.startswith("mtl.")}
    assert stats.keys() == {
        *(f"mtl.{kind}.{task}" for kind in ("weight", "norm") for task in TASKS),
        *(f"mtl.cosine.{pair}" for pair in ("ner_tagger", "ner_sentiment", "sentiment_tagger")),
        "mtl.conflict",
        "mtl.words_per_second",
    }
    rows = read_rows(tmp_path / "out" / "training.jsonl")
    cosines = [row["conflict"]["multitask"]["cosine"]["ner tagger"] for row in rows[1:]]
    assert stats["mtl.cosine.ner_tagger"] == cosines
    labels = json.dumps(tracker.metrics)
    assert "sentiment_pos" in labels and "sentiment=pos" not in labels
    assert "sentiment=pos" in rows[-1]["scores"]["cats_f_per_type"]
