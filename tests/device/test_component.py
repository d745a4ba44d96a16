"""The component's whole life on the double of a device."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from models.transformers.tiny import make_tiny
from pipeline.helpers import (
    ENCODER,
    LAYERS,
    TASKS,
    WIDTH,
    annotations,
    make_examples,
    make_nlp,
    multitask,
    step,
    train,
    trained,
)
from pipeline.test_topologies import TOPOLOGIES, make
from spacy.language import Language
from spacy.training import Example
from thinc.api import CupyOps, set_current_ops
from training.test_same_seed import BALANCERS, ENCODERS, has_what_it_needs

from spacy_mtl.evaluation.refusal import doubts
from spacy_mtl.evaluation.temperature import labelled_scores
from spacy_mtl.merging.ensembles import ensemble
from spacy_mtl.models.encoders import backends
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.tasks.arcs import HEAD_FINDERS

from .double import ndarray, use_double

CASES = [(name, settings) for name, all_of in BALANCERS.items() for settings in all_of]


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = use_double(monkeypatch)
    yield
    set_current_ops(before)


def pipeline(encoder: Any = ENCODER, **settings: Any) -> Language:
    nlp = make_nlp({name: TASKS[name] for name in TASKS}, **settings)
    nlp.remove_pipe("tok2vec")
    nlp.add_pipe("balanced_tok2vec", name="tok2vec", first=True, config={"model": encoder})
    return nlp


def all_arrays(nlp: Language) -> list[Any]:
    models: list[Any] = [pipe.model for _, pipe in nlp.components]
    nodes = [node for model in models for node in model.walk()]
    return [n.get_param(name) for n in nodes for name in n.param_names if n.has_param(name)]


@pytest.mark.parametrize(
    ("encoder", "with_torch"), [*((name, False) for name in ENCODERS), ("own layers", True)]
)
def test_life(
    encoder: str, with_torch: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """with_torch: whether PyTorch computes the encoder's layers, as where it sees the device."""
    if with_torch:
        pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(backends, "has_torch_cuda_gpu", with_torch)
    model: Any = ENCODERS[encoder] or ENCODER
    nlp = trained(pipeline(model), 1)
    first, last = train(nlp, 1), train(nlp, 8)
    assert all(isinstance(array, ndarray) for array in all_arrays(nlp))
    for name in LAYERS:
        assert last[f"multitask_{name}"] < first[f"multitask_{name}"]
    before = annotations(nlp)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert isinstance(multitask(loaded).model.ops, CupyOps)
    assert annotations(loaded) == before
    assert nlp.evaluate(make_examples(nlp))


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_balancers(name: str, settings: dict[str, Any]) -> None:
    if not has_what_it_needs(name):
        pytest.skip("torchjd is not installed")
    tasks = ["tagger", "ner", "sentiment"]
    nlp = make_nlp(tasks, balancer={"@mtl_balancers": name, **settings}, conflict_every=1)
    trained(nlp, 2, layers=tasks)
    assert annotations(nlp)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_topologies(name: str) -> None:
    nlp = trained(make(name), 3)
    assert all(isinstance(array, ndarray) for array in all_arrays(nlp))
    multitask(nlp).add_label("tagger:NEW")
    train(nlp, 1)
    assert annotations(nlp)


def test_ensemble() -> None:
    one, other = (trained(make_nlp(["tagger", "topic"]), 2, seed=seed) for seed in (0, 1))
    assert annotations(ensemble({"one": one, "other": other}))


def test_heads_of_every_kind() -> None:
    """With hidden layers, a CRF, every pooling, n-grams of characters, levels, confidences."""
    classes = {
        "@mtl_tasks": "spacy_mtl.TextCat.v2",
        "pooling": ["mean", "maximum", "attention", "convolution"],
        "hidden_width": 8,
        "char_ngrams": [3, 4],
        "ngram_dropout": 0.1,
        "label_smoothing": 0.1,
        "encoder_gradient": 2.0,
    }
    tasks = {
        "tagger": {**TASKS["tagger"], "hidden_width": 8},
        "morph": {**TASKS["morph"], "by_feature": True},
        "lemma": {**TASKS["lemma"], "top_k": 2},
        "ner": {**TASKS["ner"], "crf": True, "hidden_width": 8},
        "things": {
            "@mtl_tasks": "spacy_mtl.SpanCat.v1",
            "spans_key": "things",
            "exclusive": True,
            "negative_weight": 0.5,
            "allow_overlap": False,
        },
        "phrases": {**TASKS["phrases"], "hidden_width": 8, "max_positive": 1},
        "sentiment": {**classes, "group": "sentiment"},
        "topic": {**classes, "group": "topic", "exclusive": False, "ngram_share": None},
    }
    nlp = trained(make_nlp(tasks, confidences=True), 3)
    multitask(nlp).tasks["phrases"].label_thresholds = {"NP": 0.0}  # type: ignore[attr-defined]
    assert any(doc["spans"]["phrases"] for doc in annotations(nlp))
    doc = nlp("Ana lives in Rome")
    assert doc.cats


