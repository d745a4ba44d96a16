"""The component's state between two steps."""

import numpy as np
import pytest

from pipeline.foreign import TWO
from pipeline.helpers import ENCODER, LAYERS, TASKS, make_nlp, multitask, trained
from spacy_mtl.pipeline.component import MultiTask


def in_training(frozen: set[str]) -> MultiTask:
    component = multitask(trained(make_nlp(), steps=2))
    component.stopped_tasks, component.frozen_encoders = {"ner"}, frozen
    return component


@pytest.mark.parametrize("frozen", [False, True])
def test_a_checkpoint_of_0_1(frozen: bool) -> None:
    """It says of its one encoder whether it is frozen."""
    state = in_training(set()).state()
    del state["own/frozen"]
    state["own/encoder_frozen"] = np.asarray(frozen)
    component = multitask(make_nlp())
    component.load_state(state)
    assert component.encoder_frozen == frozen
    assert component.frozen_encoders == ({"tok2vec"} if frozen else set())
    assert component.stopped_tasks == {"ner"} and component.active_tasks == LAYERS


def test_which_encoders_are_frozen() -> None:
    nlp = make_nlp()
    config = {"model": {**TWO, "second": ENCODER}, "tasks": {"ner": TASKS["ner"]}}
    nlp.replace_pipe("multitask", "multitask", config=config)
    component = multitask(nlp)
    component.frozen_encoders = {"second"}
    state = component.state()
    component.frozen_encoders = set()
    component.load_state(state)
    assert component.frozen_encoders == {"second"} and not component.encoder_frozen
