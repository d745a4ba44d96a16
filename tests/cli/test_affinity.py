import json
import signal
from pathlib import Path
from typing import Any

import pytest
from pipeline.foreign import COUNT, LISTENING
from pipeline.helpers import make_nlp
from thinc.api import Config
from training.runs import mixed
from typer.testing import CliRunner

from spacy_mtl.cli import app
from spacy_mtl.training.loop import Loop

FAST = ["--steps", "8", "--every", "2"]
GROUPED = ["tok2vec_1", "multitask_1", "tok2vec_2", "multitask_2"]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A config in the working directory, with its corpora."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")
    config = mixed(Path("."), balancer={"@mtl_balancers": "spacy_mtl.FixedWeights.v1"})
    config["training"]["before_update"] = None
    config.to_disk("config.cfg")
    return config


def affinity(*args: str, config: str = "config.cfg") -> Any:
    return CliRunner().invoke(app, ["affinity", config, "--output", "out", *args])


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out/affinity.json").read_text(encoding="utf8"))
    return found


def test_matrices_groups_and_config() -> None:
    done = affinity(*FAST, "--training.dropout", "0.2", "--seed", "3")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in Path("out").iterdir()) == ["affinity.json", "config.cfg"]
    found = document()
    tasks = ["tagger", "ner", "sentiment"]
    assert (found["version"], found["tasks"]) == (1, tasks)
    assert (found["steps"], found["every"], found["seed"]) == (9, 2, 3)
    for key in ("cosines", "affinity", "affinity_error", "counts", "same_batch"):
        assert [len(row) for row in found[key]] == [3, 3, 3]
    assert [entry["step"] for entry in found["trajectory"]] == [4, 8]
    groupings = found["groupings"]
    assert [entry["encoders"] for entry in groupings] == [1, 2, 3]
    assert groupings[0]["groups"] == [tasks]
    config = Config().from_disk("out/config.cfg", interpolate=False)
    assert config["nlp"]["pipeline"] == GROUPED
    own = [list(config["components"][name]["tasks"]) for name in GROUPED[1::2]]
    assert own == groupings[1]["groups"]
    assert config["training"]["dropout"] == 0.2
    assert (config["training"]["max_steps"], config["training"]["seed"]) == (13, "${system.seed}")


def test_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_mtl.affinity.result.ERRORS", 0.1)  # so short, much is noise
    Path("my code.py").write_text("")
    given = ("--encoders", "3", "--code", "my code.py")
    lines = affinity("--steps", "30", "--every", "2", *given).output.splitlines()
    found = document()
    rows = [line.split() for line in lines]
    for key, factor, digits in (("cosines", 1, 2), ("affinity", 100, 3)):
        for task, row in zip(found["tasks"], found[key], strict=True):
            assert [task, *(f"{factor * cell:.{digits}f}" for cell in row)] in rows
    for entry in found["groupings"]:
        groups = " | ".join(", ".join(group) for group in entry["groups"])
        score = f"{100 * entry['score']:.3f} %"
        assert [str(entry["encoders"]), *groups.split(), *score.split()] in rows
    assert any(line.startswith("The best 3 groups have a score of 0.000 %") for line in lines)
    told = [line for line in lines if line.startswith("Training on ")]
    assert told and all(line.endswith(" % per step.") for line in told)
    assert lines[-1] == "spacy train out/config.cfg --output training --code 'my code.py'"


def test_tasks_that_need_each_other_and_encoders_of_their_own(config: Config) -> None:
    block = config["components"]["multitask"]
    block["model"] = {**LISTENING, "on_second": ["sentiment"]}
    block["tasks"]["count"] = COUNT
    config.to_disk("config.cfg")
    done = affinity(*FAST)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert "count needs ner, and is in the same group." in lines
    apart = "tagger and sentiment; ner and sentiment"
    assert f"Not comparable, as they never share parameters: {apart}." in lines
    assert any(
        line.startswith("Not comparable, as they never learn from the same") for line in lines
    )
    assert ["sentiment", "-", "-"] in [line.split()[:3] for line in lines]
    found = document()
    assert found["needs"] == {"count": ["ner"]}
    assert [entry["encoders"] for entry in found["groupings"]] == [1, 2, 3]
    for entry in found["groupings"]:
        assert any({"ner", "count"} <= set(group) for group in entry["groups"])
    assert found["affinity"][0][2] is None and found["cosines"][2][1] is None
    Config().from_disk("out/config.cfg")
    refused = CliRunner().invoke(
        app, ["affinity", "config.cfg", "--output", "out4", "--encoders", "4"]
    )
    assert "groups of tasks that need each other (tagger, ner with count, sentiment)" in (
        refused.stderr
    )


def test_of_few_measurements_nothing_stands_out() -> None:
    assert "No task has an effect on another that stands out" in affinity(*FAST).output


def test_one_encoder_is_the_config_as_it_was() -> None:
    assert affinity(*FAST, "--encoders", "1").exit_code == 0
    config = Config().from_disk("out/config.cfg", interpolate=False)
    assert config["nlp"]["pipeline"] == ["tok2vec", "multitask"]


def test_the_same_again() -> None:
    texts = []
    for _ in range(2):
        assert affinity(*FAST).exit_code == 0
        texts.append(Path("out/affinity.json").read_bytes())
        Path("out").rename(f"out{len(texts)}")
    assert texts[0] == texts[1]


def edited(config: Config, **sections: Any) -> None:
    for section, settings in sections.items():
        config[section].update(settings)
    config.to_disk("config.cfg")


def test_output_that_is_there() -> None:
    Path("out").mkdir()
    Path("out/mine").write_text("x")
    refused = affinity(*FAST)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "✘ Expected a new or empty folder as --output, but out has files."
    ]
    assert [path.name for path in Path("out").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("settings", "args", "message"),
    [
        ({}, ["--encoders", "4"], "each of the 3 tasks (tagger, ner, sentiment), got 4."),
        ({"training": {"frozen_components": ["tok2vec"]}}, [], "learns, got tok2vec in [training]"),
        ({"components": {"multitask": {"factory": "sentencizer"}}}, [], "got none; in the pipel"),
        ({"training": {"before_update": {"@callbacks": "spacy_mtl.unfreeze.v1", "encoder": -1}}},
         FAST, "Expected gradients of tasks at the encoder, got none"),
    ],
)  # fmt: skip
def test_one_line(config: Config, settings: Any, args: list[str], message: str) -> None:
    edited(config, **settings)
    result = affinity(*args)
    assert result.exit_code == 1, result.output
    assert message in result.stderr.splitlines()[-1]
    assert not Path("out").exists()


def test_one_task(config: Config) -> None:
    tasks = make_nlp(["ner"]).config["components"]["multitask"]["tasks"]
    config["components"]["multitask"]["tasks"] = tasks
    config.to_disk("config.cfg")
    assert "Expected two tasks or more" in affinity(*FAST).stderr
    assert not Path("out").exists()


def test_stopped_by_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    update = Loop._update

    def stop(self: Loop, batch: Any) -> None:
        update(self, batch)
        if self.state.progress.steps == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Loop, "_update", stop)
    result = affinity(*FAST)
    assert result.exit_code == 128 + signal.SIGTERM
    assert "Stopped by SIGTERM after step 3." in result.stderr
    assert not Path("out").exists()
