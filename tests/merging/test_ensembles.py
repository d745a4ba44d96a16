from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.helpers import (
    TASKS,
    TEXTS,
    annotations,
    make_examples,
    make_nlp,
    multitask,
    step,
    trained,
)
from pipeline.test_topologies import make
from pipeline.test_trees import examples_of
from spacy.language import Language

from spacy_mtl.errors import MTLError
from spacy_mtl.merging.ensembles import ensemble
from spacy_mtl.tasks.arcs import HEAD_FINDERS
from spacy_mtl.tasks.scored import ScoredTask

NAMES = ("tagger", "things", "sentiment", "topic")


def member(seed: int, tasks: Any = NAMES, steps: int = 10) -> Language:
    return trained(make_nlp(tasks), steps, seed=seed)


@pytest.fixture
def members() -> dict[str, Language]:
    return {f"seed {seed}": member(seed) for seed in (0, 1, 2)}


def test_scores_are_the_mean(members: dict[str, Language], tmp_path: Any) -> None:
    scores = []
    for nlp in members.values():
        docs = [nlp.tokenizer(text) for text in TEXTS]
        tok2vec: Any = nlp.get_pipe("tok2vec")
        tok2vec.set_annotations(docs, tok2vec.predict(docs))
        scores.append({n: s for n, (s, _) in multitask(nlp).task_scores(docs).items()})
    nlp = ensemble(members)
    assert nlp.pipe_names == ["multitask"]
    nlp.to_disk(tmp_path / "ensemble")
    for each in (nlp, spacy.load(tmp_path / "ensemble")):
        docs = [each.tokenizer(text) for text in TEXTS]
        found = multitask(each).task_scores(docs)
        for name in NAMES:
            expected = np.mean([own[name] for own in scores], axis=0)
            np.testing.assert_allclose(found[name][0], expected, rtol=1e-3, atol=1e-4)


def test_probabilities_are_a_normalized_geometric_mean(members: dict[str, Language]) -> None:
    cats = [nlp(TEXTS[0]).cats for nlp in members.values()]
    found = ensemble(members)(TEXTS[0]).cats
    means = {
        key: np.exp(np.mean([np.log(own[key]) for own in cats]))
        for key in found
        if key.startswith("sentiment")
    }
    for key, mean in means.items():
        assert found[key] == pytest.approx(mean / sum(means.values()), abs=1e-3)


def test_labels_in_another_order() -> None:
    one, other = member(0, ["tagger"]), make_nlp(["tagger"])
    labels = list(reversed(multitask(one).labels_for("tagger")))
    other.config["initialize"]["components"]["multitask"] = {"labels": {"tagger": labels}}
    trained(other, 10, seed=0)
    assert list(multitask(other).labels_for("tagger")) == labels
    nlp = ensemble({"one": other, "other": other})
    assert annotations(nlp) == annotations(other)
    mixed = ensemble({"one": member(0, ["tagger"]), "other": other})
    assert {t.tag_ for doc in mixed.pipe(TEXTS) for t in doc} <= set(labels)


def stacked(seed: int, labels: Any = None) -> Language:
    tasks = {name: TASKS[name] for name in ("ner", "sentiment", "tagger", "topic")}
    nlp = make("stacked", tasks)
    if labels is not None:
        nlp.config["initialize"]["components"]["multitask"] = {"labels": {"tagger": labels}}
    return trained(nlp, 8, seed=seed)


def test_members_that_see_labels_in_another_order() -> None:
    one = stacked(0)
    other = stacked(1, list(reversed(multitask(one).labels_for("tagger"))))
    nlp = ensemble({"one": one, "other": other})
    cats = [member(TEXTS[0]).cats for member in (one, other)]
    means = {key: np.sqrt(cats[0][key] * cats[1][key]) for key in cats[0] if "sentiment" in key}
    found = nlp(TEXTS[0]).cats
    for key, mean in means.items():
        assert found[key] == pytest.approx(mean / sum(means.values()), abs=1e-3)
    multitask(nlp).add_label("tagger:NEW")
    assert nlp(TEXTS[0]).cats == pytest.approx(found, abs=1e-2)


def test_thresholds_of_a_member_are_not_taken_over() -> None:
    one, other = member(0, ["topic"], 1), member(1, ["topic"], 1)
    multitask(one).tasks["topic"].label_thresholds = {"topic=food": 0.9}  # type: ignore[attr-defined]
    found: Any = multitask(ensemble({"one": one, "other": other})).tasks["topic"]
    assert found.label_thresholds["topic=food"] == 0.5


def test_it_can_be_used_as_any_other(members: dict[str, Language]) -> None:
    nlp = ensemble(members)
    assert nlp.evaluate(make_examples(nlp))["tag_acc"] > 0.3
    multitask(nlp).active_tasks = ["tagger"]
    assert not nlp(TEXTS[0]).cats
    assert annotations(nlp, n_process=2, batch_size=3)[0]["tag"] == annotations(nlp)[0]["tag"]


