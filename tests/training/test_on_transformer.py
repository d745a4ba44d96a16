"""Freezing, learning rates and averages on a transformer of two layers."""

import re
from collections.abc import Iterable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.helpers import LAYERS, TASKS, make_examples, multitask, step
from spacy.language import Language
from thinc.api import Adam

from spacy_mtl.models.topologies.base import head_of, represent
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.optimizing.parameters import named_parameters
from spacy_mtl.optimizing.unfreeze import create_unfreeze, create_unfreeze_v2

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
from pipeline.test_transformer import (  # noqa: E402
    LISTENER,
    bert,  # noqa: F401
    encoder_of,
    make_transformer,
)

from .runs import mixed  # noqa: E402
from .test_resume_torch import OPTIMIZERS, check_resumed  # noqa: E402

pytestmark = pytest.mark.slow
LOWEST, MIDDLE, TOP = "embeddings.", "encoder.layer.0.", "encoder.layer.1."


@pytest.fixture(scope="module")
def deep_bert(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """The same with two layers."""
    from transformers import BertConfig, BertModel

    path = tmp_path_factory.mktemp("deep") / "bert"
    copytree(bert, path)
    config = BertConfig.from_pretrained(path, num_hidden_layers=2)
    BertModel(config).save_pretrained(path)
    return path


@pytest.fixture
def nlp(deep_bert: Path) -> Language:
    torch.manual_seed(0)
    nlp = make_transformer(deep_bert)
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def values(nlp: Language) -> dict[str, bytes]:
    found = {}
    for parameter in named_parameters(nlp):
        owner: Any = parameter.owner
        if hasattr(owner, "get_param"):
            found[parameter.name] = owner.get_param(parameter.local).tobytes()
        else:
            tensor = dict(owner._model.named_parameters())[parameter.local]
            found[parameter.name] = tensor.detach().numpy().tobytes()
    return found


def moved(nlp: Language, optimizer: Any, callback: Any, steps: Iterable[int]) -> set[str]:
    before = values(nlp)
    for number in steps:
        callback(nlp, {"step": number, "epoch": 0})
        step(nlp, optimizer, make_examples(nlp))
    after = values(nlp)
    return {name for name in before if before[name] != after[name]}


def of(nlp: Language, *parts: str) -> set[str]:
    """The transformer's paths that begin so. Its pooler is not used: it never moves."""
    names = {name for name in values(nlp) if name.startswith("transformer.")}
    return {n for n in names if n.removeprefix("transformer.").startswith(parts)}


def transformers_module(nlp: Language) -> Any:
    pipe: Any = nlp.get_pipe("transformer")
    return pipe.model.transformer


def test_names_and_depths(nlp):
    found = {parameter.name: parameter.above for parameter in named_parameters(nlp)}
    assert found["transformer.encoder.layer.1.attention.self.query.weight"] == 0
    assert found["transformer.encoder.layer.0.attention.self.query.weight"] == 1
    assert found["transformer.embeddings.word_embeddings.weight"] == 2
    assert found["transformer.pooler.dense.weight"] == 0
    assert found["multitask.ner.output.W"] is None


def test_gradual_unfreezing(nlp):
    optimizer = Adam(0.01, L2=0.1)
    everything = moved(nlp, optimizer, create_unfreeze(), [0, 1])
    heads = {name for name in everything if name.startswith("multitask.")}
    callback = create_unfreeze(encoder=2, gradual=2)
    assert moved(nlp, optimizer, callback, [0, 1]) == heads
    assert multitask(nlp).encoder_frozen
    assert moved(nlp, optimizer, callback, [2, 3]) == heads | of(nlp, TOP)
    assert not multitask(nlp).encoder_frozen
    assert moved(nlp, optimizer, callback, [4, 5]) == heads | of(nlp, TOP, MIDDLE)
    assert moved(nlp, optimizer, callback, [6]) == everything
    assert everything == heads | of(nlp, TOP, MIDDLE, LOWEST)


def test_a_frozen_transformer_keeps_no_graph(nlp):
    create_unfreeze(encoder=-1)(nlp, {"step": 0, "epoch": 0})
    batch, _ = nlp.get_pipe("transformer").model(  # type: ignore[attr-defined]
        [example.predicted for example in make_examples(nlp)], True
    )
    assert batch.model_output.last_hidden_state.grad_fn is None


def test_all_tasks_are_stopped(nlp):
    optimizer = Adam(0.01, L2=0.1)
    moved(nlp, optimizer, create_unfreeze(), [0])
    callback = create_unfreeze(tasks={name: {"stop": 1} for name in LAYERS})
    with pytest.warns(UserWarning, match="No task is trained"):
        assert moved(nlp, optimizer, callback, [1, 2]) == set()


@pytest.mark.parametrize(("protect", "still"), [("freeze", (LOWEST, MIDDLE)), ("distill", ())])
def test_a_stopped_task_is_protected(nlp, protect, still):
    optimizer = create_grouped_optimizer(0.01, average=0.9)
    callback = create_unfreeze_v2(patience=1, protect=protect)
    moved(nlp, optimizer, callback, [0])
    with nlp.use_params(optimizer.averages):
        best = scores(nlp)
        multitask(nlp).history.record(dict.fromkeys(LAYERS, 0.3))
        multitask(nlp).history.record(dict.fromkeys(LAYERS, 0.5))
    moved(nlp, optimizer, callback, [1])
    multitask(nlp).history.record({**dict.fromkeys(LAYERS, 0.6), "ner": 0.4})
    found = moved(nlp, optimizer, callback, [2])
    assert of(nlp, "encoder.layer", LOWEST) - found == of(nlp, *still) if still else found
    if protect == "distill":
        teacher = multitask(nlp).teachers["ner"]
        docs = [example.predicted for example in make_examples(nlp)]
        packed = represent(teacher.model, docs, ["ner"], False).packed["ner"]
        taught = head_of(teacher.model, "ner").predict(packed)
        np.testing.assert_allclose(taught, best["ner"], atol=1e-5)


def scores(nlp: Language) -> dict[str, Any]:
    """Of each task with the present parameters."""
    docs = [example.predicted for example in make_examples(nlp)]
    transformer: Any = nlp.get_pipe("transformer")
    transformer.set_annotations(docs, transformer.predict(docs))
    return {name: found for name, (found, _) in multitask(nlp).task_scores(docs).items()}


@pytest.mark.parametrize("last", [True, False])
def test_a_frozen_transformer_under_another_component(deep_bert, last):
    nlp = make_transformer(deep_bert)
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    place: Any = {} if last else {"before": "multitask"}
    nlp.add_pipe("tagger", name="stock", config={"model": model}, **place)
    nlp.initialize(lambda: make_examples(nlp))
    optimizer = Adam(0.01)
    assert moved(nlp, optimizer, create_unfreeze(), [0, 1]) >= of(nlp, TOP, MIDDLE, LOWEST)
    found = moved(nlp, optimizer, create_unfreeze(encoder=-1), [2, 3])
    assert not found & of(nlp, "") and {"stock.output_layer.W", "multitask.ner.output.W"} <= found


def test_evaluation_with_averages_of_a_part(nlp):
    optimizer: Any = create_grouped_optimizer(0.01, average=0.5)
    expected = {}
    module = transformers_module(nlp)
    callback = create_unfreeze(layers={"transformer": -1, "*.encoder.layer.1": 0})
    for number in range(3):
        moved(nlp, optimizer, callback, [number])
        for name, tensor in module.named_parameters():
            value = tensor.detach().clone()
            expected[name] = 0.5 * expected.get(name, value) + 0.5 * value
    before = values(nlp)
    with nlp.use_params(optimizer.averages):
        for name, tensor in module.named_parameters():
            assert torch.allclose(tensor, expected[name], atol=1e-6), name
        during = values(nlp)
    assert values(nlp) == before
    changed = {name for name in before if before[name] != during[name]}
    assert {n for n in changed if n.startswith("transformer.")} == of(nlp, TOP)


def test_tied_parameters_have_one_average(nlp):
    module = transformers_module(nlp)
    module.twin = module.encoder.layer[1].output.dense
    optimizer: Any = create_grouped_optimizer(0.01, average=0.5)
    moved(nlp, optimizer, create_unfreeze(), [0, 1])
    twins = [k for k in optimizer.averages if re.search(r"(twin|1\.output\.dense)\.weight", str(k))]
    assert len(twins) == 2
    assert optimizer.averages[twins[0]] is optimizer.averages[twins[1]]
    raw = module.twin.weight.detach().clone()
    with nlp.use_params(optimizer.averages):
        assert (module.twin.weight.detach() != raw).any()


def test_layer_decay(deep_bert):
    found = []
    factors = {"transformer": 0.5, "*.layer.0.*": 0.25, "*.embeddings.*": 0.125}
    for settings in ({"layer_decay": 0.5, "factors": {"transformer": 0.5}}, {"factors": factors}):
        torch.manual_seed(0)
        nlp = make_transformer(deep_bert)
        spacy.util.fix_random_seed(0)
        nlp.initialize(lambda nlp=nlp: make_examples(nlp))
        moved(nlp, create_grouped_optimizer(0.01, **settings), create_unfreeze(), range(3))
        found.append(values(nlp))
    assert found[0] == found[1]


def test_a_saved_pipeline_is_free(nlp, tmp_path):
    create_unfreeze(encoder=-1)(nlp, {"step": 0, "epoch": 0})
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert all(tensor.requires_grad for tensor in transformers_module(loaded).parameters())
    assert values(loaded) == values(nlp)
    assert set(TASKS) == set(multitask(loaded).tasks)


@pytest.mark.parametrize("name", ["Adam", "Adam, averages", "grouped, averages"])
def test_resumed(deep_bert: Path, tmp_path: Path, name: str) -> None:
    config: Any = mixed(tmp_path)
    del config["components"]["tok2vec"]
    config["components"]["transformer"] = {"factory": "transformer", "model": encoder_of(deep_bert)}
    config["components"]["multitask"]["model"]["tok2vec"] = LISTENER
    config["nlp"]["pipeline"] = ["transformer", "multitask"]
    config["training"]["optimizer"] = {**OPTIMIZERS[name], "learn_rate": 0.01}
    check_resumed(config, tmp_path)
