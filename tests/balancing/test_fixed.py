import pytest

from spacy_mtl.balancing.fixed import FixedWeights
from spacy_mtl.errors import MTLError
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


def test_state_round_trip():
    balancer, other = FixedWeights({"ner": 0.5}), FixedWeights({"ner": 0.5})
    assert isinstance(balancer, Stateful)
    other.load_state(balancer.state())
    assert other.weights({"ner": 1.0}) == balancer.weights({"ner": 1.0})
