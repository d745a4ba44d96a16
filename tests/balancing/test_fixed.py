import numpy as np
import pytest
from thinc.api import Config

from spacy_mtl.balancing.fixed import FixedWeights
from spacy_mtl.errors import MTLError
from spacy_mtl.registry import registry
from spacy_mtl.state import Stateful


def test_tasks_that_are_not_named_weigh_one():
    balancer = FixedWeights({"ner": 0.25, "tagger": 0})
    balancer.start(["tagger", "ner", "textcat"])
    losses = {"textcat": 3.0, "ner": 1.0, "tagger": 0.5}
    assert balancer.weights(losses) == {"textcat": 1.0, "ner": 0.25, "tagger": 0.0}


def test_only_tasks_of_the_batch_take_part():
    balancer = FixedWeights({"ner": 2.0})
    assert balancer.weights({"tagger": 1.0}) == {"tagger": 1.0}
    assert balancer.weights({}) == {}


def test_weights_do_not_depend_on_the_losses():
    balancer = FixedWeights({"ner": 2.0})
    assert balancer.weights({"ner": 1e9}) == balancer.weights({"ner": 0.0})


def test_later_change_of_the_given_dict_does_nothing():
    given = {"ner": 2.0}
    balancer = FixedWeights(given)
    given["ner"] = 5.0
    balancer.weights({"ner": 1.0})["ner"] = 7.0
    assert balancer.weights({"ner": 1.0}) == {"ner": 2.0}


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_impossible_weights(weight):
    with pytest.raises(MTLError, match="weight of zero or more for the task 'ner'"):
        FixedWeights({"ner": weight})


def test_unknown_task():
    balancer = FixedWeights({"nre": 1.0, "tagger": 1.0})
    with pytest.raises(MTLError, match="tagger, ner, got nre"):
        balancer.start(["tagger", "ner"])


def fade(start=0.0, step=0.25):
    """A thinc schedule: 0, 0.25, 0.5, ..."""
    while True:
        yield start
        start += step


def test_schedules_run_over_the_updates_of_all_tasks():
    balancer = FixedWeights({"ner": fade(), "tagger": 2.0})
    balancer.start(["tagger", "ner"])
    assert balancer.weights({"ner": 1.0, "tagger": 1.0}) == {"ner": 0.0, "tagger": 2.0}
    assert balancer.weights({"tagger": 1.0}) == {"tagger": 2.0}
    assert balancer.weights({"ner": 1.0}) == {"ner": 0.5}


def test_a_schedule_that_ends_keeps_its_last_value():
    balancer = FixedWeights({"ner": iter([0.5, 1.0])})
    assert [balancer.weights({"ner": 1.0})["ner"] for _ in range(4)] == [0.5, 1.0, 1.0, 1.0]


def test_impossible_weight_of_a_schedule():
    balancer = FixedWeights({"ner": fade(0.25, -0.25)})
    balancer.weights({"ner": 1.0})
    balancer.weights({"ner": 1.0})
    with pytest.raises(MTLError, match="zero or more for the task 'ner', got -0.25"):
        balancer.weights({"ner": 1.0})


def test_weight_that_is_no_number():
    with pytest.raises(MTLError, match="a number or a schedule for the weight of the task 'ner'"):
        FixedWeights({"ner": None})


def test_schedules_of_a_config():
    config = """
    [balancer]
    @mtl_balancers = "spacy_mtl.FixedWeights.v1"

    [balancer.weights]
    tagger = 2

    [balancer.weights.ner]
    @schedules = "compounding.v1"
    start = 1.0
    stop = 8.0
    compound = 2.0
    """
    balancer = registry.resolve(Config().from_str(config))["balancer"]
    found = [balancer.weights({"ner": 1.0, "tagger": 1.0}) for _ in range(5)]
    assert [weights["ner"] for weights in found] == [1, 2, 4, 8, 8]
    assert {weights["tagger"] for weights in found} == {2}


def test_state_is_the_number_of_updates():
    balancer, other = FixedWeights({"ner": fade()}), FixedWeights({"ner": fade()})
    assert isinstance(balancer, Stateful)
    for _ in range(3):
        balancer.weights({"ner": 1.0})
    assert balancer.state() == {"update": 3}
    other.load_state(balancer.state())
    for _ in range(3):
        assert other.weights({"ner": 1.0}) == balancer.weights({"ner": 1.0})


def test_reset_begins_with_the_first_update():
    balancer = FixedWeights({"ner": fade(), "tagger": 2.0})
    balancer.load_state({"update": np.asarray(3)})
    balancer.reset()
    assert [balancer.weights({"ner": 1.0})["ner"] for _ in range(2)] == [0.0, 0.25]
    with pytest.raises(MTLError, match="got those of ner after 2 updates.*from its config again"):
        balancer.reset()
    assert balancer.state() == {"update": 2}
