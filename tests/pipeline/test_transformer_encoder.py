"""A pretrained transformer under every kind of component."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from models.transformers.tiny import make_tiny
from spacy.language import Language
from spacy.training.loop import subdivide_batch

from spacy_mtl.errors import MTLError
from spacy_mtl.optimizing.best_heads import BestHeads
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.optimizing.protection import Distill
from spacy_mtl.optimizing.unfreeze import create_unfreeze_v2

from .helpers import LAYERS, TASKS, annotations, make_examples, multitask, step, train, trained

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")
pytestmark = pytest.mark.slow

WIDTH = 16
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "*"}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny("bert", tmp_path_factory.mktemp("bert"))


def encoder_of(folder: Path, **settings: Any) -> dict[str, Any]:
    architecture = "spacy_mtl.TransformerEncoder.v1"
    return {"@architectures": architecture, "name": str(folder), "width": WIDTH, **settings}


def make_pipeline(folder: Path, kind: str = "tok2vec", **settings: Any) -> Language:
    """kind: the component that has the encoder, or "inside"."""
    nlp = spacy.blank("en")
    encoder = encoder_of(folder, **settings)
    if kind != "inside":
        nlp.add_pipe(kind, name="tok2vec", config={"model": encoder})
    inner = encoder if kind == "inside" else LISTENER
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": inner}
    tasks = {name: TASKS[name] for name in LAYERS}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    return nlp


def modules(nlp: Language) -> list[Any]:
    models: list[Any] = [pipe.model for _, pipe in nlp.components if hasattr(pipe, "model")]
    return [shim._model for model in models for node in model.walk() for shim in node.shims]


@pytest.fixture(scope="module", params=["tok2vec", "balanced_tok2vec", "inside"])
def learned(request: Any, bert: Path) -> Language:
    return trained(make_pipeline(bert, request.param), 1)


def test_all_losses_go_down(learned: Language) -> None:
    first, last = train(learned, 1), train(learned, 12)
    for name in LAYERS:
        assert last[f"multitask_{name}"] < 0.6 * first[f"multitask_{name}"]


def test_every_layer_alone_moves_the_transformer(learned: Language) -> None:
    (module,) = modules(learned)
    for layer in LAYERS:
        before = [p.detach().clone() for p in module.parameters()]
        train(learned, 1, [layer])
        after = module.parameters()
        assert any((a != b).any() for a, b in zip(before, after, strict=True)), layer


def test_saved_and_loaded(learned: Language, tmp_path: Path) -> None:
    learned.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert annotations(loaded) == annotations(learned)
    loaded.to_disk(tmp_path / "again")
    for path in (tmp_path / "model").rglob("model"):
        assert (
            path.read_bytes()
            == (tmp_path / "again" / path.relative_to(tmp_path / "model")).read_bytes()
        )
        assert b"PK\x03\x04" not in path.read_bytes()


def test_loads_without_the_folder_of_the_weights(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "weights")
    nlp = trained(make_pipeline(tmp_path / "weights"), 1)
    nlp.to_disk(tmp_path / "model")
    shutil.rmtree(tmp_path / "weights")
    loaded = spacy.load(tmp_path / "model")
    assert annotations(loaded) == annotations(nlp)


@pytest.mark.parametrize("processes", [1, 2])
def test_several_processes(learned: Language, processes: int) -> None:
    assert annotations(learned, n_process=processes, batch_size=2) == annotations(learned)


def test_copied_into_its_listener(bert: Path) -> None:
    nlp = trained(make_pipeline(bert), 2)
    before = annotations(nlp)
    nlp.replace_listeners("tok2vec", "multitask", ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    assert annotations(nlp) == before
    train(nlp, 1)
    assert multitask(nlp).labels


@pytest.mark.parametrize("factory", ["tok2vec", "balanced_tok2vec"])
def test_stock_components_hear_it(bert: Path, factory: str, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, name="tok2vec", config={"model": encoder_of(bert)})
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    nlp.add_pipe("tagger", config={"model": tagger})
    nlp.initialize(lambda: make_examples(nlp))
    first, last = train(nlp, 1), train(nlp, 12)
    assert last["tagger"] < 0.6 * first["tagger"]
    nlp.to_disk(tmp_path)
    assert annotations(spacy.load(tmp_path)) == annotations(nlp)


def test_averages(bert: Path) -> None:
    nlp = trained(make_pipeline(bert), 1)
    optimizer = create_grouped_optimizer(0.01, average=0.5)
    for _ in range(3):
        step(nlp, optimizer, make_examples(nlp))
    (module,) = modules(nlp)
    own = {k: t.clone() for k, t in module.state_dict().items()}
    with nlp.use_params(optimizer.averages):
        inside = {k: t.clone() for k, t in module.state_dict().items()}
        evaluated = annotations(nlp)
    assert any((own[name] != inside[name]).any() for name in own)
    assert all((own[name] == tensor).all() for name, tensor in module.state_dict().items())
    assert evaluated


@pytest.mark.parametrize("kind", ["tok2vec", "balanced_tok2vec", "inside"])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(kind: str, tmp_path: Path) -> None:
    """As `accumulate_gradient` makes them; without dropout, which would draw other numbers."""
    dropout = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
    still = make_tiny("bert", tmp_path, **dropout)
    found = []
    for n_parts in (1, 2):
        nlp = trained(make_pipeline(still, kind), 1)
        optimizer = create_grouped_optimizer(1.0, beta1=0.0, beta2=0.0, L2=0.0, grad_clip=0.0)
        for part in subdivide_batch(make_examples(nlp), n_parts):
            nlp.update(part, sgd=False)  # type: ignore[arg-type]
        (module,) = modules(nlp)
        before = {name: p.detach().clone() for name, p in module.named_parameters()}
        for _, component in nlp.pipeline:
            component.finish_update(optimizer)
        found.append({n: (p.detach() - before[n]).numpy() for n, p in module.named_parameters()})
    whole, parts = found
    largest = max(abs(array).max() for array in whole.values())
    assert sum(abs(array).max() > 0.01 * largest for array in whole.values()) > 10
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, rtol=1e-3, atol=1e-4 * largest)


def test_config_round_trip(bert: Path) -> None:
    nlp = make_pipeline(bert, pooling="first", layers=2, shape_rows=50)
    config = json.loads(json.dumps(nlp.config["components"]["tok2vec"]["model"]))
    assert config["pooling"] == "first" and config["window"] == 128
    nlp.initialize(lambda: make_examples(nlp))
    assert np.isfinite(nlp("Ana likes trains").tensor).all()


def mixed(folder: Path) -> Language:
    encoder = encoder_of(folder, layers=3, stacked=True)
    model = {"@architectures": "spacy_mtl.LayerMix.v1", "tok2vec": encoder, "layers": 3}
    nlp = spacy.blank("en")
    tasks = {name: TASKS[name] for name in LAYERS}
    nlp.add_pipe("multitask", config={"model": {**model, "tasks": [LAYERS[0]]}, "tasks": tasks})
    return trained(nlp, 1)


def test_each_task_learns_a_mix_of_the_layers(bert: Path, tmp_path: Path) -> None:
    nlp = mixed(bert)
    first, last = train(nlp, 1), train(nlp, 12)
    for name in LAYERS:
        assert last[f"multitask_{name}"] < 0.6 * first[f"multitask_{name}"]
    mixes = [
        n.get_param("weights")
        for n in nlp.get_pipe("multitask").model.walk()
        if n.name == "scalar_mix"
    ]
    assert len(mixes) == 2 and abs(mixes[0] - mixes[1]).max() > 0
    nlp.to_disk(tmp_path / "model")
    assert annotations(spacy.load(tmp_path / "model")) == annotations(nlp)


def test_more_layers_than_there_are(bert: Path) -> None:
    with pytest.raises(MTLError, match="up to 3, the transformer's and its embeddings, got 4"):
        make_pipeline(bert, layers=4).initialize(lambda: make_examples(spacy.blank("en")))


def test_mix_or_stacked_not_both(bert: Path) -> None:
    with pytest.raises(MTLError, match="got both"):
        make_pipeline(bert, mix=True, stacked=True)


LAYERS_FROM_THE_TOP = ("encoder.layer.1.", "encoder.layer.0.", "embeddings.")


def steps_of(nlp: Language, optimizer: Any) -> dict[str, float]:
    """How far the weights of each layer move at the most in one step."""
    (module,) = modules(nlp)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    step(nlp, optimizer, make_examples(nlp))
    far = {
        name: float((p.detach() - before[name]).abs().max())
        for name, p in module.named_parameters()
    }
    return {layer: max(far[name] for name in far if layer in name) for layer in LAYERS_FROM_THE_TOP}


@pytest.mark.parametrize("kind", ["balanced_tok2vec", "inside"])
def test_unfrozen_from_the_top(bert: Path, kind: str) -> None:
    nlp = trained(make_pipeline(bert, kind), 0)
    unfreeze = create_unfreeze_v2(encoder=1, gradual=1)
    optimizer = create_grouped_optimizer(learn_rate=0.01)
    for number in range(4):
        unfreeze(nlp, {"step": number, "epoch": 0})
        moved = [far > 0 for far in steps_of(nlp, optimizer).values()]
        assert moved == [layer < number for layer in range(3)]


@pytest.mark.parametrize("kind", ["balanced_tok2vec", "inside"])
def test_lower_layers_learn_more_slowly(bert: Path, kind: str) -> None:
    nlp = trained(make_pipeline(bert, kind), 1)
    optimizer = create_grouped_optimizer(0.01, L2=0.0, grad_clip=0.0, layer_decay=0.5)
    far = list(steps_of(nlp, optimizer).values())
    np.testing.assert_allclose(far, [0.01, 0.005, 0.0025], rtol=0.02)


@pytest.mark.parametrize("kind", ["balanced_tok2vec", "inside"])
def test_a_stopped_task_is_taught(bert: Path, kind: str) -> None:
    """By a copy of its head and the encoder, which has other places for its numbers."""
    nlp = trained(make_pipeline(bert, kind), 1)
    optimizer = create_grouped_optimizer(0.001)
    best, component = BestHeads(encoders=True), multitask(nlp)
    best.keep(nlp, component, ["ner"])
    step(nlp, optimizer, make_examples(nlp))
    Distill().stop(nlp, component, "ner", best)
    step(nlp, optimizer, make_examples(nlp))
    taught = component.teachers["ner"].model
    own = {id(module) for module in modules(nlp)}
    copies = [shim._model for node in taught.walk() for shim in node.shims]
    assert len(copies) == 1 and id(copies[0]) not in own
