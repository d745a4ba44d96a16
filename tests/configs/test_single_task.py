"""What is left of a config when one task is left."""

import copy
from typing import Any

import pytest
import spacy
from pipeline.foreign import COUNT, STACKED
from thinc.api import Config

from spacy_mtl.comparison.plan import Plan
from spacy_mtl.configs.single_task import (
    at_fraction,
    check_comparable,
    needed_with,
    plain,
    single_task,
    tasks_of,
)
from spacy_mtl.errors import MTLError


def _single(plan: Plan, config: Config, task: str) -> dict[str, Any]:
    return single_task(plain(config, 0), plan.survey.nlp, task, plan.survey.without)


def test_one_task_its_scores_and_its_corpora(plan: Plan, config: Config) -> None:
    single = _single(plan, config, "ner")
    block = single["components"]["multitask"]
    assert list(block["tasks"]) == ["ner"]
    assert "balancer" not in block
    assert list(single["corpora"]["train"]["corpora"]) == ["others"]
    assert single["training"]["batcher"]["references"] == {"ner": 1.0}
    weights = single["training"]["score_weights"]
    assert {key: weight for key, weight in weights.items() if weight} == {"ents_f": 1.0}
    assert weights["tag_acc"] is None


def test_what_others_had_goes(plan: Plan, config: Config) -> None:
    changed = copy.deepcopy(plain(config, 0))
    changed["initialize"]["components"]["multitask"] = {
        "labels": {"tagger": ["NN"], "ner": ["PER"]}
    }
    changed["corpora"]["train"]["labels"] = {"some": {"tagger": ["NN"], "sentiment": ["pos"]}}
    single = single_task(changed, plan.survey.nlp, "tagger", plan.survey.without)
    assert single["initialize"]["components"]["multitask"]["labels"] == {"tagger": ["NN"]}
    assert single["corpora"]["train"]["labels"] == {"some": {"tagger": ["NN"]}}
    assert single["training"]["batcher"]["references"] == {}


def test_a_task_without_a_weight_is_chosen_by_its_main_score(plan: Plan, config: Config) -> None:
    changed = copy.deepcopy(plain(config, 0))
    changed["training"]["score_weights"] = {"tag_acc": 1.0, "ents_f": 0.0}
    single = single_task(changed, plan.survey.nlp, "ner", plan.survey.without)
    weights = single["training"]["score_weights"]
    assert {key: weight for key, weight in weights.items() if weight} == {"ner_f": 1.0}


def test_other_components_and_their_encoders_go(plan: Plan, config: Config) -> None:
    changed = copy.deepcopy(plain(config, 0))
    blocks = changed["components"]
    tasks = blocks["multitask"]["tasks"]
    blocks["tok2vec_2"] = copy.deepcopy(blocks["tok2vec"])
    blocks["second"] = copy.deepcopy(blocks["multitask"])
    blocks["second"]["tasks"] = {"ner": tasks.pop("ner")}
    blocks["second"]["model"]["tok2vec"]["upstream"] = "tok2vec_2"
    blocks["multitask"]["model"]["tok2vec"]["upstream"] = "tok2vec"
    changed["nlp"]["pipeline"] = ["tok2vec", "multitask", "tok2vec_2", "second"]
    nlp = spacy.util.load_model_from_config(Config(changed), auto_fill=True)
    assert {task: place for task, (place, _) in tasks_of(nlp).items()} == {
        "tagger": "multitask",
        "sentiment": "multitask",
        "ner": "second",
    }
    single = single_task(changed, nlp, "ner", {})
    assert single["nlp"]["pipeline"] == ["tok2vec_2", "second"]
    assert sorted(single["components"]) == ["second", "tok2vec_2"]
    changed["training"]["optimizer"]["factors"] = {"multitask.*": 0.5, "second.ner": 0.1}
    single = single_task(changed, nlp, "ner", {})
    assert single["training"]["optimizer"]["factors"] == {"second.ner": 0.1}


def needing(config: Config, **model: Any) -> tuple[dict[str, Any], Any]:
    """A config in which the entities see the tags, and a task needs the entities."""
    changed = copy.deepcopy(plain(config, 0))
    block = changed["components"]["multitask"]
    block["model"] = {**STACKED, "tok2vec": block["model"]["tok2vec"], **model}
    block["tasks"]["count"] = COUNT
    return changed, spacy.util.load_model_from_config(Config(changed), auto_fill=True)


def test_what_a_task_needs_is_trained_with_it(plan: Plan, config: Config) -> None:
    changed, nlp = needing(config)
    mixture = changed["corpora"]["train"]
    mixture["labels"] = {"some": {"tagger": ["N"], "sentiment": ["x"]}}
    for task, others, corpora in (
        ("tagger", [], ["some"]),
        ("ner", ["tagger"], ["some", "others"]),
        ("count", ["tagger", "ner"], ["some", "others"]),
        ("sentiment", [], ["some"]),
    ):
        assert needed_with(nlp, task) == others
        without = {**plan.survey.without, "count": []}
        single = single_task(changed, nlp, task, without)
        block = single["components"]["multitask"]
        assert set(block["tasks"]) == {task, *others}
        assert list(single["corpora"]["train"]["corpora"]) == corpora
        own = {"sentiment": ["x"]} if task == "sentiment" else {"tagger": ["N"]}
        assert single["corpora"]["train"]["labels"]["some"] == own
        loaded = spacy.util.load_model_from_config(Config(single), auto_fill=True)
        assert set(loaded.get_pipe("multitask").tasks) == {task, *others}  # type: ignore[attr-defined]


