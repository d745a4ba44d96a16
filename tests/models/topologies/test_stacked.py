from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.helpers import TASKS, TEXTS, make_examples, multitask, randomize_heads, trained
from pipeline.test_topologies import TOPOLOGIES, make

from spacy_mtl.errors import MTLError
from spacy_mtl.models.shown import DOCUMENT, SIGMOID, SOFTMAX, TOKEN, probabilities
from spacy_mtl.models.topologies.base import head_of, represent

NO_OPTIMIZER: Any = False


def test_begins_as_layers_on_the_encoder() -> None:
    nlp = make("stacked-flat")
    nlp.initialize(lambda: make_examples(nlp))
    model = multitask(nlp).model
    docs = [example.predicted for example in make_examples(nlp)]
    found = represent(model, docs, list(multitask(nlp).tasks), False)
    X = np.concatenate(model.get_ref("tok2vec").predict(docs))
    for packed in found.packed.values():
        np.testing.assert_array_equal(packed.X, X)


def test_what_a_task_sees() -> None:
    """The probabilities of each token's tags times the embedding, and of the document's class."""
    nlp = trained(make("stacked-flat"), 10)
    model = multitask(nlp).model
    docs = list(nlp.pipe(TEXTS))
    found = represent(model, docs, ["tagger", "topic"], False)
    below = found.packed["tagger"]
    xp: Any = np
    tags, _ = probabilities(head_of(model, "tagger").predict(below), SOFTMAX, xp)
    ner = below.X + tags @ model.get_ref("labels_tagger_ner").get_param("E")
    spans, _ = probabilities(found.ran["ner"].scores, SOFTMAX, xp)
    sentiment = ner + tags @ model.get_ref("labels_tagger_sentiment").get_param("E")
    sentiment = sentiment + spans @ model.get_ref("labels_ner_sentiment").get_param("E")
    classes, _ = probabilities(found.ran["sentiment"].scores, SOFTMAX, xp)
    of_class = classes @ model.get_ref("labels_sentiment_topic").get_param("E")
    expected = sentiment + np.repeat(of_class, below.lengths, axis=0)
    np.testing.assert_allclose(found.packed["topic"].X, expected, rtol=1e-4, atol=1e-5)


def test_a_stopped_gradient_leaves_the_heads_below_alone() -> None:
    for name, through in (("stacked-flat", False), ("stacked", True)):
        nlp = trained(make(name), 3)
        randomize_heads(nlp)
        component = multitask(nlp)
        component.active_tasks = ["tagger", "ner"]
        nlp.update(make_examples(nlp, ["ner"]), sgd=NO_OPTIMIZER)
        assert component.stepping == ({"ner", "tagger"} if through else {"ner"})


def test_a_task_that_is_stopped_is_seen_and_does_not_move() -> None:
    nlp = trained(make("stacked"), 6)
    component = multitask(nlp)
    component.stopped_tasks = {"tagger"}
    before = head_of(component.model, "tagger").to_bytes()
    optimizer = nlp.resume_training()
    nlp.update(make_examples(nlp), sgd=optimizer)
    assert head_of(component.model, "tagger").to_bytes() == before


def test_tasks_that_are_absent_are_not_seen() -> None:
    nlp = make("stacked", {"topic": TASKS["topic"]}, absent=["ner", "sentiment", "tagger"])
    trained(nlp, 3)
    assert list(nlp.pipe(TEXTS))
    assert not multitask(nlp).model.has_ref("labels_sentiment_topic")
    assert not multitask(nlp).model.has_ref("layer_topic")  # which nothing would run


def test_training_begins_anew() -> None:
    nlp = trained(make("stacked"), 6)
    labels = multitask(nlp).model.get_ref("labels_tagger_ner")
    assert labels.get_param("E").any()
    nlp.initialize(lambda: make_examples(nlp))
    assert not multitask(nlp).model.get_ref("labels_tagger_ner").get_param("E").any()


def test_a_name_that_stands_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = {**TOPOLOGIES["stacked"], "sees": {"ner": ["tagger", "tagger"]}}
    monkeypatch.setitem(TOPOLOGIES, "twice", twice)
    assert multitask(make("twice")).model.attrs["stands"] == {"ner": ["tagger"]}


def test_circles(monkeypatch: pytest.MonkeyPatch) -> None:
    circle = {**TOPOLOGIES["stacked"], "sees": {"ner": ["tagger"], "tagger": ["topic", "ner"]}}
    monkeypatch.setitem(TOPOLOGIES, "circle", circle)
    with pytest.raises(MTLError, match="ner -> tagger -> ner. Take one"):
        make("circle")


def test_a_task_that_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {**TOPOLOGIES["stacked"], "sees": {"tagger": ["phrases"]}}
    monkeypatch.setitem(TOPOLOGIES, "spans", seen)
    nlp = make("spans", {name: TASKS[name] for name in ("phrases", "tagger")})
    with pytest.raises(MTLError, match="Expected a task that shows the probabilities"):
        nlp.initialize(lambda: make_examples(nlp))


def test_documents_of_one_token_and_of_none() -> None:
    """As many documents as tokens: what is of which is not told by their number."""
    nlp = trained(make("stacked"), 6)
    together = list(nlp.pipe(["Ana loves", "", "Rio"]))
    for doc in together:
        assert doc.cats == pytest.approx(nlp(doc.text).cats, abs=1e-5)


@pytest.mark.parametrize("kind", [SOFTMAX, SIGMOID])
def test_gradients_of_probabilities(kind: str) -> None:
    rng = np.random.default_rng(0)
    scores, dP = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    xp: Any = np
    _, backprop = probabilities(scores, kind, xp)
    found = backprop(dP)
    for place in np.ndindex(scores.shape):
        step = np.zeros_like(scores)
        step[place] = 1e-6
        sides = [(probabilities(scores + s * step, kind, xp)[0] * dP).sum() for s in (1, -1)]
        assert found[place] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-6)


def test_what_tasks_show() -> None:
    nlp = make("stacked", {name: TASKS[name] for name in ("ner", "sentiment", "tagger", "topic")})
    shown = {name: task.shows for name, task in multitask(nlp).tasks.items()}
    assert shown == {
        "ner": (TOKEN, SOFTMAX),
        "tagger": (TOKEN, SOFTMAX),
        "sentiment": (DOCUMENT, SOFTMAX),
        "topic": (DOCUMENT, SIGMOID),
    }


def test_another_setting_at_load(tmp_path: Path) -> None:
    nlp = trained(make("stacked"), 2)
    randomize_heads(nlp)
    nlp.to_disk(tmp_path)
    change = {"components": {"multitask": {"model": {"stop_gradient": True}}}}
    loaded = spacy.load(tmp_path, config=change)
    multitask(loaded).active_tasks = ["tagger", "ner"]
    loaded.update(make_examples(loaded, ["ner"]), sgd=NO_OPTIMIZER)
    assert multitask(loaded).stepping == {"ner"}
