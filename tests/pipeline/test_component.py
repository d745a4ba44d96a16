"""What the component is made of, predicts and scores."""

import itertools
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import load_model_from_config
from thinc.api import Model

from spacy_mtl.balancing.fixed import FixedWeights
from spacy_mtl.errors import MTLError
from spacy_mtl.models.topologies.hard import HardSharing
from spacy_mtl.pipeline.component import MultiTask
from spacy_mtl.tasks.tagger import Tagger
from spacy_mtl.tasks.textcat import TextCat

from .helpers import (
    LAYERS,
    TASKS,
    TEXTS,
    annotation,
    annotations,
    head_bytes,
    make_examples,
    make_nlp,
    multitask,
    randomize_heads,
    run_spacy,
    step,
    train,
    trained,
)

MAIN_SCORES = {
    "tagger": "tagger_acc",
    "pos": "pos_acc",
    "morph": "morph_acc",
    "lemma": "lemma_acc",
    "ner": "ner_f",
    "things": "things_f",
    "phrases": "phrases_f",
    "sentiment": "sentiment_score",
    "topic": "topic_score",
}


def config_of(**settings: Any) -> dict[str, Any]:
    config: dict[str, Any] = make_nlp(["ner"]).config.copy()
    config["components"]["multitask"].update(settings)
    return config


@pytest.fixture(scope="module")
def learned() -> Language:
    return trained(make_nlp(), 40)


def test_all_tasks_learn_together(learned):
    expected = [annotation(example.reference) for example in make_examples(learned)]
    found = annotations(learned)
    for doc in found:
        doc["cats"] = {key: float(value > 0.5) for key, value in doc["cats"].items()}
    assert found == expected


def test_all_tasks_are_scored(learned):
    scores = learned.evaluate(make_examples(learned))
    assert {scores[key] for key in MAIN_SCORES.values()} == {1.0}
    spans = ("ents_f", "spans_things_f", "spans_phrases_f")
    for standard in ("tag_acc", "pos_acc", "morph_acc", "lemma_acc", *spans, "cats_score"):
        assert scores[standard] == 1.0


def test_standard_scores_are_those_of_the_first_of_a_kind(learned):
    examples = make_examples(learned)
    for example in examples:
        for key in ("topic=trip", "topic=rail", "topic=food"):
            example.reference.cats[key] = 1.0 - example.reference.cats[key]
    scores = learned.evaluate(examples)
    assert scores["cats_micro_f"] == scores["sentiment_micro_f"] == 1.0
    assert scores["topic_micro_f"] < 0.5


@pytest.mark.parametrize("layers", [[], *([layer] for layer in LAYERS)])
def test_a_task_has_scores_where_it_is_labelled(learned, layers):
    scores = learned.evaluate(make_examples(learned, layers))
    for layer, key in MAIN_SCORES.items():
        assert scores[key] == (1.0 if layer in layers else None)
        own = {k: v for k, v in scores.items() if k.startswith(f"{layer}_") and "desc" not in k}
        for name, value in own.items():
            assert (value is None) == (layer not in layers)
            assert value is None or isinstance(value, dict) == ("_per_" in name)
    assert all(isinstance(scores[key], str) for key in scores if key.endswith("_desc"))


def test_scores_are_there_at_all_evaluations_or_at_none():
    """Whatever an untrained pipeline or one of other weights predicts."""
    nlp = trained(make_nlp(), 0)
    examples = make_examples(nlp, ["ner", "topic"])
    found = []
    for seed in range(3):
        scores = nlp.evaluate(examples)
        found.append({key for key, value in scores.items() if value is None})
        randomize_heads(nlp, seed)
    assert found[0] == found[1] == found[2] and "tagger_acc" in found[0]
    history = multitask(nlp).history
    assert history.scores("tagger") == [] and history.at_evaluations("tagger") == [None] * 3
    assert len(history.scores("ner")) == 3
    state = history.state()
    history.clear()
    history.load_state(state)
    assert history.at_evaluations("tagger") == [None] * 3 and len(history) == 3


def test_evaluating_prints_what_is_not_labelled_as_missing(learned, tmp_path):
    learned.to_disk(tmp_path / "model")
    docs = [example.reference for example in make_examples(learned, ["ner"])]
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    result = run_spacy("evaluate", tmp_path / "model", tmp_path / "dev.spacy")
    rows = [line.split() for line in result.splitlines() if line.strip()]
    shown = {row[0]: row[-1] for row in rows}
    assert (shown["TAG"], shown["POS"], shown["MORPH"], shown["TEXTCAT"]) == ("-",) * 4
    assert ["NER", "F", "100.00"] in rows


