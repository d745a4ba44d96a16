"""The gradients of parts of a batch add up to those of the batch."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pytest
from pipeline.helpers import TASKS as PROPOSED
from pipeline.helpers import make_examples, make_nlp, multitask, randomize_heads
from pipeline.test_topologies import TOPOLOGIES, make
from spacy.language import Language
from spacy.util import fix_random_seed, load_model_from_config
from thinc.api import HashEmbed, Softmax

from spacy_mtl.distributed.gradients import is_table
from spacy_mtl.distributed.group import Group
from spacy_mtl.errors import MTLError
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.optimizing.parameter_state import (
    gradient_of,
    load_parameter_state,
    on_host,
    parameter_state,
)
from spacy_mtl.optimizing.parameters import Parameter, named_parameters
from spacy_mtl.workers import ALONE

from .helpers import ThreadWorkers, together

TASKS = ("tagger", "lemma", "things", "phrases", "sentiment", "topic")
# Of six sentences; "lemma" and "phrases" are labelled in one each, so at one worker alone.
LABELLED = [
    ["tagger", "sentiment"],
    ["tagger", "things"],
    ["things", "topic"],
    ["tagger", "lemma"],
    ["phrases", "sentiment"],
    ["tagger", "sentiment", "topic"],
]
FIXED = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"tagger": 0.5, "topic": 2.0}}
BALANCERS: dict[str, dict[str, Any]] = {
    "fixed": FIXED,
    "losses": {"@mtl_balancers": "spacy_mtl.Scalarization.v1", "method": "STCH"},
    "gradnorm": {"@mtl_balancers": "spacy_mtl.GradNorm.v1", "window": 3},
    "layer": {"@mtl_balancers": "spacy_mtl.GramianWeighting.v1", "method": "UPGrad"},
    "representation": {
        "@mtl_balancers": "spacy_mtl.GramianWeighting.v1",
        "method": "UPGrad",
        "gram": "representation",
    },
}
State = dict[str, Any]
Found = dict[str, Any]
STEPS = {"fixed": (1, 10, 50), "losses": (1, 10, 50), "layer": (1, 10, 50)}
LOSS_UNITS = ("sum", "mean", "sqrt")


def made(balancer: str) -> Language:
    """A pipeline as each worker has it before the first step, with tables that travel by rows."""
    tasks = {name: {**PROPOSED[name]} for name in TASKS}
    tasks["sentiment"]["ngram_rows"] = 1500
    config: Any = make_nlp(tasks, balancer=BALANCERS[balancer], conflict_every=2).config.copy()
    config["components"]["tok2vec"]["model"]["embed_size"] = 1500
    nlp = load_model_from_config(config)
    fix_random_seed(0)
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def update(nlp: Language, group: Group) -> None:
    """Accumulate the gradients of a batch."""
    no_optimizer: Any = False
    nlp.update(group.part(make_examples(nlp, LABELLED)), sgd=no_optimizer, losses={})
    group.add_up()


def learned(nlp: Language, group: Group) -> Found:
    """The gradients of a batch by the names of parameters, and what is to move."""
    update(nlp, group)
    for _, pipe in nlp.pipeline:
        if hasattr(pipe, "complete_backward"):
            pipe.complete_backward()
    found = {p.name: gradient_of(p) for p in named_parameters(nlp)}
    gradients = {name: on_host(array).copy() for name, array in found.items() if array is not None}
    component = multitask(nlp)
    return {"gradients": gradients, "stepping": component.stepping.intersection(component.parts)}


def states(nlp: Language, steps: Collection[int]) -> Iterator[State]:
    """Parameters and the balancer's state before these steps."""
    optimizer = create_grouped_optimizer(0.01)
    alone = Group(nlp, ALONE, [])
    parameters = {p.name: p for p in named_parameters(nlp) if p.has_value}
    for step in range(max(steps) + 1):
        if step in steps:
            yield {"parameters": parameter_state(parameters), "own": multitask(nlp).state()}
        update(nlp, alone)
        for _, pipe in nlp.pipeline:
            pipe.finish_update(optimizer)


def set_state(nlp: Language, state: State, loss_unit: str) -> Language:
    """The pipeline, in this state and without gradients."""
    for parameter in named_parameters(nlp):
        gradient = gradient_of(parameter)
        if gradient is not None:
            gradient[...] = 0
    multitask(nlp).loss_unit = loss_unit
    parameters = {p.name: p for p in named_parameters(nlp) if p.has_value}
    load_parameter_state(parameters, state["parameters"])
    multitask(nlp).load_state(state["own"])
    return nlp


