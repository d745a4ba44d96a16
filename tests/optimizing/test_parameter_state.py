"""Parameters and gradients there and back."""

from typing import Any

import numpy as np
import pytest
from pipeline.helpers import make_examples, make_nlp
from spacy.language import Language

from spacy_mtl.errors import MTLError
from spacy_mtl.models.freezing import set_frozen
from spacy_mtl.optimizing.parameter_state import (
    checked_parameters,
    load_parameter_state,
    parameter_state,
)


def made(tasks: tuple[str, ...] = ("tagger", "ner")) -> Language:
    nlp = make_nlp(tasks)
    nlp.initialize(lambda: make_examples(nlp, tasks))
    return nlp


def gradients(nlp: Language) -> dict[str, bytes]:
    """Of the parameters that have one, to the sign of zero."""
    found = {}
    for name, parameter in checked_parameters(nlp).items():
        owner: Any = parameter.owner
        if owner.has_grad(parameter.local):
            found[name] = owner.get_grad(parameter.local).tobytes()
    return found


def test_gradients_and_what_is_frozen() -> None:
    """Some zero with either sign, some not, some none: all are the same in another pipeline."""
    nlp = made()
    parameters = list(checked_parameters(nlp).values())
    rng = np.random.default_rng(0)
    for number, parameter in enumerate(parameters):
        owner: Any = parameter.owner
        gradient = rng.normal(size=owner.get_param(parameter.local).shape).astype("float32")
        if number % 3:
            owner.set_grad(parameter.local, gradient if number % 3 == 1 else gradient * 0)
    set_frozen(parameters[0].owner, [parameters[0].local])
    state = parameter_state(checked_parameters(nlp))
    other = made()
    load_parameter_state(checked_parameters(other), state)
    assert gradients(other) == gradients(nlp)
    assert 0 < len(gradients(nlp)) < len(parameters)
    again = checked_parameters(other)
    assert [name for name in again if again[name].frozen] == [parameters[0].name]
    second = parameter_state(again)
    assert {n: a.tobytes() for n, a in second.items()} == {n: a.tobytes() for n, a in state.items()}


def test_another_pipeline() -> None:
    state = parameter_state(checked_parameters(made()))
    with pytest.raises(MTLError, match=r"unknown ones \(multitask.ner.*missing ones \(none\)"):
        load_parameter_state(checked_parameters(made(("tagger",))), state)


def test_another_shape() -> None:
    nlp = made()
    state = parameter_state(checked_parameters(nlp))
    name = next(name for name in state if name.endswith(".W"))
    state[name] = state[name][:1]
    with pytest.raises(MTLError, match=r"Expected \(.*as the shape of .*\.W, got \(1, "):
        load_parameter_state(checked_parameters(nlp), state)