@pytest.mark.parametrize("n", [1, 2, 3])
def test_any_subset_of_tasks_trains_and_predicts(n):
    for names in list(itertools.combinations(LAYERS, n))[:: 2 * n]:
        nlp = trained(make_nlp(names), 2)
        doc = nlp(TEXTS[0])
        assert bool(doc[0].tag_) == ("tagger" in names)
        assert bool(doc[0].pos_) == ("pos" in names)
        assert doc.has_annotation("MORPH") == ("morph" in names)
        assert doc.has_annotation("ENT_IOB") == ("ner" in names)
        assert ("things" in doc.spans) == ("things" in names)
        groups = {key.partition("=")[0] for key in doc.cats}
        assert groups == {"sentiment", "topic"} & set(names)


def test_training_is_deterministic():
    first, second = (trained(make_nlp(), 5).to_bytes() for _ in range(2))
    assert first == second
    assert trained(make_nlp(), 5, seed=1).to_bytes() != first


def test_the_order_of_tasks_in_the_config_is_immaterial():
    forwards = trained(make_nlp(LAYERS), 5)
    backwards = make_nlp(tuple(reversed(LAYERS)))
    assert list(multitask(backwards).tasks) == list(reversed(LAYERS))
    backwards.initialize(lambda: make_examples(backwards))
    backwards.from_bytes(forwards.to_bytes())
    assert annotations(backwards) == annotations(forwards)
    assert multitask(backwards).model.to_bytes() == multitask(forwards).model.to_bytes()
    assert head_bytes(trained(make_nlp(tuple(reversed(LAYERS))), 5)).keys() == set(LAYERS)


def test_two_tasks_for_one_attribute_are_refused():
    tasks = {"a": {"@mtl_tasks": "spacy_mtl.NER.v1"}, "b": {"@mtl_tasks": "spacy_mtl.NER.v1"}}
    with pytest.raises(MTLError, match="one task for doc.ents, got 'a' and 'b'.*by its settings"):
        make_nlp(tasks)
    tags = {"a": TASKS["tagger"], "b": TASKS["tagger"]}
    with pytest.raises(MTLError, match="one task for token.tag, got 'a' and 'b'"):
        make_nlp(tags)
    groups = {"a": TASKS["things"], "b": {**TASKS["things"], "crf": False}}
    with pytest.raises(MTLError, match="got 'a' and 'b'"):
        make_nlp(groups)


@pytest.mark.parametrize("task", [3, {"labels": []}])
def test_what_is_no_task_is_refused(task):
    with pytest.raises(MTLError, match=r"a task in \[components.multitask.tasks.x\].*@mtl_tasks"):
        make_nlp({"x": task})


def test_what_is_no_balancer_is_refused():
    with pytest.raises(MTLError, match="a balancer in .*@mtl_balancers"):
        load_model_from_config(config_of(balancer=3))


def test_an_unknown_loss_unit_is_refused():
    with pytest.raises(MTLError, match="one of .*'sum', 'mean', 'sqrt'.* got 'max'"):
        make_nlp(["ner"], loss_unit="max")


def test_weights_of_unknown_tasks_are_refused():
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"nre": 2.0}}
    nlp = make_nlp(["ner"], balancer=balancer)
    with pytest.raises(MTLError, match="weights for the tasks ner, got nre"):
        nlp.initialize(lambda: make_examples(nlp))


def test_inactive_tasks_leave_documents_alone(learned):
    component = multitask(learned)
    try:
        component.active_tasks = ["ner", "topic"]
        assert component.active_tasks == ("ner", "topic")
        doc = learned(TEXTS[0])
        assert doc.ents and {key.partition("=")[0] for key in doc.cats} == {"topic"}
        assert not doc.spans and not doc.has_annotation("TAG")
        component.active_tasks = []
        doc = learned.make_doc(TEXTS[0])
        before = doc.to_bytes(exclude=["tensor"])
        assert component(doc).to_bytes(exclude=["tensor"]) == before
    finally:
        component.active_tasks = LAYERS
    assert annotations(learned)[0]["tag"]