@pytest.mark.parametrize("decoder", sorted(HEAD_FINDERS))
def test_trees(decoder: str, read_treebank: Any) -> None:
    """Arcs are scored on the device, and trees made on the host."""
    nlp = make_nlp({"parser": {"@mtl_tasks": "spacy_mtl.Parser.v1", "decoder": decoder}})
    sents = make_nlp({"sents": {"@mtl_tasks": "spacy_mtl.SentenceStarts.v1"}})
    for pipeline in (nlp, sents):
        bank = read_treebank(pipeline.vocab)
        examples = [Example(pipeline.make_doc(doc.text), doc) for doc in bank.train]
        optimizer = pipeline.initialize(lambda of=examples: of)
        for _ in range(6):
            pipeline.update(examples, sgd=optimizer)
        assert all(isinstance(array, ndarray) for array in all_arrays(pipeline))
        assert pipeline.evaluate(examples)["sents_f"] > 0
        for found in labelled_scores(pipeline, examples):
            found.fit()
            assert found.measure().nll > 0
    doc = nlp(bank.dev[0].text)
    assert sum(token.dep_ == "ROOT" for token in doc) == len(list(doc.sents))


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_values(loss: str, tmp_path: Path) -> None:
    """Numbers beside classes, some of which are missing."""
    rating = {"@mtl_tasks": "spacy_mtl.Regression.v1", "keys": ["stars", "heat"], "loss": loss}
    nlp = make_nlp({"rating": rating, "sentiment": TASKS["sentiment"]})
    examples = make_examples(nlp)
    for number, example in enumerate(examples):
        example.reference.cats["stars"] = float(number)
        if number % 2:
            example.reference.cats["heat"] = number / 10
    nlp.initialize(lambda: examples)
    optimizer = nlp.resume_training()
    losses: list[dict[str, float]] = [{}, {}]
    step(nlp, optimizer, examples, losses[0])
    for _ in range(8):
        losses[1] = {}
        step(nlp, optimizer, examples, losses[1])
    assert losses[1]["multitask_rating"] < losses[0]["multitask_rating"]
    before = nlp("Ana lives in Rome")._.values
    assert all(isinstance(value, float) for value in before.values())
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path)("Ana lives in Rome")._.values == before
    assert nlp.evaluate(examples)["rating_score"] > 0


def test_optimizer() -> None:
    """With averages, common clipping and layers that learn at different rates."""
    nlp = trained(pipeline(ENCODERS["own layers"]), 1)
    settings = {"average": 0.9, "clip_together": True, "layer_decay": 0.9, "sparse_rows": True}
    optimizer: Any = create_grouped_optimizer(0.01, factors={"multitask": 2.0}, **settings)
    for _ in range(2):
        step(nlp, optimizer, make_examples(nlp))
    with nlp.use_params(optimizer.averages):
        assert annotations(nlp)


def test_transformer(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    encoder = {
        "@architectures": "spacy_mtl.TransformerEncoder.v1",
        "name": str(make_tiny("bert", tmp_path / "bert", hidden_size=WIDTH)),
        "width": WIDTH,
        "mix": True,
        "shape_rows": 20,
        "precision": "bf16",
    }
    nlp = trained(pipeline(encoder), 2)
    before = annotations(nlp)
    nlp.to_disk(tmp_path / "model")
    assert annotations(spacy.load(tmp_path / "model")) == before


def test_calibration() -> None:
    """Temperatures, thresholds of labels and refusal, of predictions on the device."""
    classes = {"@mtl_tasks": "spacy_mtl.TextCat.v2", "group": "sentiment"}
    morph = {**TASKS["morph"], "by_feature": True}
    nlp = trained(make_nlp({**TASKS, "morph": morph, "sentiment": classes}, confidences=True), 4)
    for scores in labelled_scores(nlp, make_examples(nlp)):
        scores.fit()
        assert scores.measure().nll > 0
    for found in doubts(nlp, make_examples(nlp)):
        assert found.fit(0.5)
    doc = nlp("Ana lives in Rome")
    assert all(0 <= token._.tag_confidence <= 1 for token in doc)
    assert all(0 <= token._.lemma_confidence <= 1 for token in doc)
