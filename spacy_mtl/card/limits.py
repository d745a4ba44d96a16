"""The parts of a card about what a pipeline is for, and where it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from spacy.language import Language

from ..comparison.results import COSTS, NONE, Results
from ..layers import table
from ..tasks.base import Task
from ..tasks.capable import Calibrated, Labelled, Refusing, ThresholdedByLabel
from ..wording import counted, difference, interval, joined
from .evaluate import TEST, Evaluation, TaskEvaluation
from .markdown import bullets, code, text

_MOST = 20  # names in a sentence


def intended_use(nlp: Language, tested: Evaluation, results: Results | None) -> str:
    """What the data say about it: the language, the tasks, and the corpora by their names."""
    by_layer: dict[str, list[str]] = {}
    for each in tested.tasks:
        by_layer.setdefault(_written(each.task), []).append(each.name)
    layers = [f"{layer} ({_names(names)})" for layer, names in by_layer.items()]
    use = f"To annotate {_language(nlp)} with {joined(layers, _MOST)}."
    corpora = training_corpora(nlp, results)
    if not corpora:
        return use
    return f"{use} It was trained on {_names(corpora)}, and is for text of that kind."


def _written(task: Task) -> str:
    """What a task writes in plain words, or as spaCy names it where there is no layer of it."""
    assigned = set(task.assigns)
    titles = [each.title for each in table().values() if not assigned.isdisjoint(each.assigns)]
    return joined(titles, _MOST) if titles else code(task.writes)


def limits(tested: Evaluation, results: Results | None) -> str:
    """What is true of every such pipeline, and what the test and the comparison have shown."""
    tasks = [each.task for each in tested.tasks]
    decisions = (*_of_thresholds(tasks), *_of_refusal(tasks))
    confidences = _of_confidences(tested.tasks)
    return bullets([*_of_tasks(tested), *_of_sharing(results), *decisions, *confidences])


def training_corpora(nlp: Language, results: Results | None) -> list[str]:
    """The names of the corpora with labels, or of all in the config; none if it mixes none."""
    if results is not None:
        infos = results.tasks.values()
        named = (name for info in infos for name, n in info.coverage.items() if n.get("units"))
        return [name for name in dict.fromkeys(named) if name != TEST]
    section: Any = nlp.config
    for key in nlp.config["training"].get("train_corpus", "").split("."):
        section = section.get(key, {}) if isinstance(section, dict) else {}
    corpora = section.get("corpora") if isinstance(section, dict) else None
    return list(corpora) if isinstance(corpora, dict) and len(corpora) > 1 else []


def _of_tasks(tested: Evaluation) -> Iterator[str]:
    labelled = [each.name for each in tested.tasks if isinstance(each.task, Labelled)]
    if labelled:
        who = "Each task" if len(labelled) == len(tested.tasks) else f"Each of {_names(labelled)}"
        yield (
            f"{who} predicts only the labels listed above: one that it has not seen in training is "
            "never predicted."
        )
    for each in tested.tasks:
        if each.unseen:
            yield (
                f"{code(each.name)} does not know the labels of "
                f"{counted(each.unseen, 'annotation')} in the test data, which count as errors."
            )
    untested = [each.name for each in tested.tasks if not each.labelled]
    if untested:
        yield f"Not tested, as the test documents say nothing about it: {_names(untested)}."
    unmeasured = [each.name for each in tested.tasks if each.labelled and each.score is None]
    if unmeasured:
        yield f"Without a test score of their own: {_names(unmeasured)}."
    yield (
        f"The scores are of {code(tested.path.as_posix())}. Text of another domain, style or time "
        "was not tested; expect worse scores there."
    )
    yield (
        "They were measured on the tokens of the test files. On raw text, what the tokenizer does "
        "differently comes on top."
    )


def _of_sharing(results: Results | None) -> Iterator[str]:
    if results is None:
        yield (
            "Whether a task would be better alone, in a pipeline of its own, was not compared "
            f"({code('spacy mtl compare')})."
        )
        return
    gains = results.full.comparisons[results.joint[0]].tasks
    for task, gain in gains.items():
        if gain.verdict == COSTS:
            info = results.tasks[task]
            unit = "points" if info.is_share else f"of {text(info.directed_metric)}"
            yield (
                f"{code(task)} is significantly worse than trained alone: "
                f"{difference(gain.difference, info.is_share)} {unit} "
                f"({interval(gain.low, gain.high, info.is_share)})."
            )
    unclear = [task for task, gain in gains.items() if gain.verdict == NONE]
    if unclear:
        yield (
            f"No difference to training alone was shown for {_names(unclear)}, which is not the "
            "same as none: the intervals say how large it may be."
        )
    if results.not_compared:
        yield text(results.not_compared)


def _of_thresholds(tasks: Sequence[Task]) -> Iterator[str]:
    """Of the tasks whose labels do not all have the same."""
    for task in tasks:
        if not isinstance(task, ThresholdedByLabel):
            continue
        found = set(task.label_thresholds.values())
        if len(found) > 1:
            yield (
                f"A label of {code(task.name)} counts as assigned from a threshold of its own, "
                f"from {min(found):.2f} to {max(found):.2f}; the scores above are by these."
            )


def _of_refusal(tasks: Sequence[Task]) -> Iterator[str]:
    refusing = [
        task.name for task in tasks if isinstance(task, Refusing) and isfinite(task.refuse_above)
    ]
    if refusing:
        yield (
            f"{_names(refusing)} can leave a text without a class: then all class scores are 0. "
            "What share of other texts that concerns, the test data need not show."
        )


def _of_confidences(tasks: Sequence[TaskEvaluation]) -> Iterator[str]:
    temperatures = {
        each.name: each.task.temperature for each in tasks if isinstance(each.task, Calibrated)
    }
    raw = [name for name, temperature in temperatures.items() if temperature == 1.0]
    if raw:
        yield (
            f"Not calibrated: the confidences and class scores of {_names(raw)} are not "
            "probabilities of being right."
        )
    without = [each.name for each in tasks if each.name not in temperatures]
    if without:
        yield f"Without confidences, as they have no probabilities: {_names(without)}."
    fitted = [name for name in temperatures if name not in raw]
    if fitted:
        yield (
            f"The confidences of {_names(fitted)} were calibrated, which holds for text like that "
            "which they were fitted on."
        )


def _names(names: Sequence[str]) -> str:
    return joined([code(name) for name in names], _MOST)


def _language(nlp: Language) -> str:
    """By the name of spaCy's class: "English text"."""
    return "text of any language" if nlp.lang == "xx" else f"{text(type(nlp).__name__)} text"
