"""Steps are tried on a copy, and undone to the bit."""

import copy
from typing import Any

import numpy as np
import pytest
from pipeline.foreign import LISTENING
from pipeline.helpers import (
    LAYERS,
    LISTENER,
    TASKS,
    make_examples,
    make_nlp,
    multitask,
    step,
    trained,
)
from spacy.language import Language
from thinc.api import SGD, Adam, Optimizer, RAdam

from spacy_mtl.affinity.replica import Batch, Replica, difference
from spacy_mtl.models.freezing import freeze, frozen_names
from spacy_mtl.models.topologies.base import encoders
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer


def pipeline(inline: bool = False) -> tuple[Language, Any]:
    """A trained one, and an optimizer that has moments."""
    nlp = trained(make_nlp(inline=inline, conflict_every=1))
    optimizer = create_grouped_optimizer(0.01)
    for _ in range(2):
        step(nlp, optimizer, make_examples(nlp))
    return nlp, optimizer


def everything(nlp: Language, optimizer: Optimizer) -> list[Any]:
    """All parameters and gradients, and what the optimizer knows, as bytes."""
    models = [pipe.model for _, pipe in nlp.pipeline]
    nodes = [node for model in models for node in model.walk()]
    parameters = [(n.id, p, n.get_param(p).tobytes()) for n in nodes for p in n.param_names]
    gradients = [(n.id, p, n.get_grad(p).tobytes()) for n in nodes for p in n.grad_names]
    moments = [(k, a.tobytes()) for k, a in {**optimizer.mom1, **optimizer.mom2}.items()]
    return [parameters, gradients, moments, dict(optimizer.nr_update)]


@pytest.mark.parametrize("inline", [False, True])
def test_nothing_else_changes(inline: bool) -> None:
    nlp, optimizer = pipeline(inline)
    before = everything(nlp, optimizer)
    component = multitask(nlp)
    replica = Replica(nlp, component, optimizer)
    batch = Batch.of(component, LAYERS, make_examples(nlp))
    own = copy.deepcopy(replica.model)
    for task in LAYERS:
        losses = replica.losses(batch, [task])
        replica.backward(task, batch)
        with replica.step():
            assert replica.losses(batch, [task])[task] < losses[task]
        assert replica.losses(batch, [task]) == losses
    assert replica.model.get_ref("tok2vec").to_bytes() == own.get_ref("tok2vec").to_bytes()
    assert everything(nlp, optimizer) == before


def test_restored_after_an_error() -> None:
    nlp, optimizer = pipeline()
    component = multitask(nlp)
    replica = Replica(nlp, component, optimizer)
    before = replica.model.get_ref("tok2vec").to_bytes()
    replica.backward("ner", Batch.of(component, ["ner"], make_examples(nlp)))
    with pytest.raises(KeyError), replica.step():
        assert replica.model.get_ref("tok2vec").to_bytes() != before
        raise KeyError
    assert replica.model.get_ref("tok2vec").to_bytes() == before


def test_the_same_as_what_listens() -> None:
    nlp, optimizer = pipeline()
    component = multitask(nlp)
    examples = make_examples(nlp)
    replica = Replica(nlp, component, optimizer)
    found = replica.losses(Batch.of(component, LAYERS, examples), LAYERS)
    losses: dict[str, float] = {}
    nlp.update(examples, sgd=None, losses=losses)  # without dropout
    for task in LAYERS:
        units = component.tasks[task].targets(examples, component.model.ops).n_units
        assert losses[f"multitask_{task}"] == pytest.approx(found[task] / units, rel=1e-4)


def test_shared_are_the_encoders_parameters() -> None:
    nlp, optimizer = pipeline()
    encoder = nlp.get_pipe("tok2vec").model
    expected = {(node.id, name) for node in encoder.walk() for name in node.param_names}
    replica = Replica(nlp, multitask(nlp), optimizer)
    assert {parameter.key for parameter in replica.shared} == expected


@pytest.mark.parametrize(
    ("model", "n_encoders"), [(LISTENING, 2), ({**LISTENING, "second": LISTENER}, 1)]
)
def test_several_encoders(model: Any, n_encoders: int) -> None:
    """One that is listened to and one inside, and two listeners to the same."""
    nlp = make_nlp(["tagger", "ner"])
    nlp.replace_pipe(
        "multitask",
        "multitask",
        config={"model": model, "tasks": {name: TASKS[name] for name in ("tagger", "ner")}},
    )
    nlp = trained(nlp, layers=("tagger", "ner"))
    component, examples = multitask(nlp), make_examples(nlp)
    replica = Replica(nlp, component, create_grouped_optimizer(0.01))
    models = [nlp.get_pipe("tok2vec").model, *encoders(component.model).values()]
    expected = {(n.id, name) for model in models for n in model.walk() for name in n.param_names}
    assert {parameter.key for parameter in replica.shared} == expected
    found = replica.losses(Batch.of(component, ["tagger", "ner"], examples), ["tagger", "ner"])
    losses: dict[str, float] = {}
    nlp.update(examples, sgd=None, losses=losses)
    moved = {}
    for task in ("tagger", "ner"):
        units = component.tasks[task].n_labelled(examples)
        assert losses[f"multitask_{task}"] == pytest.approx(found[task] / units, rel=1e-4)
        replica.backward(task, Batch.of(component, [task], examples))
        with replica.step() as moved[task]:
            pass
    assert moved["tagger"].isdisjoint(moved["ner"]) == (n_encoders == 2)
    assert moved["tagger"] | moved["ner"] == expected


