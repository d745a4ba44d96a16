"""The encoders below spaCy's own components, against spaCy's encoders at the same place."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import SGD

from spacy_mtl.models.encoders import window

WIDTH = 32
STOCK = ("spacy.MultiHashEmbed.v2", "spacy.MaxoutWindowEncoder.v2")
FAST = ("spacy_mtl.HashEmbed.v1", "spacy_mtl.WindowEncoder.v1")
COMPONENTS = ["tagger", "parser"]
SENTENCES = [
    ("the cat saw a dog", "D N V D N", [1, 2, 2, 4, 2], "det nsubj ROOT det obj"),
    ("dogs bark", "N V", [1, 1], "nsubj ROOT"),
    ("a red dog slept", "D J N V", [2, 2, 3, 3], "det amod nsubj ROOT"),
]
TEXTS = ["the red cat slept", "", "dogs", "a cat saw the dog and the dogs bark"]


def encoder(kind):
    embed, encode = kind
    return {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": embed,
            "width": WIDTH,
            "attrs": ["NORM", "PREFIX", "SHAPE"],
            "rows": [100, 50, 50],
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": encode,
            "width": WIDTH,
            "window_size": 1,
            "maxout_pieces": 3,
            "depth": 2,
        },
    }


def blank(kind, shared):
    """A tagger and a parser, on one encoder by listeners, or each on its own."""
    nlp = spacy.blank("en")
    tok2vec = encoder(kind)
    if shared:
        nlp.add_pipe("tok2vec", config={"model": tok2vec})
        tok2vec = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH}
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": tok2vec}
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "parser",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": tok2vec,
    }
    nlp.add_pipe("tagger", config={"model": tagger})
    nlp.add_pipe("parser", config={"model": parser, "min_action_freq": 1})
    return nlp


def trained(kind, shared, drop=0.0):
    """After some steps of plain gradient descent, and the losses on the way."""
    fix_random_seed(0)
    nlp = blank(kind, shared)
    examples = []
    for text, tags, heads, deps in SENTENCES:
        words = text.split()
        annotated = Doc(nlp.vocab, words=words, tags=tags.split(), heads=heads, deps=deps.split())
        examples.append(Example(Doc(nlp.vocab, words=words), annotated))
    nlp.initialize(lambda: examples)
    sgd, losses = SGD(0.05, grad_clip=1.0), []
    for _ in range(6):
        losses.append(nlp.update(examples, sgd=sgd, drop=drop, losses={}))
        list(nlp.pipe(TEXTS))  # predictions between updates change nothing
    return nlp, losses


def weights(nlp: Language):
    return [
        node.get_param(name)
        for _, component in nlp.pipeline
        for node in component.model.walk()
        for name in node.param_names
        if node.has_param(name)
    ]


def annotated(nlp, **settings):
    return [
        [(token.tag_, token.head.i, token.dep_) for token in doc]
        for doc in nlp.pipe(TEXTS, **settings)
    ]


def vectors(nlp):
    return [doc.tensor for doc in nlp.pipe(TEXTS)]


def assert_same_vectors(one, other, tolerance=1e-4):
    for a, b in zip(vectors(one), vectors(other), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


@pytest.mark.parametrize("shared", [True, False])
def test_trained_like_stock(backend, shared):
    ours, losses = trained(FAST, shared)
    stock, expected = trained(STOCK, shared)
    for one, other in zip(losses, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-4)
    before, after = losses[0], losses[-1]
    assert all(after[component] < before[component] for component in COMPONENTS)
    for one, other in zip(weights(ours), weights(stock), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert annotated(ours) == annotated(stock)
    if shared:
        assert_same_vectors(ours, stock)


def test_trained_with_dropout(backend):
    nlp, losses = trained(FAST, True, drop=0.2)
    again, same = trained(FAST, True, drop=0.2)
    assert losses == same and losses != trained(FAST, True)[1]
    assert all((a == b).all() for a, b in zip(weights(nlp), weights(again), strict=True))


def test_saved_and_loaded(backend, tmp_path):
    nlp, _ = trained(FAST, True)
    nlp.to_disk(tmp_path / "fast")
    loaded = spacy.load(tmp_path / "fast")
    assert annotated(loaded) == annotated(nlp)
    assert_same_vectors(loaded, nlp, tolerance=0)


@pytest.mark.parametrize("kinds", [(STOCK, FAST), (FAST, STOCK)])
def test_other_layers_for_a_saved_pipeline(backend, kinds, tmp_path):
    """By `spacy.load` with another config, to and fro."""
    saved, wanted = kinds
    nlp, _ = trained(saved, True)
    nlp.to_disk(tmp_path)
    model = {part: encoder(wanted)[part] for part in ("embed", "encode")}
    loaded = spacy.load(tmp_path, config={"components": {"tok2vec": {"model": model}}})
    model = loaded.config["components"]["tok2vec"]["model"]
    assert (model["embed"]["@architectures"], model["encode"]["@architectures"]) == wanted
    assert annotated(loaded) == annotated(nlp)
    assert_same_vectors(loaded, nlp)


def test_replaced_listeners(backend):
    nlp, _ = trained(FAST, True)
    before = annotated(nlp)
    for component in COMPONENTS:
        nlp.replace_listeners("tok2vec", component, ["model.tok2vec"])
    assert annotated(nlp) == before


def test_precision_chosen_at_loading(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(window, "FEW_ROWS", 0)  # those are in single precision all the same
    nlp, _ = trained(FAST, True)
    nlp.to_disk(tmp_path)
    half = {"components.tok2vec.model.encode.precision": "bf16"}
    loaded = spacy.load(tmp_path, config=half)
    one, other = np.concatenate(vectors(loaded)), np.concatenate(vectors(nlp))
    error = np.linalg.norm(one - other) / np.linalg.norm(other)
    assert 1e-4 < error < 0.02


WORKERS = """
import sys
import spacy

nlp = spacy.load(sys.argv[1])
texts = ["the red cat saw a dog " * 50 + str(i) for i in range(12)]
before = [[token.tag_ for token in doc] for doc in nlp.pipe(texts)]
after = [[token.tag_ for token in doc] for doc in nlp.pipe(texts, n_process=2, batch_size=3)]
assert after == before and len(before) == 12
print("same")
"""


def test_workers_after_a_prediction(tmp_path):
    """Threads do not live on in processes that are forked, and must not be waited for."""
    nlp, _ = trained(FAST, True)
    nlp.to_disk(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", WORKERS, str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "same"
