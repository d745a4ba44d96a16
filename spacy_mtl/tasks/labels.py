"""A task's labels, the columns that they have, and which of them a corpus knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example

from ..errors import MTLError
from ..marks import CORPUS, known_labels


class LabelledTask:
    """What tasks with a fixed set of labels have in common."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.set_labels(())

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    @property
    def columns(self) -> list[str]:
        return self.columns_of(self._labels)

    def columns_of(self, labels: Iterable[str]) -> list[str]:
        """The names of the head's outputs if the task had these labels."""
        return list(labels)

    def set_labels(self, labels: Iterable[str]) -> None:
        self._labels = tuple(labels)
        self._known_columns: dict[tuple[str, ...], NDArray[np.bool_]] = {}

    def known_columns(
        self, examples: Sequence[Example], per_token: bool = False
    ) -> NDArray[np.bool_] | None:
        """(n_docs or n_tokens, n_columns) what each unit's corpus knows; None where all know all.

        A corpus that is declared to know some labels knows the columns of a task with these alone.
        Raises MTLError if the task has no such label.
        """
        declared = [known_labels(example).get(self.name) for example in examples]
        if all(labels is None for labels in declared):
            return None
        known = np.stack([self._known(*pair) for pair in zip(examples, declared, strict=True)])
        if known.all():
            return None
        return np.repeat(known, [len(eg.predicted) for eg in examples], 0) if per_token else known

    def _known(self, example: Example, declared: Sequence[str] | None) -> NDArray[np.bool_]:
        key = self._labels if declared is None else tuple(declared)
        if key not in self._known_columns:
            if unknown := [label for label in key if label not in self._labels]:
                corpus = example.reference.user_data.get(CORPUS, "")
                raise MTLError(
                    f"Expected labels of the task '{self.name}' ({some(self._labels)}) in what "
                    f"the corpus '{corpus}' is declared to know, got {some(unknown)}. "
                    "Correct them in the corpus's `labels`."
                )
            self._known_columns[key] = np.isin(self.columns, self.columns_of(key))
        return self._known_columns[key]


def some(names: Iterable[str], n: int = 8) -> str:
    """The first of these names, for a message."""
    listed = sorted(names)
    return ", ".join(listed[:n]) + (", ..." if len(listed) > n else "")
