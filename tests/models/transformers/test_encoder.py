"""Token vectors by transformers of every kind."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from thinc.api import Adam

from spacy_mtl.errors import MTLError
from spacy_mtl.models.freezing import freeze, is_frozen, unfreeze

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")
from spacy_mtl.models.transformers.encoder import TransformerEncoder  # noqa: E402

from .tiny import KINDS, TEXTS, make_tiny  # noqa: E402

NLP = spacy.blank("xx")
ODD = [
    "",
    " ",
    "\n\n \t",
    "Wait \u200b for\u200d \ufeffit",
    "x" * 500,
    "👩‍👩‍👧 🚂🚂 \U0001f1e9\U0001f1ea",
    "שלום עולם, مرحبا",
    "漢字かな交じり文。",
    "İstanbul ﬁne ½ \u0301a e\u0301",
    "a\u00a0b",
]


def make_docs() -> list[Doc]:
    docs = [NLP(text) for text in (*TEXTS, *ODD)]
    chinese = Doc(NLP.vocab, words=list("漢字かな"), spaces=[False] * 4)
    return [*docs, chinese, Doc(NLP.vocab, words=["do", "n't"], spaces=[False, False])]


@pytest.fixture(scope="module", params=KINDS)
def tiny(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny("bert", tmp_path_factory.mktemp("bert"))


def make(folder: Path, width: int = 16, **settings: Any) -> Any:
    model = TransformerEncoder(str(folder), width, **{"window": 32, **settings})
    model.initialize(X=make_docs())
    return model


def assert_close(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=0)


@pytest.mark.parametrize("pooling", ["first", "mean", "maximum"])
def test_every_token_has_a_vector(tiny: Path, pooling: str) -> None:
    docs = make_docs()
    vectors = make(tiny, pooling=pooling).predict(docs)
    assert [array.shape for array in vectors] == [(len(doc), 16) for doc in docs]
    for doc, array in zip(docs, vectors, strict=True):
        assert np.isfinite(array).all()
        for token, row in zip(doc, array, strict=True):
            assert row.any() == (not token.is_space) or not token.text.isalnum()


def test_vectors_do_not_depend_on_the_batch(tiny: Path) -> None:
    docs = make_docs()
    model = make(tiny, batch=100)
    assert_close(model.predict(docs), [model.predict([doc])[0] for doc in docs])
    assert_close(model.predict(docs), make(tiny, batch=10**6).predict(docs))


def test_training_moves_everything(tiny: Path) -> None:
    docs = make_docs()
    model = make(tiny, mix=True, shape_rows=20)
    vectors, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    backprop([rng.normal(size=array.shape).astype("f") for array in vectors])
    module = model.shims[0]._model
    without = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without or all("pos" in name or "word" in name for name in without), without
    before = model.predict(docs)
    model.finish_update(Adam(0.01))
    assert any((a != b).any() for a, b in zip(before, model.predict(docs), strict=True))


def test_saved_without_its_folder(tiny: Path, tmp_path: Path) -> None:
    docs = make_docs()
    model = make(tiny, layers=2)
    data = model.to_bytes()
    other = TransformerEncoder("gone", 16, window=32, layers=2).from_bytes(data)
    assert_close(other.predict(docs), model.predict(docs), 0)
    assert (
        other.to_bytes()
        == TransformerEncoder("gone", 16, window=32, layers=2)
        .from_bytes(other.to_bytes())
        .to_bytes()
    )
    assert b"PK\x03\x04" not in data and b"torch._utils" not in data


def test_another_width_is_named(bert: Path) -> None:
    with pytest.raises(MTLError, match="that of the transformer, 16, got 20"):
        make(bert, width=20)


def test_long_documents(bert: Path) -> None:
    """In several windows, which see more with an overlap."""
    doc = NLP(" ".join(TEXTS * 12))
    words = [token.text.isalnum() for token in doc]
    found = [make(bert, overlap=overlap).predict([doc])[0] for overlap in (0, 6)]
    for vectors in found:
        assert np.isfinite(vectors).all() and vectors[words].any(axis=1).all()
    assert not np.allclose(*found, atol=1e-3)


@pytest.mark.parametrize("texts", [[], [""], ["\n"], [" ", "\u200b"], ["\ufeff"]])
@pytest.mark.parametrize("shape_rows", [0, 10])
def test_a_batch_without_a_piece_trains(bert: Path, texts: list[str], shape_rows: int) -> None:
    model = make(bert, shape_rows=shape_rows)
    docs = [NLP(text) for text in texts]
    vectors, backprop = model.begin_update(docs)
    assert backprop([np.ones_like(array) for array in vectors]) == docs
    model.finish_update(Adam(0.1))
    assert [array.shape for array in model.predict(docs)] == [(len(doc), 16) for doc in docs]


def test_weights_that_are_missing(bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(bert, tmp_path / "part")
    file = tmp_path / "part/model.safetensors"
    weights = load_file(file)
    kept = {key: tensor for key, tensor in weights.items() if "layer.0.attention" not in key}
    save_file(kept, file, {"format": "pt"})
    with pytest.raises(MTLError, match="Expected all weights of the transformer in .* got none of"):
        make(tmp_path / "part")
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(MTLError, match="Expected a folder with a transformer"):
        make(tmp_path / "part")
    file.unlink()
    torch.save(weights, tmp_path / "part/pytorch_model.bin")  # a pickle
    with pytest.raises(MTLError, match="Expected a folder with a transformer"):
        make(tmp_path / "part")


def test_more_weights_than_can_be_saved(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_mtl.models.transformers.weights.MOST_BYTES", 10_000)
    with pytest.raises(MTLError, match="Expected weights of up to 2 GiB"):
        make(bert)


def test_begins_anew(bert: Path) -> None:
    """But for one that was loaded, whose folder may be gone."""
    docs, model = make_docs(), make(bert, shape_rows=10)
    expected = model.predict(docs)
    vectors, backprop = model.begin_update(docs)
    backprop([np.ones_like(array) for array in vectors])
    model.finish_update(Adam(0.1))
    learned = model.predict(docs)
    data = model.to_bytes()
    model.initialize(X=docs)
    assert_close(model.predict(docs), expected, 0)
    model.from_bytes(data)
    model.initialize(X=docs)
    assert_close(model.predict(docs), learned, 0)


def test_what_is_frozen_stays_so(bert: Path) -> None:
    model, other = make(bert), make(bert)
    freeze(model)
    model.from_bytes(other.to_bytes())
    assert is_frozen(model)
    assert not any(p.requires_grad for p in model.shims[0]._model.parameters())
    unfreeze(model)
    assert all(p.requires_grad for p in model.shims[0]._model.parameters())


def test_copies_and_their_numbers(bert: Path) -> None:
    model = make(bert)
    (shim,) = model.shims
    assert deepcopy(model).shims[0].id == shim.id
    assert model.copy().shims[0].id != shim.id


def test_mixed_precision_needs_a_gpu(bert: Path) -> None:
    settings = {"mixed_precision": True, "grad_scaler_config": {"enabled": False}}
    model = make(bert, **settings)
    model.predict(make_docs())
    with pytest.raises(MTLError, match="Expected a GPU for `mixed_precision = true`"):
        model.begin_update(make_docs())


def test_a_prediction_between_forward_and_backward(bert: Path) -> None:
    """With layers that are computed again, and dropout."""
    docs, model = make_docs(), make(bert, gradient_checkpointing=True)
    calls = []
    layer = model.shims[0]._model.transformer.encoder.layer[0].attention.self.query
    layer.register_forward_pre_hook(lambda *args: calls.append(layer.training))
    vectors, backprop = model.begin_update(docs)
    model.predict(docs)
    before = len(calls)
    backprop([np.ones_like(array) for array in vectors])
    assert len(calls) > before and all(calls[before:])


def test_gradient_checkpointing_changes_nothing(tmp_path: Path) -> None:
    dropout = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
    still = make_tiny("bert", tmp_path, **dropout)
    docs, found = make_docs(), []
    for checkpointing in (False, True):
        model = make(still, gradient_checkpointing=checkpointing)
        module = model.shims[0]._model
        vectors, backprop = model.begin_update(docs)
        backprop([np.ones_like(array) * np.arange(16, dtype="f") for array in vectors])
        found.append([p.grad.numpy() for p in module.parameters()])
    assert_close(*found)


@pytest.mark.parametrize("kind", ["mpnet", "albert"])
def test_gradient_checkpointing_that_cannot_be_had(tmp_path: Path, kind: str) -> None:
    import transformers

    if getattr(transformers, f"{KINDS[kind][1]}Model").supports_gradient_checkpointing:
        pytest.skip("this version of transformers has it")
    with pytest.raises(MTLError, match="Expected a transformer whose layers can be .* got .*Model"):
        make(make_tiny(kind, tmp_path), gradient_checkpointing=True)


@pytest.mark.parametrize("kind", KINDS)
def test_same_as_spacy_transformers(tmp_path: Path, kind: str) -> None:
    """On documents of one window. Of a piece with the space before a word it gives a part to the
    token before the space, too, so these have none."""
    pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
    folder = make_tiny(kind, tmp_path, trimmed=True)
    stock = spacy.blank("xx")
    encoder = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": str(folder),
        "tokenizer_config": {"use_fast": True},
        "get_spans": {"@span_getters": "spacy-transformers.doc_spans.v1"},
    }
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    stock.add_pipe("transformer", config={"model": encoder})
    stock.add_pipe(
        "tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}}
    )
    tagger: Any = stock.get_pipe("tagger")
    tagger.add_label("A")
    stock.initialize()
    docs = [stock.make_doc(text) for text in TEXTS[:3]]
    expected = [
        tagger.model.get_ref("tok2vec").predict([stock.get_pipe("transformer")(doc)])[0]
        for doc in docs
    ]
    assert_close(make(folder, window=128).predict(docs), expected, 1e-4)


# Precision


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_another_precision_follows_the_weights(bert: Path, precision: str) -> None:
    docs = make_docs()
    model, exact = make(bert, precision=precision), make(bert)
    shim, optimizer = model.shims[0], Adam(0.1)

    def check() -> Any:
        exact.shims[0]._model.load_state_dict(shim._model.state_dict())
        found = model.predict(docs)
        assert_close(found, exact.predict(docs), 0.1)
        return found

    found = [check()]
    vectors, backprop = model.begin_update(docs)
    backprop([np.ones_like(array) * np.arange(16, dtype="f") for array in vectors])
    model.finish_update(optimizer)
    found.append(check())
    state = {k: torch.zeros_like(t) + 0.3 for k, t in shim._model.state_dict().items()}
    with model.use_params({f"pytorch_{shim.id}_{k}": t.numpy() for k, t in state.items()}):
        found.append(model.predict(docs))
    assert_close(check(), found[1], 0)
    before = make(bert)
    model.from_bytes(before.to_bytes())
    assert_close(model.predict(docs), found[0], 0)
    exact.from_bytes(before.to_bytes())
    assert (
        max(
            np.abs(a - b).max(initial=0) for a, b in zip(found[0], exact.predict(docs), strict=True)
        )
        > 1e-5
    )
    for one, other in zip(found, found[1:], strict=False):
        assert max(np.abs(a - b).max(initial=0) for a, b in zip(one, other, strict=True)) > 0.01
    assert model.to_bytes() == exact.to_bytes()


def test_int8_does_not_depend_on_the_batch(tiny: Path) -> None:
    """But for a value that rounds up in one batch and down in another."""
    docs = make_docs()
    model = make(tiny, precision="int8")
    assert_close(model.predict(docs), [model.predict([doc])[0] for doc in docs], 0.02)
    assert_close(model.predict(docs), make(tiny).predict(docs), 0.1)


def test_int8_that_cannot_be_had(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any) -> Any:
        raise RuntimeError("not here")

    monkeypatch.setattr(torch, "_int_mm", refused)
    with pytest.raises(MTLError, match="Expected PyTorch to multiply in int8 on this device"):
        make(bert, precision="int8").predict(make_docs())