def test_inactive_tasks_do_not_learn():
    nlp = trained(make_nlp(), 4)
    optimizer = nlp.resume_training()
    step(nlp, optimizer, make_examples(nlp))
    before = head_bytes(nlp)
    multitask(nlp).active_tasks = "ner"
    step(nlp, optimizer, make_examples(nlp))
    after = head_bytes(nlp)
    assert {name for name in LAYERS if after[name] != before[name]} == {"ner"}


def test_unknown_active_tasks_are_refused(learned):
    with pytest.raises(MTLError, match="a task of 'multitask' .* got 'nre'"):
        multitask(learned).active_tasks = ["ner", "nre"]
    assert multitask(learned).active_tasks == LAYERS


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("texts", [[""], [" "], ["\n\n \n"], ["", "Ana", " "], []])
def test_empty_and_blank_documents(inline, texts):
    nlp = trained(make_nlp(inline=inline), 2)
    docs = list(nlp.pipe(texts))
    assert [doc.text for doc in docs] == texts
    for doc in docs:
        assert len(doc.cats) == 5
        assert all(token.tag_ for token in doc)
        assert all(0.0 <= value <= 1.0 for value in doc.cats.values())
    if texts == [""]:
        assert nlp("").text == ""


@pytest.mark.parametrize("sized", [False, True])
def test_own_encoders_never_see_a_batch_without_tokens(sized):
    """One that fails on such a batch, and need not say what its width is."""

    def encode(model: Any, docs: list[Doc], is_train: bool) -> Any:
        assert any(len(doc) for doc in docs)
        return [model.ops.alloc2f(len(doc), 3) + 1 for doc in docs], list

    dims: Any = {"nO": 3} if sized else {}
    encoder: Any = Model("own", encode, dims=dims)
    nlp = spacy.blank("en")
    tasks: Any = {"words": Tagger(), "kind": TextCat()}
    for name, task in tasks.items():
        task.name = name
    component = MultiTask(nlp.vocab, HardSharing(encoder), "own", tasks, FixedWeights())
    empty = Example(Doc(nlp.vocab), Doc(nlp.vocab))
    empty.reference.cats = {"good": 1.0, "bad": 0.0}
    labels = {"words": ["A", "B"], "kind": ["good", "bad"]}
    component.initialize(lambda: [empty], labels=labels)
    for docs in ([Doc(nlp.vocab)], [Doc(nlp.vocab), Doc(nlp.vocab)], []):
        component.set_annotations(docs, component.predict(docs))
        assert all(set(doc.cats) == {"good", "bad"} for doc in docs)
    assert component.update([empty])["own"] == 0.0


def test_no_entity_of_white_space(learned):
    for text in (" ", "  ", "\n", "Ana  visits\n\n Rio", "  Ana", "Ana   "):
        doc = learned(text)
        for span in (*doc.ents, *doc.spans["things"]):
            assert not span[0].is_space and not span[-1].is_space


def test_gold_tokens_that_differ_from_the_predicted_ones():
    nlp = trained(make_nlp(), 0)
    examples = []
    for example in make_examples(nlp):
        words = [piece for token in example.reference for piece in halves(token.text)]
        spaces = [flag for token in example.reference for flag in space_flags(token)]
        predicted = type(example.reference)(nlp.vocab, words=words, spaces=spaces)
        examples.append(Example(predicted, example.reference))
    losses: dict[str, float] = {}
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    step(nlp, optimizer, examples, losses)
    later: dict[str, float] = {}
    for _ in range(20):
        later = {}
        step(nlp, optimizer, examples, later)
    assert all(later[f"multitask_{name}"] < losses[f"multitask_{name}"] for name in LAYERS)


def halves(word: str) -> list[str]:
    return [word[:2], word[2:]] if len(word) > 3 else [word]


def space_flags(token: Any) -> list[bool]:
    return [False] * (len(halves(token.text)) - 1) + [bool(token.whitespace_)]


def test_one_document_and_a_batch_agree(learned):
    alone = [annotation(learned(text)) for text in TEXTS]
    assert alone == annotations(learned, batch_size=2) == annotations(learned)


def test_training_on_goes_on(learned):
    nlp = make_nlp().from_bytes(learned.to_bytes())
    losses = train(nlp, 3, ["ner"])
    assert losses["multitask_ner"] < 0.01