def test_frozen_layers_stay() -> None:
    nlp, optimizer = pipeline()
    component = multitask(nlp)
    embed = nlp.get_pipe("tok2vec").model.layers[0]
    freeze(embed)
    replica = Replica(nlp, component, optimizer)
    frozen = [p for p in replica.shared if p.local in frozen_names(p.owner)]
    before = [p.owner.get_param(p.local).tobytes() for p in frozen]
    assert frozen
    replica.backward("tagger", Batch.of(component, ["tagger"], make_examples(nlp)))
    with replica.step():
        assert [p.owner.get_param(p.local).tobytes() for p in frozen] == before


def steps(optimizer: Any, gradients: list[Any]) -> Any:
    """What the optimizer takes off in the last step of these, by itself."""
    weights = np.zeros(4, dtype="float32")
    for gradient in gradients:
        before = weights.copy()
        weights, _ = optimizer((1, "W"), weights, gradient.copy())
    return before - weights


def test_the_step_of_sgd() -> None:
    gradient = np.array([3.0, 0, -4.0, 0], dtype="float32")
    for clip in (0.0, 1.0, 100.0):
        expected = steps(SGD(0.1, grad_clip=clip, L2=0.0), [gradient])
        found = difference(SGD(0.1, grad_clip=clip), (1, "W"), gradient)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("use_radam", [False, True])
@pytest.mark.parametrize("n_before", [0, 3, 30])
def test_the_gradients_share_in_a_step_of_adam(n_before: int, use_radam: bool) -> None:
    """The step with the gradient is that of momentum, with its squares, and the share."""
    rng = np.random.default_rng(0)
    *before, last = rng.normal(size=(n_before + 1, 4)).astype("float32")
    settings: dict[str, Any] = {"grad_clip": 0.0, "L2": 0.0, "use_averages": False}
    optimizer: Any = (RAdam if use_radam else Adam)(0.1, **settings)
    momentum = np.zeros(4, dtype="float32")
    if before:
        steps(optimizer, before)
        momentum = optimizer.mom1[1, "W"].copy()
    found = difference(optimizer, (1, "W"), last.copy())
    whole = steps(optimizer, [last])
    share = 0.1 * last / (0.9 * momentum + 0.1 * last)
    np.testing.assert_allclose(found, whole * share, rtol=1e-3)
    assert optimizer.nr_update[1, "W"] == n_before + 1


@pytest.mark.parametrize("inline", [False, True])
def test_gradients_clipped_together(inline: bool) -> None:
    """As the optimizer clips them: those of the encoder, and with the head's if that is in the
    same component. Plain gradient descent shows the gradients that were used."""
    nlp = trained(make_nlp(inline=inline))
    component, examples = multitask(nlp), make_examples(nlp, ["ner"])
    descent = {"beta1": 0.0, "beta2": 0.0, "L2": 0.0, "use_averages": False}
    optimizer = create_grouped_optimizer(1.0, **descent, grad_clip=0.01, clip_together=True)
    replica = Replica(nlp, component, optimizer)
    own = {p.key: p.owner.get_param(p.local) for p in replica.shared}
    before = {key: array.copy() for key, array in own.items()}
    for task in ("tagger", "ner"):  # of the first nothing is left
        replica.backward(task, Batch.of(component, [task], make_examples(nlp)))
        with replica.step() as moved:
            tried = {key: own[key].copy() for key in moved}
    step(nlp, optimizer, examples)
    encoder = component.model.get_ref("tok2vec") if inline else nlp.get_pipe("tok2vec").model
    nodes = {node.id: node for node in encoder.walk()}
    assert tried
    for key, array in tried.items():
        expected = nodes[key[0]].get_param(key[1]) - before[key]
        np.testing.assert_allclose(array - before[key], expected, rtol=1e-3, atol=1e-6)


def test_factors_of_layers() -> None:
    nlp, _ = pipeline()
    gradient = np.ones(3, dtype="float32")
    optimizer: Any = create_grouped_optimizer(
        0.1, beta1=0.0, beta2=0.0, factors={"tok2vec.*": 0.5}, grad_clip=0.0
    )
    node = next(n for n in nlp.get_pipe("tok2vec").model.walk() if n.has_param("W") is True)
    key = (node.id, "W")
    assert difference(optimizer, key, gradient) == pytest.approx(0.1)
    step(nlp, optimizer, make_examples(nlp))
    assert difference(optimizer, key, gradient) == pytest.approx(0.05)
