"""What an update reports."""

from typing import Any

import pytest
from spacy.tokens import Doc
from spacy.training import Example

from .helpers import LAYERS, SENTENCES, make_examples, make_nlp, multitask, train, trained

KEYS = {"multitask"} | {f"multitask_{name}" for name in LAYERS}


def update(nlp: Any, examples: list[Example], losses: dict[str, float]) -> dict[str, float]:
    """One update of the component alone, its gradients left unused."""
    encoder = nlp.get_pipe("tok2vec")
    encoder.update(examples, losses={})
    return multitask(nlp).update(examples, losses=losses)


def test_an_update_with_only_empty_documents_sets_every_key():
    nlp = trained(make_nlp(), 1)
    empty = [Example(nlp.make_doc(""), Doc(nlp.vocab)) for _ in range(2)]
    losses: dict[str, float] = {}
    no_sgd: Any = False
    nlp.update(empty, sgd=no_sgd, losses=losses)
    assert set(losses) >= KEYS
    assert {losses[key] for key in KEYS} == {0.0}


def test_no_examples_at_all():
    nlp = trained(make_nlp(), 1)
    assert set(multitask(nlp).update([])) == KEYS


@pytest.mark.parametrize("loss_unit", ["sum", "mean", "sqrt"])
def test_a_loss_is_the_mean_per_labelled_unit(loss_unit):
    nlp = trained(make_nlp(loss_unit=loss_unit), 3)
    examples, component = make_examples(nlp), multitask(nlp)
    losses = update(nlp, examples, {})
    represented = component.model.get_ref("tok2vec").predict([eg.predicted for eg in examples])
    assert len(represented) == len(SENTENCES)
    n_units = {
        name: task.targets(examples, component.model.ops).n_units
        for name, task in component.tasks.items()
    }
    lengths = [len(text.split()) for text, *_ in SENTENCES]
    n_tokens = sum(lengths)
    assert n_units == {
        "tagger": n_tokens,
        "pos": n_tokens,
        "morph": n_tokens,
        "lemma": n_tokens,
        "ner": n_tokens,
        "things": n_tokens,
        "phrases": sum(min(n, 4) * (2 * n + 1 - min(n, 4)) // 2 for n in lengths),  # n-grams
        "sentiment": 6,
        "topic": 18,
    }
    # At the beginning, all heads are zero and every class is as probable as any other.
    fresh = trained(make_nlp(["tagger", "sentiment"], loss_unit=loss_unit), 0)
    losses = update(fresh, make_examples(fresh), {})
    assert losses["multitask_tagger"] == pytest.approx(1.791759, abs=1e-4)  # log 6
    assert losses["multitask_sentiment"] == pytest.approx(0.693147, abs=1e-4)  # log 2
    assert losses["multitask"] == pytest.approx(1.791759 + 0.693147, abs=1e-4)


def test_the_total_is_weighted():
    balancer = {
        "@mtl_balancers": "spacy_mtl.FixedWeights.v1",
        "weights": {"tagger": 2.0, "sentiment": 0.5},
    }
    nlp = trained(make_nlp(["tagger", "sentiment"], balancer=balancer), 0)
    losses = update(nlp, make_examples(nlp), {})
    assert losses["multitask_tagger"] == pytest.approx(1.791759, abs=1e-4)
    assert losses["multitask"] == pytest.approx(2 * 1.791759 + 0.5 * 0.693147, abs=1e-4)


def test_losses_are_running_means_until_the_dict_is_new():
    nlp = trained(make_nlp(["tagger", "ner"]), 4)
    one, two = make_examples(nlp)[:1], make_examples(nlp)[1:4]
    first = update(nlp, one, {})["multitask_tagger"]
    second = update(nlp, two, {})["multitask_tagger"]
    assert first != second
    running: dict[str, float] = {}
    update(nlp, one, running)
    update(nlp, two, running)
    n_one, n_two = (sum(len(eg) for eg in part) for part in (one, two))
    expected = (n_one * first + n_two * second) / (n_one + n_two)
    assert running["multitask_tagger"] == pytest.approx(expected, rel=1e-5)
    assert update(nlp, one, {})["multitask_tagger"] == pytest.approx(first, rel=1e-5)


def test_an_absent_task_keeps_its_loss_in_the_dict():
    nlp = trained(make_nlp(["tagger", "ner"]), 2)
    losses = dict(update(nlp, make_examples(nlp), {}))
    assert losses["multitask_ner"] > 0
    running: dict[str, float] = {}
    update(nlp, make_examples(nlp), running)
    update(nlp, make_examples(nlp, ["tagger"]), running)
    assert running["multitask_ner"] == pytest.approx(losses["multitask_ner"], rel=1e-5)
    alone = update(nlp, make_examples(nlp, ["tagger"]), {})
    assert alone["multitask_ner"] == 0.0
    assert alone["multitask"] == pytest.approx(alone["multitask_tagger"])


def test_losses_go_down():
    nlp = trained(make_nlp(), 0)
    first, last = train(nlp, 1), train(nlp, 30)
    for name in LAYERS:
        assert last[f"multitask_{name}"] < 0.5 * first[f"multitask_{name}"]


def test_losses_bear_the_components_present_name():
    nlp = trained(make_nlp(["ner"]), 1)
    multitask(nlp).name = "other"
    assert set(update(nlp, make_examples(nlp), {})) == {"other", "other_ner"}


def test_two_components_report_apart():
    nlp = make_nlp(["tagger"])
    settings = nlp.get_pipe_config("multitask")
    tasks = {"ner": {"@mtl_tasks": "spacy_mtl.NER.v1"}}
    nlp.add_pipe("multitask", name="second", config={"model": settings["model"], "tasks": tasks})
    trained(nlp, 0)
    losses: dict[str, float] = {}
    nlp.update(make_examples(nlp), losses=losses)
    assert {"multitask", "multitask_tagger", "second", "second_ner"} <= set(losses)
