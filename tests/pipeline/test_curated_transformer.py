"""On spacy-curated-transformers: a tiny BERT of random weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language

from .helpers import LAYERS, TASKS, TEXTS, annotations, make_examples, multitask, train, trained

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip(
    "spacy_curated_transformers", reason="spacy-curated-transformers is not installed"
)
pytestmark = pytest.mark.slow

WIDTH = 16
OWN = "spacy-curated-transformers"
POOLING = {"@layers": "reduce_mean.v1"}
LISTENERS: dict[str, dict[str, Any]] = {
    "LastTransformerLayerListener": {},
    "ScalarWeightingListener": {
        "weighting": {
            "@architectures": f"{OWN}.ScalarWeight.v1",
            "num_layers": 1,
            "dropout_prob": 0.0,
        }
    },
}


@pytest.fixture(scope="module", autouse=True)
def one_number_is_a_number() -> Iterator[None]:
    """Its release 0.3.1 takes `float()` of an array of one number, which new NumPy refuses."""
    from spacy_curated_transformers.pipeline import transformer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformer, "float", lambda array: float(np.sum(array)), raising=False)
        yield


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = sorted({word.lower() for text in TEXTS for word in text.split()})
    path = tmp_path_factory.mktemp("curated") / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]) + "\n", "utf-8")
    return path


def make_pipeline(vocabulary: Path, listener: str) -> Language:
    nlp = spacy.blank("en")
    model = {
        "@architectures": f"{OWN}.BertTransformer.v1",
        "vocab_size": len(vocabulary.read_text("utf-8").split()),
        "hidden_width": WIDTH,
        "intermediate_width": WIDTH,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "piece_encoder": {"@architectures": f"{OWN}.BertWordpieceEncoder.v1"},
        "with_spans": {"@architectures": f"{OWN}.WithStridedSpans.v1"},
    }
    every_layer = listener != "LastTransformerLayerListener"
    settings = {"model": model, "all_layer_outputs": every_layer}
    nlp.add_pipe("curated_transformer", name="transformer", config=settings)
    nlp.config["initialize"]["components"] = {
        "transformer": {
            "piecer_loader": {
                "@model_loaders": f"{OWN}.WordpieceLoader.v1",
                "path": str(vocabulary),
            }
        }
    }
    tok2vec = {
        "@architectures": f"{OWN}.{listener}.v1",
        "width": WIDTH,
        "pooling": POOLING,
        **LISTENERS[listener],
    }
    sharing = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": tok2vec}
    tasks = {name: TASKS[name] for name in LAYERS}
    nlp.add_pipe("multitask", config={"model": sharing, "tasks": tasks})
    return nlp


@pytest.fixture(scope="module", params=list(LISTENERS))
def learned(request: Any, vocabulary: Path) -> Language:
    return trained(make_pipeline(vocabulary, request.param), 1)


def weights(nlp: Language) -> list[Any]:
    transformer: Any = nlp.get_pipe("transformer")
    shims = [shim for node in transformer.model.walk() for shim in node.shims]
    return [p.detach().clone() for shim in shims for p in shim._model.parameters()]


def test_all_losses_go_down(learned: Language) -> None:
    first, last = train(learned, 1), train(learned, 25)
    for name in LAYERS:
        assert last[f"multitask_{name}"] < 0.6 * first[f"multitask_{name}"]


def test_every_layer_alone_moves_the_transformer(learned: Language) -> None:
    for layer in LAYERS:
        before = weights(learned)
        train(learned, 1, [layer])
        changed = zip(before, weights(learned), strict=True)
        assert any((old != new).any() for old, new in changed), layer


def test_predictions_survive_saving(learned: Language, tmp_path: Path) -> None:
    learned.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert annotations(loaded) == annotations(learned)
    assert multitask(loaded).labels == multitask(learned).labels


def test_evaluates(learned: Language) -> None:
    scores = learned.evaluate(make_examples(learned))
    assert scores["ents_f"] > 0.5
