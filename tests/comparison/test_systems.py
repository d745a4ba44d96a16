"""What is left of a config when one task is left."""

import copy
from typing import Any

import pytest
import spacy
from thinc.api import Config

from spacy_mtl.comparison.plan import Plan
from spacy_mtl.comparison.systems import (
    at_fraction,
    check_comparable,
    plain,
    single_task,
    tasks_of,
    varied,
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


@pytest.mark.parametrize(
    ("change", "value"),
    [("training.dropout=0.5", 0.5), ("training.dropout=abc", "abc"), ("training.new=[1]", [1])],
)
def test_variants(config: Config, change: str, value: object) -> None:
    key = change.partition("=")[0].split(".")[1]
    assert varied(config, change)["training"][key] == value
    assert config["training"].get(key) != value


def test_what_is_the_same_as_a_setting_varies_with_it(config: Config) -> None:
    linked = config.copy()
    linked["components"]["multitask"]["loss_unit"] = "${paths.unit}"
    linked["paths"]["unit"] = "sum"
    found = plain(varied(linked, "paths.unit=mean"), 0)
    assert found["components"]["multitask"]["loss_unit"] == "mean"


@pytest.mark.parametrize("change", ["training.dropout", "nowhere.at.all=1", "dropout=1"])
def test_variants_of_nothing(config: Config, change: str) -> None:
    with pytest.raises(MTLError, match="a change of a setting"):
        varied(config, change)


@pytest.mark.parametrize("change", ["training.max_steps=0", "system.seed=3", "training.patience=5"])
def test_variants_of_what_is_the_same_for_all(config: Config, change: str) -> None:
    with pytest.raises(MTLError, match="the same for all systems"):
        varied(config, change)


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
