"""How much longer a pipeline takes for all its tasks than for some of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import spacy
from spacy.tokens import Doc

from .corpora import docs_of
from .speed import ratio_text


def times_of_all(
    model: Path, test: Path, rounds: int, some: Callable[[list[str]], list[str]]
) -> tuple[list[str], list[str], str]:
    """All tasks, those that `some` chooses of them, and how many times as long all take: median
    and range over rounds in turns."""
    nlp = spacy.load(model)
    component: Any = nlp.get_pipe("multitask")
    names = list(component.active_tasks)
    chosen = some(names)
    words = [[token.text for token in doc] for doc in docs_of(test)]

    def seconds(tasks: list[str]) -> float:
        component.active_tasks = tasks
        docs = [Doc(nlp.vocab, words=each) for each in words]
        began = process_time()
        for _ in nlp.pipe(docs):
            pass
        return process_time() - began

    seconds(names)  # to warm up
    ratios = [seconds(names) / seconds(chosen) for _ in range(rounds)]
    return names, chosen, ratio_text(ratios)