def test_what_travels_by_rows():
    """An embedding's rows do, and not those of a layer that has many outputs."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from thinc.api import PyTorchWrapper

    many = 2000
    module = torch.nn.Sequential(torch.nn.Embedding(many, 4), torch.nn.Linear(4, many))
    shim = PyTorchWrapper(module).shims[0]
    embedding = HashEmbed(4, many).initialize()
    owners = {"0.weight": shim, "1.weight": shim, "E": embedding}
    layer = Softmax(many, 4).initialize()
    found = {name: is_table(Parameter(name, owner, name)) for name, owner in owners.items()}
    assert found == {"0.weight": True, "1.weight": False, "E": True}
    assert not is_table(Parameter("W", layer, "W"))


def assert_equal(found: Found, expected: Found) -> None:
    assert found["stepping"] == expected["stepping"]
    assert found["gradients"].keys() == expected["gradients"].keys()
    for name, gradient in expected["gradients"].items():
        distance = np.linalg.norm(found["gradients"][name] - gradient)
        assert distance <= 1e-5 * np.linalg.norm(gradient), name


@pytest.mark.parametrize("balancer", BALANCERS)
def test_gradients_are_those_of_a_single_worker(balancer):
    if balancer in ("losses", "layer", "representation"):
        pytest.importorskip("torchjd", reason="torchjd is not installed")
    nlps = [made(balancer) for _ in range(2)]
    single = made(balancer)
    wanted = STEPS.get(balancer, (1, 5))
    for state in states(made(balancer), wanted):
        for loss_unit in LOSS_UNITS:

            def work(workers: ThreadWorkers, state: State = state, unit: str = loss_unit) -> Found:
                nlp = set_state(nlps[workers.rank], state, unit)
                found = learned(nlp, Group(nlp, workers, []))
                # losses; inner products, if any; dense gradients, and then rows of tables
                assert len(workers.exchanged) <= 4
                return found

            first, second = together(2, work)
            expected = learned(set_state(single, state, loss_unit), Group(single, ALONE, []))
            assert_equal(first, expected)
            for name, gradient in first["gradients"].items():
                np.testing.assert_array_equal(gradient, second["gradients"][name])
            assert second["stepping"] == first["stepping"]


@pytest.mark.parametrize("topology", ["soft", "stacked", "shared-private"])
def test_several_sites_and_kinds_of_inner_products_need_no_more_exchanges(topology):
    """Of the balancer, and of what is reported, in the same step."""
    pytest.importorskip("torchjd", reason="torchjd is not installed")
    settings = {"balancer": BALANCERS["representation"], "conflict_every": 1}
    model = {**TOPOLOGIES[topology]}
    if topology == "shared-private":
        model["orthogonality"] = 0.0
    nlps = [make(topology, model=model, **settings) for _ in range(3)]
    for nlp in nlps:
        fix_random_seed(0)
        nlp.initialize(lambda nlp=nlp: make_examples(nlp))
        randomize_heads(nlp)
    *several, single = nlps

    def work(workers: ThreadWorkers) -> Found:
        nlp = several[workers.rank]
        found = learned(nlp, Group(nlp, workers, []))
        assert len(workers.exchanged) == 3  # no table is large enough to travel by rows
        return found

    first, _ = together(2, work)
    assert_equal(first, learned(single, Group(single, ALONE, [])))
    reports = [multitask(nlp).conflict.report() for nlp in (several[0], single)]
    for kind in ("norm", "cosine"):  # of soft sharing there is none, as no site has two tasks
        found, expected = (report.get(kind, {}) for report in reports)
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_different_batches_are_an_error():
    nlps = [made("fixed") for _ in range(2)]

    def work(workers: ThreadWorkers) -> None:
        nlp = nlps[workers.rank]
        group, no_optimizer = Group(nlp, workers, []), None
        examples = make_examples(nlp, LABELLED)[workers.rank :]
        nlp.update(group.part(examples), sgd=no_optimizer, losses={})
        group.add_up()

    with pytest.raises(MTLError, match="Expected all workers to draw the same batches"):
        together(2, work)
