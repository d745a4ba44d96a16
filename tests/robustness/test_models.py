"""Saved pipelines that are incomplete, damaged, or of another config."""

import shutil
from pathlib import Path

import pytest
import spacy
from hypothesis import HealthCheck, given, settings

from spacy_mtl.errors import MTLError

from .checks import damage, run_model, saved_model
from .file_strategies import ModelCase, model_cases
from .outcomes import OURS, outcome_of
from .pipelines import multitask

CASES = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@CASES
@given(model_cases())
def test_no_damage_crashes(case: ModelCase) -> None:
    outcome = outcome_of(run_model, case, spacys_files=True)
    assert outcome.good, outcome


@pytest.mark.parametrize("file", ["multitask/cfg", "multitask/model", "tok2vec/model"])
@pytest.mark.parametrize("how, value", [("missing", None), ("cut", 0.5), ("bytes", b"\xc1")])
def test_a_file_that_is_missing_or_damaged(file: str, how: str, value: object) -> None:
    component, part = file.split("/")
    outcome = outcome_of(run_model, ModelCase(how, file, value))
    assert outcome.kind == OURS, outcome
    assert f"the saved component '{component}'" in outcome.detail
    assert component == "tok2vec" or f"the part '{part}'" in outcome.detail
    assert "copy or save the pipeline again" in outcome.detail


@pytest.mark.parametrize("component", ["multitask", "tok2vec"])
def test_a_folder_that_is_missing(component: str) -> None:
    outcome = outcome_of(run_model, ModelCase("missing", component))
    assert outcome.kind == OURS and f"'{component}'" in outcome.detail


@pytest.mark.parametrize(
    "how, task, odd, message",
    [
        ("in", "ner", None, "Expected 13 scores of the task 'ner'.*with 9"),
        ("out", "tagger", None, "Expected 1 scores of the task 'tagger'.*with 2"),
        ("in", "mood", None, "Expected 3 scores of the task 'mood'.*with 2"),
        ("odd", "ner", "PER", "each task's labels, all different strings"),
        ("odd", "ner", ["PER", "PER"], "each task's labels, all different strings"),
        ("odd", "ner", [1, 2], "each task's labels, all different strings"),
        ("odd", "nobody", ["A"], "to have the tasks of the config .*, got .*nobody"),
    ],
)
def test_another_label_set(tmp_path: Path, how: str, task: str, odd: object, message: str) -> None:
    shutil.copytree(saved_model(), tmp_path / "model")
    damage(tmp_path / "model", ModelCase("labels", "multitask/cfg", (how, task, odd)))
    with pytest.raises(MTLError, match=message):
        spacy.load(tmp_path / "model")


@pytest.mark.parametrize("how", ["in", "out"])
def test_a_task_without_a_head_or_a_head_without_task(tmp_path: Path, how: str) -> None:
    shutil.copytree(saved_model(), tmp_path / "model")
    damage(tmp_path / "model", ModelCase("tasks", "config.cfg", (how, "topic", None)))
    with pytest.raises(MTLError, match="to have the tasks of the config .*Load it with the config"):
        spacy.load(tmp_path / "model")


def test_another_width(tmp_path: Path) -> None:
    overrides = {"components.multitask.model.tok2vec.width": 16}
    with pytest.raises(MTLError, match="'model' of the saved component 'multitask'.*from 16 to 8"):
        spacy.load(saved_model(), config=overrides)


def test_another_version_of_spacy_is_told_of(tmp_path: Path) -> None:
    shutil.copytree(saved_model(), tmp_path / "model")
    damage(tmp_path / "model", ModelCase("version", "meta.json", ">=3.0.0,<3.1.0"))
    with pytest.warns(UserWarning, match="W095"):
        spacy.load(tmp_path / "model")


def test_a_missing_state_of_the_balancer_is_told_of(tmp_path: Path) -> None:
    shutil.copytree(saved_model(), tmp_path / "model")
    damage(tmp_path / "model", ModelCase("missing", "multitask/balancer"))
    with pytest.warns(UserWarning, match="'multitask' has no state of its balancer"):
        nlp = spacy.load(tmp_path / "model")
    assert multitask(nlp).balancer.state()["update"] == 0
