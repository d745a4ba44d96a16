"""The random numbers of a training: where each generator stands."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from thinc.api import CupyOps, get_current_ops
from thinc.compat import has_torch

from ..state import State

_WORDS = 624  # of the state of a Mersenne Twister, of python's and of numpy's


def random_states() -> State:
    """The states of the generators that python, numpy and PyTorch share in this process.

    The one of cupy cannot be read: see `seed_step`.
    """
    found = {"python": python_state(), "numpy": numpy_state()}
    if has_torch:
        import torch

        found["torch"] = torch.get_rng_state().numpy().copy()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            for i, state in enumerate(torch.cuda.get_rng_state_all()):
                found[f"cuda:{i}"] = state.cpu().numpy().copy()
    return found


def load_random_states(states: State) -> None:
    """Set those that there are."""
    if "python" in states:
        _set_python(states["python"])
    if "numpy" in states:
        _set_numpy(states["numpy"])
    if "torch" in states:
        import torch

        torch.set_rng_state(torch.from_numpy(np.array(states["torch"])))
        gpus = sorted(name for name in states if name.startswith("cuda:"))
        for i, name in enumerate(gpus):
            torch.cuda.set_rng_state(torch.from_numpy(np.array(states[name])), i)


def python_state() -> Any:
    """(626,) that of `random`: the twister, its position, and a number that is left over."""
    _, words, left = random.getstate()
    return np.asarray([*words, np.nan if left is None else left], dtype="float64")


def numpy_state() -> Any:
    """(627,) that of `numpy.random`: with a number before the last that says if one is left."""
    _, words, position, has_left, left = np.random.get_state()
    return np.concatenate([words, [position, has_left, left]]).astype("float64")


def seed_step(*entropy: int) -> None:
    """On a GPU, let cupy's numbers of a step depend on these alone: the seed, and the step."""
    if isinstance(get_current_ops(), CupyOps):
        key = np.random.SeedSequence(entropy).generate_state(1)
        get_current_ops().xp.random.seed(int(key[0]))


@contextmanager
def kept_numbers() -> Iterator[None]:
    """Behind it, random numbers go on as if none had been drawn inside."""
    before = random_states()
    try:
        yield
    finally:
        load_random_states(before)


@contextmanager
def own_numbers(*entropy: int) -> Iterator[None]:
    """Inside, random numbers that depend on these alone; behind it, those of before go on."""
    with kept_numbers():
        keys = np.random.SeedSequence(entropy).generate_state(3).tolist()
        random.seed(keys[0])
        np.random.seed(keys[1])
        if has_torch:
            import torch

            torch.manual_seed(keys[2])
        seed_step(*entropy)
        yield


def _set_python(state: Any) -> None:
    *words, left = state.tolist()
    random.setstate((3, tuple(map(int, words)), None if np.isnan(left) else left))


def _set_numpy(state: Any) -> None:
    words = state[:_WORDS].astype("uint32")
    position, has_left, left = state[_WORDS:].tolist()
    np.random.set_state(("MT19937", words, int(position), int(has_left), left))