def test_it_is_not_trained(members: dict[str, Language]) -> None:
    nlp = ensemble(members)
    with pytest.raises(MTLError, match="Expected an ensemble to predict, got a training"):
        nlp.update(make_examples(nlp))


def test_what_is_no_ensemble() -> None:
    tags = member(0, ["tagger"], 1)
    with pytest.raises(MTLError, match="Expected pipelines of the same tasks, got tagger in one"):
        ensemble({"one": tags, "other": member(0, ["topic"], 1)})
    stock = spacy.blank("en")
    stock.add_pipe("sentencizer")
    with pytest.raises(MTLError, match="one component 'multitask'"):
        ensemble({"one": tags, "other": stock})
    helping = trained(make_nlp(["tagger", "topic"], auxiliary=["topic"]), 1)
    with pytest.raises(
        MTLError, match="auxiliary tasks in all pipelines, got none in one and topic"
    ):
        ensemble({"one": member(0, ["tagger", "topic"], 1), "other": helping})
    more = member(0, ["tagger"], 1)
    multitask(more).add_label("tagger:NEW")
    with pytest.raises(MTLError, match="Expected the same labels of 'tagger'.*NEW"):
        ensemble({"one": member(0, ["tagger"], 1), "other": more})
    hidden = member(0, {"tagger": {**TASKS["tagger"], "hidden_width": 8}}, 1)
    said = "of the task 'tagger' in all pipelines, got hidden_width = 0 in one, hidden_width = 8 in"
    with pytest.raises(MTLError, match=said):
        ensemble({"one": member(0, ["tagger"], 1), "other": hidden})
    pos = member(0, {"tagger": TASKS["pos"]}, 1)
    with pytest.raises(MTLError, match='got attr = "TAG" in one, attr = "POS" in other'):
        ensemble({"one": member(0, ["tagger"], 1), "other": pos})


def test_tasks_whose_scores_cannot_be_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScoredTask, "in_ensemble", None)
    with pytest.raises(MTLError, match="whose scores can be averaged, got 'tagger'"):
        ensemble({name: member(0, ["tagger"], 1) for name in ("one", "other")})


def test_every_kind_of_task_of_equal_members() -> None:
    """They decide what each of them does, with every head."""
    one = member(0, TASKS, 20)
    nlp = ensemble({"one": one, "other": one})
    assert annotations(nlp) == annotations(one)


def values(nlp: Language) -> list[float]:
    return [doc._.values["stars"] for doc in nlp.pipe(TEXTS)]


def test_values_are_the_mean() -> None:
    """Of members that have seen other values."""
    rating = {"@mtl_tasks": "spacy_mtl.Regression.v1", "keys": ["stars"], "ngram_rows": 64}
    members = {}
    for factor in (1.0, 10.0):
        nlp = make_nlp({"rating": rating})
        examples = make_examples(nlp, ())
        for number, example in enumerate(examples):
            example.reference.cats = {"stars": factor * (number % 4) + 3}
        optimizer = nlp.initialize(lambda given=examples: given)
        for _ in range(5):
            step(nlp, optimizer, examples)
        members[f"up to {factor * 3}"] = nlp
    each = [values(nlp) for nlp in members.values()]
    assert np.std(each[0]) > 0
    np.testing.assert_allclose(values(ensemble(members)), np.mean(each, axis=0), rtol=1e-4)


@pytest.mark.parametrize("decoder", sorted(HEAD_FINDERS))
def test_parses_are_those_of_mean_scores(decoder: str, read_treebank: Any) -> None:
    members = {}
    for seed in (0, 1, 2):
        nlp = make_nlp({"parser": {"@mtl_tasks": "spacy_mtl.Parser.v1", "decoder": decoder}})
        bank = read_treebank(nlp.vocab)
        spacy.util.fix_random_seed(seed)
        examples = examples_of(nlp, bank.train)
        optimizer = nlp.initialize(lambda given=examples: given)
        optimizer.learn_rate = 0.01
        for _ in range(12):
            nlp.update(examples_of(nlp, bank.train), sgd=optimizer)
        members[f"seed {seed}"] = nlp
    together = ensemble(members)
    las = [
        each.evaluate(examples_of(each, bank.train))["dep_las"]
        for each in (together, *members.values())
    ]
    assert las[0] > np.mean(las[1:])
    one = members["seed 0"]
    same = ensemble({"one": one, "other": one})
    texts = [doc.text for doc in bank.dev]
    expected, found = ([doc.to_json() for doc in nlp.pipe(texts)] for nlp in (one, same))
    assert found == expected
