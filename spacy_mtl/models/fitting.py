"""Layers that must fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import MTLError, one_line


@contextmanager
def fitting(what: str) -> Iterator[None]:
    """Let what goes wrong in the initialization of an encoder be an MTLError that names it."""
    try:
        yield
    except MTLError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MTLError(
            f"Expected as {what} layers that take documents, give vectors and fit each other, got: "
            f"{one_line(error)}. Compare the widths of its parts, and see what they take."
        ) from error
