from spacy_mtl.cluster.connection import reason
from spacy_mtl.errors import MTLError


class OfWorkers(Exception):
    """As Ray Train has it: the errors of workers, by rank."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        super().__init__("Training failed due to worker errors:\n...")
        self.worker_failures = failures


def test_an_error_of_ours_is_told_from_wherever_it_is() -> None:
    outer = RuntimeError("ray")
    outer.__cause__ = OfWorkers({1: MTLError("Expected this, got that.")})
    assert reason(outer) == "Expected this, got that."


def test_what_is_behind_all_others_is_told() -> None:
    inner = ValueError("no such thing\nand more")
    assert reason(OfWorkers({0: inner})).startswith("ValueError: no such thing")


def test_a_circle_ends() -> None:
    error = RuntimeError("round")
    error.__cause__ = error
    assert reason(error) == "RuntimeError: round"
