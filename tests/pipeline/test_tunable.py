"""Thresholds of tasks in `cfg`, and spaCy's command that looks for the best one."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.cli.find_threshold import find_threshold
from spacy.training import Corpus

from spacy_mtl.errors import MTLError

from .helpers import LAYERS, make_examples, make_nlp, multitask, write_corpus

TOPIC = {"tasks": dict.fromkeys(("phrases", "sentiment", "topic"), {"threshold": 0.5})}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline whose class scores are all over the place, and documents."""
    folder = tmp_path_factory.mktemp("thresholds")
    nlp = make_nlp(["sentiment", "topic"], name="shared")
    nlp.initialize(lambda: make_examples(nlp))
    component: Any = nlp.get_pipe("shared")
    generator = np.random.default_rng(0)
    for task in ("sentiment", "topic"):
        for node in component.model.get_ref(f"head:{task}").walk():
            for param in node.param_names:
                node.set_param(
                    param, generator.normal(size=node.get_param(param).shape).astype("f")
                )
    nlp.to_disk(folder / "model")
    write_corpus(folder / "dev.spacy", nlp, LAYERS)
    return folder


@pytest.mark.parametrize(
    ("task", "score", "varies"),
    [
        ("topic", "topic_micro_f", True),
        ("sentiment", "cats_score", False),  # exclusive: the best class, whatever its score
    ],
)
def test_each_row_is_the_evaluation_with_that_threshold(saved, task, score, varies):
    key = f"tasks.{task}.threshold"
    model, dev = str(saved / "model"), saved / "dev.spacy"
    _, _, found = find_threshold(model, dev, "shared", key, score, n_trials=3)
    assert len(found) == 3 and (len(set(found.values())) > 1) == varies
    for threshold, value in found.items():
        nlp = spacy.load(model, config={f"components.shared.{key}": float(threshold)})
        assert nlp.evaluate(list(Corpus(dev)(nlp)))[score] == value


def test_thresholds_are_read_and_set():
    component = multitask(make_nlp())
    assert component.cfg == TOPIC
    component.cfg["tasks"]["topic"]["threshold"] = 0.9
    assert component.cfg == TOPIC
    component.cfg = {"tasks": {"topic": {"threshold": 0.9}}}
    assert component.cfg["tasks"] == TOPIC["tasks"] | {"topic": {"threshold": 0.9}}
    assert component.tasks["topic"].threshold == 0.9
    copied = copy.deepcopy(component)
    copied.cfg = TOPIC
    assert component.tasks["topic"].threshold == 0.9
    assert multitask(make_nlp(["ner"])).cfg == {"tasks": {}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tasks": {"ner": {"threshold": 0.5}}}, r"tasks\.topic\.threshold.*got tasks\.ner"),
        ({"tasks": {"topic": {"exclusive": True}}}, r"got tasks\.topic\.exclusive"),
        ({"threshold": 0.5}, "got threshold"),
        ({"tasks": {"topic": {"threshold": 1.5}}}, "between 0 and 1, got 1.5"),
        ({"tasks": {"topic": {"threshold": None}}}, "between 0 and 1, got None"),
    ],
)
def test_what_cannot_be_set(settings, message):
    component = multitask(make_nlp())
    with pytest.raises(MTLError, match=message):
        component.cfg = settings
    assert component.cfg == TOPIC


def test_thresholds_of_labels_are_set_aside_by_one_for_all(saved, tmp_path):
    nlp = spacy.load(saved / "model")
    nlp.get_pipe("shared").tasks["topic"].label_thresholds = {"topic=food": 1.0, "topic=rail": 0.0}
    nlp.to_disk(tmp_path / "model")
    examples = list(Corpus(saved / "dev.spacy")(nlp))
    model, key = str(tmp_path / "model"), "tasks.topic.threshold"
    own = spacy.load(model).evaluate(examples)["topic_micro_f"]
    assert own == nlp.evaluate(examples)["topic_micro_f"]
    found = [
        find_threshold(str(each), saved / "dev.spacy", "shared", key, "topic_micro_f", n_trials=3)
        for each in (model, saved / "model")
    ]
    assert found[0] == found[1] and own not in found[0][2].values()
    changed = spacy.load(model, config={f"components.shared.{key}": 0.4})
    assert set(changed.get_pipe("shared").tasks["topic"].label_thresholds.values()) == {0.4}


def test_thresholds_of_labels_are_kept_and_go_with_a_new_training(saved):
    nlp = spacy.load(saved / "model")
    task = nlp.get_pipe("shared").tasks["topic"]
    task.label_thresholds = {"topic=food": 0.1 + 0.2}
    copied = spacy.load(saved / "model").from_bytes(nlp.to_bytes())
    assert copied.get_pipe("shared").tasks["topic"].label_thresholds == task.label_thresholds
    assert copied.to_bytes() == nlp.to_bytes()
    nlp.get_pipe("shared").add_label("topic:topic=new")
    assert task.label_thresholds["topic=new"] == 0.5
    assert task.label_thresholds["topic=food"] == 0.1 + 0.2
    nlp.initialize(lambda: make_examples(nlp))
    assert set(task.label_thresholds.values()) == {0.5}
