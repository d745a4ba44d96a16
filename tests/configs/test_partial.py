"""What stays of a config for a part of the tasks."""

from typing import Any

import pytest
import spacy
from pipeline.foreign import STACKED, TWO
from pipeline.helpers import TASKS, multitask

from spacy_mtl.configs.partial import block_of, by_task, place_of, upstreams

NAMES = ("tagger", "ner", "sentiment")


def component(model: dict[str, Any]) -> Any:
    nlp = spacy.blank("en")
    tasks = {name: TASKS[name] for name in NAMES}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    return multitask(nlp), nlp.config["components"]["multitask"]


def test_what_is_by_task_is_for_these_alone() -> None:
    block = {"tasks": {"ner": {"x": {"tagger": 1}}, "tagger": {}}, "n": 1, "labels": {"a": 1}}
    assert by_task(block, NAMES, ["ner"]) == {
        "tasks": {"ner": {"x": {}}},
        "n": 1,
        "labels": {"a": 1},
    }


@pytest.mark.parametrize(
    ("model", "kept", "absent"),
    [
        (TWO, ["tagger"], ["ner"]),
        (TWO, ["ner"], []),
        (STACKED, ["sentiment"], ["ner", "tagger"]),
        (STACKED, ["tagger"], ["ner"]),
    ],
)
def test_the_names_that_the_topology_keeps(
    model: dict[str, Any], kept: list[str], absent: list[str]
) -> None:
    pipe, block = component(model)
    found = block_of(block, pipe, kept)
    assert list(found["tasks"]) == kept and found["absent"] == absent
    del found["factory"]
    spacy.blank("en").add_pipe("multitask", config=found)
    assert list(block["tasks"]) == list(NAMES) and block["absent"] == []


def test_what_was_absent_before_stays_so() -> None:
    pipe, block = component(TWO)
    assert block_of({**block, "absent": ["pos"]}, pipe, ["tagger"])["absent"] == ["pos", "ner"]


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("multitask.ner.output.b", ("multitask", "ner")),
        ("'multitask.ner'", ("multitask", "ner")),
        ("tok2vec", ("tok2vec", "")),
        ("*.b", ("*", "b")),
    ],
)
def test_places_of_patterns(pattern: str, place: tuple[str, str]) -> None:
    assert place_of(pattern) == place


def test_upstreams() -> None:
    block = {"tok2vec": {"upstream": "a"}, "more": {"x": {"upstream": "*"}}, "n": 3}
    assert list(upstreams(block)) == ["a", "*"]
