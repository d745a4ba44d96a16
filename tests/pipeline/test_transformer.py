"""On a transformer: a tiny BERT of random weights that the test builds itself."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.bulk import annotate_file
from spacy_mtl.errors import MTLError

from .helpers import (
    LAYERS,
    TASKS,
    TEXTS,
    annotations,
    make_examples,
    multitask,
    step,
    train,
    trained,
)
from .helpers import LISTENER as TOK2VEC_LISTENER

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
pytestmark = pytest.mark.slow

LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
    "upstream": "*",
}


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Iterator[Path]:
    """A folder with a model and its tokenizer; nothing is downloaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
        import torch
        from transformers import BertConfig, BertModel, BertTokenizerFast

        path = tmp_path_factory.mktemp("bert")
        words = sorted({word.lower() for text in TEXTS for word in text.split()})
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
        (path / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
        BertTokenizerFast(vocab_file=str(path / "vocab.txt")).save_pretrained(path)
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=64,
        )
        BertModel(config).save_pretrained(path)
        yield path


def encoder_of(bert: Path) -> dict[str, Any]:
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 32, "stride": 24}
    return {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": str(bert),
        "tokenizer_config": {"use_fast": True},
        "transformer_config": {},
        "mixed_precision": False,
        "grad_scaler_config": {},
        "get_spans": spans,
    }


def make_transformer(bert: Path) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config={"model": encoder_of(bert)})
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": LISTENER}
    tasks = {name: TASKS[name] for name in LAYERS}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    return nlp


@pytest.fixture(scope="module")
def learned(bert) -> Language:
    return trained(make_transformer(bert), 1)


def test_all_losses_go_down(bert):
    nlp = trained(make_transformer(bert), 0)
    first, last = train(nlp, 1), train(nlp, 10)
    for name in LAYERS:
        assert last[f"multitask_{name}"] < 0.5 * first[f"multitask_{name}"]


def test_every_layer_alone_moves_the_transformer(learned):
    def weights() -> list[Any]:
        shim = next(node.shims[0] for node in transformer.model.walk() if node.shims)
        return [parameter.detach().clone() for parameter in shim._model.parameters()]

    transformer: Any = learned.get_pipe("transformer")
    for layer in LAYERS:
        before = weights()
        train(learned, 1, [layer])
        assert any((old != new).any() for old, new in zip(before, weights(), strict=True)), layer


def test_predictions_survive_saving(learned, tmp_path):
    learned.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert annotations(loaded) == annotations(learned)
    assert multitask(loaded).labels == multitask(learned).labels


def test_batches_without_tokens(learned):
    losses: dict[str, float] = {}
    no_sgd: Any = False
    empty = Example(learned.make_doc(""), Doc(learned.vocab))
    learned.update([empty], sgd=no_sgd, losses=losses)
    assert losses["multitask"] == 0.0 and "multitask_ner" in losses
    learned.update([empty, *make_examples(learned)], sgd=no_sgd, losses=losses)
    assert losses["multitask"] > 0.0
    for _, component in learned.pipeline:
        component.finish_update(learned.resume_training())


def test_blank_documents(learned):
    docs = list(learned.pipe(["", " ", "Ana"]))
    assert [len(doc) for doc in docs] == [0, 1, 1]
    assert all(len(doc.cats) == 5 for doc in docs)


def test_replaced_listeners_predict_the_same(learned, bert):
    before = annotations(learned)
    source = make_transformer(bert).from_bytes(learned.to_bytes())
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", source=source)
    nlp.add_pipe("multitask", source=source)
    nlp.replace_listeners("transformer", "multitask", ["model.tok2vec"])
    assert annotations(nlp) == before


@pytest.mark.parametrize("texts", [[""], ["", ""], ["", "Ana", ""]])
def test_texts_without_tokens(learned, texts):
    docs = list(learned.pipe(texts))
    assert [doc.text for doc in docs] == texts
    assert all(len(doc.cats) == 5 and "things" in doc.spans for doc in docs)
    assert learned.evaluate([Example(Doc(learned.vocab), Doc(learned.vocab))])["ents_f"] is None
    assert set(learned("").cats) == set(docs[0].cats)


def test_blank_lines_of_a_file(learned, tmp_path):
    learned.to_disk(tmp_path / "model")
    source = tmp_path / "lines.txt"
    source.write_text("\n\nAna loves Bob\n\n", encoding="utf-8")
    summary = annotate_file(str(tmp_path / "model"), str(source), str(tmp_path / "out.jsonl"))
    assert summary is not None and (summary.documents, summary.failed) == (4, 0)
    rows = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["text"] for row in rows] == ["", "", "Ana loves Bob", ""]


def test_without_the_transformer_there_is_no_annotation(learned):
    """Where zeros would be taken for its vectors."""
    no_sgd: Any = False
    examples = make_examples(learned)
    with pytest.raises(MTLError, match='annotating_components = ."transformer", "multitask".'):
        learned.update(examples, sgd=no_sgd, annotates=["multitask"])
    with learned.select_pipes(disable="transformer"), pytest.raises(MTLError, match="an encoder"):
        learned("Ana")
    learned.update(examples, sgd=no_sgd, annotates=["transformer", "multitask"])


@pytest.mark.parametrize("factory", [None, "balanced_tok2vec"])
def test_a_transformer_as_own_encoder_without_tokens(bert, factory):
    encoder = {**encoder_of(bert), "@architectures": "spacy-transformers.Tok2VecTransformer.v3"}
    encoder.update(grad_factor=1.0, pooling={"@layers": "reduce_mean.v1"})
    nlp = spacy.blank("en")
    if factory:
        nlp.add_pipe(factory, name="tok2vec", config={"model": encoder})
        encoder = TOK2VEC_LISTENER
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": encoder}
    nlp.add_pipe("multitask", config={"model": model, "tasks": {"ner": TASKS["ner"]}})
    empty = Example(nlp.make_doc(""), Doc(nlp.vocab))
    nlp.initialize(lambda: [*[empty] * 10, *make_examples(nlp)])
    step(nlp, nlp.resume_training(), [empty, empty])
    assert [len(doc) for doc in nlp.pipe(["", "Ana", ""])] == [0, 1, 0]
    assert not nlp("").ents