def test_the_scores_of_what_it_needs_do_not_choose_the_checkpoint(config: Config) -> None:
    changed, nlp = needing(config)
    for task, chosen in (("ner", {"ents_f": 1.0}), ("count", {"count_count_score": 1.0})):
        weights = single_task(changed, nlp, task, {})["training"]["score_weights"]
        assert {key: weight for key, weight in weights.items() if weight} == chosen


def test_layers_and_tasks_that_are_gone_have_no_settings(plan: Plan, config: Config) -> None:
    changed = copy.deepcopy(plain(config, 0))
    training = changed["training"]
    training["optimizer"]["factors"] = {"multitask.ner": 0.5, "tok2vec.*": 0.1, "*.b": 2.0}
    training["before_update"]["layers"] = {"multitask.tagger": 1, '"multitask.ner.output"': 3}
    training["before_update"]["tasks"] = {"tagger": {"start": 1}, "ner": {"stop": 2}}
    single = single_task(changed, plan.survey.nlp, "ner", plan.survey.without)["training"]
    assert single["optimizer"]["factors"] == training["optimizer"]["factors"]
    assert single["before_update"]["layers"] == {'"multitask.ner.output"': 3}
    assert single["before_update"]["tasks"] == {"ner": {"stop": 2}}
    single = single_task(changed, plan.survey.nlp, "tagger", plan.survey.without)["training"]
    assert single["optimizer"]["factors"] == {"tok2vec.*": 0.1, "*.b": 2.0}


@pytest.mark.parametrize("setting", [{}, {"encoder": 3}])
def test_a_task_alone_is_not_stopped_by_a_patience_of_its_own(
    plan: Plan, config: Config, setting: dict[str, int]
) -> None:
    changed = copy.deepcopy(plain(config, 0))
    block = {"@callbacks": "spacy_mtl.unfreeze.v2", "patience": 9, **setting}
    changed["training"]["before_update"] = block
    single = single_task(changed, plan.survey.nlp, "ner", plan.survey.without)["training"]
    assert single["before_update"] == ({**block, "patience": None} if setting else None)


def test_too_few_tasks() -> None:
    with pytest.raises(MTLError, match="two tasks or more .*, got none"):
        tasks_of(spacy.blank("en"))


def test_fractions_are_taken_of_each_corpus(config: Config) -> None:
    part = at_fraction(plain(config, 3), 0.5, seed=3, steps=2, frequency=1)
    readers = part["corpora"]["train"]["corpora"]
    assert {name: (r["@readers"], r["fraction"], r["seed"]) for name, r in readers.items()} == {
        name: ("spacy_mtl.Subset.v1", 0.5, 3) for name in ("some", "others")
    }
    training = part["training"]
    assert (training["max_steps"], training["eval_frequency"], training["patience"]) == (2, 1, 0)
    whole = at_fraction(plain(config, 3), 1.0, seed=3, steps=4, frequency=2)
    assert whole["corpora"] == plain(config, 3)["corpora"]


def test_seeds_reach_what_follows_them(config: Config) -> None:
    linked = config.copy()
    linked["training"]["seed"] = "${system.seed}"
    linked["training"]["batcher"]["seed"] = "${training.seed}"
    found = plain(linked, 7)
    assert found["training"]["seed"] == found["training"]["batcher"]["seed"] == 7


def test_others_that_learn_from_the_encoder(plan: Plan, config: Config) -> None:
    changed = plain(config, 0)
    listener = changed["components"]["multitask"]["model"]["tok2vec"]
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
    changed["components"]["stock"] = {"factory": "tagger", "model": model}
    changed["nlp"]["pipeline"].append("stock")
    with pytest.raises(MTLError, match="got 'stock'"):
        check_comparable(changed, plan.survey.nlp)


def test_sourced_components(plan: Plan, config: Config) -> None:
    changed = plain(config, 0)
    changed["components"]["multitask"] = {"source": "other"}
    with pytest.raises(MTLError, match="from another pipeline"):
        check_comparable(changed, plan.survey.nlp)


def test_a_task_alone_does_not_speak_louder(plan: Plan, config: Config) -> None:
    changed = copy.deepcopy(plain(config, 0))
    changed["components"]["multitask"]["tasks"]["sentiment"]["encoder_gradient"] = 7.0
    for task, gradient in (("sentiment", 1.0), ("ner", None)):
        single = single_task(changed, plan.survey.nlp, task, plan.survey.without)
        block = single["components"]["multitask"]["tasks"][task]
        assert block.get("encoder_gradient") == gradient
