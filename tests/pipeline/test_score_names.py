"""Which score is of which task."""

import pytest

from pipeline.foreign import Count
from pipeline.helpers import make_examples, make_nlp, multitask, trained
from spacy_mtl.errors import MTLError
from spacy_mtl.pipeline.score_names import (
    RESERVED,
    check_component_score,
    check_name,
    component_score,
    main_name,
    named_owner,
    own_name,
    score_owner,
    standard_owners,
)
from spacy_mtl.tasks.base import Task

NAMES = ("tagger", "ner", "things", "sentiment", "topic")


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    count = Count("ner")
    count.name = "count"
    return {**multitask(make_nlp(NAMES)).tasks, "count": count}


def test_every_score_of_a_component_has_its_owner() -> None:
    nlp = trained(make_nlp(NAMES), steps=1)
    tasks = multitask(nlp).tasks
    scores = multitask(nlp).score(list(make_examples(nlp)))
    for name, task in tasks.items():
        own = {own_name(task, key) for key in task.score(make_examples(nlp))}
        assert own <= set(scores)
        assert {score_owner(key, tasks) for key in own} == {name}
        assert main_name(task) in own
    assert {key for key in scores if score_owner(key, tasks) is None} == set()


@pytest.mark.parametrize(
    ("score", "owner"),
    [
        ("ner_f", "ner"),
        ("ents_per_type", "ner"),
        ("spans_things_f", "things"),
        ("tag_acc", "tagger"),
        ("cats_score", "sentiment"),
        ("topic_score", "topic"),
        ("count_score", "count"),
        ("speed", None),
        ("token_acc", None),
    ],
)
def test_owners(tasks: dict[str, Task], score: str, owner: str | None) -> None:
    assert score_owner(score, tasks) == owner


def test_the_longer_name_counts(tasks: dict[str, Task]) -> None:
    assert named_owner("ner_old_f", ["ner", "ner_old", "ne"]) == "ner_old"
    assert named_owner("nerf", ["ner"]) is None


def test_a_standard_name_of_several(tasks: dict[str, Task]) -> None:
    assert standard_owners("cats_macro_auc", tasks)[:2] == ["sentiment", "topic"]
    assert standard_owners("count_score", tasks) == ["count"]


def test_names_that_spacys_scores_begin_with(tasks: dict[str, Task]) -> None:
    assert {"ents", "cats", "speed"} <= RESERVED
    check_name("ents", tasks["ner"])  # which has these scores itself
    with pytest.raises(MTLError, match="got 'cats'. Rename it, to 'cats_task'"):
        check_name("cats", tasks["ner"])


def test_the_score_of_a_component_is_of_no_task(tasks: dict[str, Task]) -> None:
    assert component_score("multitask") == "multitask_score"
    assert score_owner("multitask_score", tasks) is None
    check_component_score("multitask", tasks)
    for name in ("ner", "ner_of", "cats", "token"):
        with pytest.raises(MTLError, match="that no other score can have"):
            check_component_score(name, tasks)
