"""Checkpoints on disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from spacy_mtl.errors import MTLError
from spacy_mtl.training.checkpoints import ARRAYS, Checkpoints, read_checkpoint

STATE = {
    "a/é": np.arange(6, dtype="float32").reshape(2, 3),
    "flag": np.asarray(True),
    "none": np.zeros((0, 3)),
    "bits": np.packbits([1, 0, 1]),
    "turned": np.arange(6.0).reshape(2, 3).T,
    "nan": np.asarray([np.nan, -0.0, np.inf]),
    **{kind: np.asarray([1, 2], dtype=kind) for kind in ("int64", "int32", "uint32", "float16")},
}
DOCUMENT = {"score": 0.1 + 0.2, "name": "é", "none": None, "numbers": [1, 2.5]}


def write(folder: Path, numbers: Any, keep: int = 3) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for number in numbers:
        checkpoints.write(number, STATE, {**DOCUMENT, "number": number})
    return checkpoints


def names(checkpoints: Checkpoints) -> list[str]:
    return [path.name for path in checkpoints.paths()]


def test_there_and_back(tmp_path: Path) -> None:
    found, problems = write(tmp_path, [7]).latest()
    assert found is not None and problems == []
    assert found.document == {**DOCUMENT, "number": 7}
    assert list(found.arrays) == sorted(STATE) or set(found.arrays) == set(STATE)
    for name, array in STATE.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape
        assert found.arrays[name].tobytes() == array.tobytes()


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5).filter(lambda name: name != "__metadata__"),
        st.tuples(
            st.sampled_from(["float32", "int64", "bool", "uint8"]),
            st.lists(st.integers(0, 3), max_size=3),
        ),
        max_size=5,
    )
)
def test_any_arrays(tmp_path_factory: pytest.TempPathFactory, shapes: Any) -> None:
    arrays = {name: np.ones(shape, dtype=kind) for name, (kind, shape) in shapes.items()}
    path = Checkpoints(tmp_path_factory.mktemp("any")).write(1, arrays, {})
    for name, array in load_file(path / ARRAYS).items():
        assert array.dtype == arrays[name].dtype and np.array_equal(array, arrays[name])
    assert len(load_file(path / ARRAYS)) == len(arrays)


def test_keeps_the_last(tmp_path: Path) -> None:
    checkpoints = write(tmp_path, [2, 4, 100, 1000], keep=2)
    assert names(checkpoints) == ["step-00000100", "step-00001000"]
    assert len(list(tmp_path.iterdir())) == 2


def test_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none").latest() == (None, [])


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json", "checksums.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "empty"])
def test_damage_is_found(tmp_path: Path, name: str, damage: str) -> None:
    checkpoints = write(tmp_path, [2, 4])
    path = tmp_path / "step-00000004" / name
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
    found, problems = checkpoints.latest()
    assert found is not None and found.document["number"] == 2
    assert len(problems) == 1
    assert problems[0].startswith(f"The checkpoint {path.parent} is damaged: ")
    assert len(problems[0].splitlines()) == 1


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    write(tmp_path, [4])
    rng = np.random.default_rng(0)
    for path in sorted((tmp_path / "step-00000004").iterdir()):
        content = path.read_bytes()
        before = read_checkpoint(path.parent)
        for place in rng.choice(len(content), 20).tolist():
            flipped = bytearray(content)
            flipped[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(flipped)
            try:
                after = read_checkpoint(path.parent)  # as where a space becomes another
            except MTLError:
                continue
            assert after.document == before.document
            assert all(np.array_equal(after.arrays[n], a, True) for n, a in before.arrays.items())
        path.write_bytes(content)


def test_all_are_damaged(tmp_path: Path) -> None:
    checkpoints = write(tmp_path, [2, 4])
    for path in checkpoints.paths():
        (path / ARRAYS).write_bytes(b"x")
    with pytest.raises(MTLError, match=r"got none: .*step-00000004.*step-00000002.* --overwrite"):
        checkpoints.latest()


def test_those_after_a_damaged_one_do_not_push_out_good_ones(tmp_path: Path) -> None:
    """After 2 was resumed from because 8 is damaged, 3 is the last."""
    checkpoints = write(tmp_path, [1, 2, 8], keep=2)
    (tmp_path / "step-00000008" / ARRAYS).write_bytes(b"x")
    write(tmp_path, [3], keep=2)
    assert names(checkpoints) == ["step-00000002", "step-00000003"]


def test_nothing_is_lost_if_the_disk_is_full(tmp_path: Path, monkeypatch: Any) -> None:
    checkpoints = write(tmp_path, [2, 4])

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spacy_mtl.training.checkpoints._write_arrays", full)
    with pytest.raises(MTLError, match=r"write .*step-00000006, got: No space left on device"):
        checkpoints.write(6, STATE, DOCUMENT)
    assert names(checkpoints) == ["step-00000002", "step-00000004"]
    assert len(list(tmp_path.iterdir())) == 2
    found, problems = checkpoints.latest()
    assert found is not None and found.document["number"] == 4 and not problems
