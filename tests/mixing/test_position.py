import io

import numpy as np
import pytest
import srsly

from spacy_mtl.errors import MTLError
from spacy_mtl.mixing.position import Position
from spacy_mtl.mixing.streams import CorporaInMemory, Place
from spacy_mtl.state import State

from .mixtures import mixture

SOMEWHERE = Position(2, 1, 14, 30, [80, 20], [1, 4], [50, 3], [60, 40])


def corpora(**sizes: int) -> CorporaInMemory:
    return CorporaInMemory(mixture(sizes))


@pytest.mark.parametrize("position", [Position(), SOMEWHERE])
def test_state(position: Position) -> None:
    assert Position.from_state(position.state()) == position
    saved = srsly.msgpack_loads(srsly.msgpack_dumps(position.state()))
    assert Position.from_state(saved) == position


def test_state_is_numbers_alone() -> None:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **SOMEWHERE.state())  # type: ignore[arg-type]
    file.seek(0)
    with np.load(file, allow_pickle=False) as saved:
        assert Position.from_state(dict(saved)) == SOMEWHERE


def test_state_is_a_copy() -> None:
    position = Position.from_state(SOMEWHERE.state())
    state = position.state()
    position.end_block([Place(9, 9), Place(9, 9)], 3)
    assert Position.from_state(state) == SOMEWHERE
    assert position == Position(2, 2, 0, 33, [80, 20], [9, 9], [9, 9], [])
    position.end_epoch()
    assert position == Position(3, 0, 0, 33, [80, 20], [9, 9], [9, 9], [])


def test_entering() -> None:
    position = Position()
    position.enter(corpora(a=3, b=2))
    assert (position.documents, position.places) == ([3, 2], [Place(0, 0)] * 2)
    position.enter(corpora(a=3, b=2))
    for others in (corpora(a=3, b=4), corpora(a=3), corpora(a=3, b=2, c=1)):
        with pytest.raises(MTLError, match="began with, of 3, 2 documents, got a of 3"):
            position.enter(others)


def without(name: str) -> State:
    return {key: value for key, value in SOMEWHERE.state().items() if key != name}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "Expected epoch, block, .* as the batcher's state, got "),
        (without("draws"), "Expected epoch, block, .*, got .*drawn"),
        ({**SOMEWHERE.state(), "more": np.asarray(1)}, "got .*more"),
        ({**SOMEWHERE.state(), "epoch": np.asarray([1])}, "0 dimensions as 'epoch'"),
        ({**SOMEWHERE.state(), "draws": np.asarray(1)}, "1 dimensions as 'draws'"),
        ({**SOMEWHERE.state(), "drawn": np.asarray([0.5, 1.0])}, "whole numbers .* 'drawn'"),
        ({**SOMEWHERE.state(), "drawn": np.asarray([5])}, "state of 2 corpora everywhere"),
        ({**SOMEWHERE.state(), "draws": np.asarray([5])}, "state of 2 corpora everywhere"),
    ],
)
def test_wrong_state(state: State, message: str) -> None:
    with pytest.raises(MTLError, match=message):
        Position.from_state(state)
