"""A cluster: what is none, what fits on one, and why something on it failed."""

import os
import subprocess
import sys
from typing import Any

import pytest

from spacy_mtl.cluster.connection import _times, check_room, connected, reason, room
from spacy_mtl.cluster.train import _own_failure
from spacy_mtl.errors import MTLError
from spacy_mtl.workers import WorkerLost


class OfWorkers(Exception):
    """As Ray Train has it: the errors of workers, by rank."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        super().__init__("Training failed due to worker errors:\n...")
        self.worker_failures = failures


def test_an_error_of_ours_is_told_from_wherever_it_is() -> None:
    outer = RuntimeError("ray")
    outer.__cause__ = OfWorkers({1: MTLError("Expected this, got that.")})
    assert reason(outer) == "Expected this, got that."


def test_the_worker_that_failed_is_told_from_those_that_lost_it() -> None:
    lost, failed = WorkerLost("Expected all workers to answer."), MTLError("Expected this.")
    assert _own_failure(OfWorkers({0: lost, 1: failed})) is failed
    assert _own_failure(OfWorkers({0: lost, 1: RuntimeError("killed")})) is None


def test_an_error_without_a_text_has_its_name() -> None:
    assert reason(KeyError()) == "KeyError: "


def test_what_is_behind_all_others_is_told() -> None:
    inner = ValueError("no such thing\nand more")
    assert reason(OfWorkers({0: inner})).startswith("ValueError: no such thing")


def test_a_circle_ends() -> None:
    error = RuntimeError("round")
    error.__cause__ = error
    assert reason(error) == "RuntimeError: round"


def test_where_nothing_answers(machines: Any) -> None:
    expected = pytest.raises(MTLError, match="Expected a Ray cluster at 127.0.0.1:9, got no answer")
    with expected, connected("127.0.0.1:9"):
        pass


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:port", ":6379"])
def test_what_is_no_address(machines: Any, address: str) -> None:
    with pytest.raises(MTLError, match="Expected local, auto or HOST:PORT"), connected(address):
        pass


LOCAL = """
from spacy_mtl.cluster.connection import connected, room
with connected("local"):
    import ray
    print(len(ray.nodes()), ray.get_runtime_context().gcs_address)
"""


def test_a_local_cluster_is_one_of_its_own(machines: Any) -> None:
    """Beside others that run on this machine, whatever the environment says."""
    env = {**os.environ, "RAY_ADDRESS": machines.address}
    found = subprocess.run([sys.executable, "-c", LOCAL], env=env, capture_output=True, text=True)
    n_machines, address = found.stdout.split()
    assert int(n_machines) == 1
    assert address != machines.address


def test_room_is_on_machines(machines: Any) -> None:
    """Three have a CPU each, and none a GPU."""
    assert room() == 3
    assert room(0.5) == 0
    with pytest.raises(MTLError, match="for each of 4, got one with room for 3"):
        check_room(4)


def test_room_of_a_machine() -> None:
    machine = {"CPU": 4.5, "GPU": 2.0}
    assert [_times(machine, gpus) for gpus in (0.0, 0.1, 0.5, 1.0, 2.0, 3.0)] == [4, 4, 4, 2, 1, 0]
