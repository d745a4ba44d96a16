"""The section about confidences: whether of decisions with 80 %, 80 % are right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from spacy.training import Example

from ..confidences import span_confidence, tag_confidence
from ..evaluation.calibration import Reliability, reliability
from ..tasks.base import Task
from ..tasks.ner import NER
from ..tasks.tagger import Tagger
from ..tasks.textcat import TextCat
from .charts import reliability_diagram
from .confusions import best_class
from .content import Chart, Section, Table, row
from .material import Material
from .wording import NOTHING, counted, joined, percent

BINS = 10
Outcome = tuple[float, bool]  # how sure, and whether it is right


def calibration_section(material: Material) -> Section:
    """A diagram for each task whose confidences the predictions have."""
    intro = [
        "How sure the joint pipeline was of each entity, class and tag that it gave on the test "
        "documents, and how often it was right, over all seeds. Points below the dashed line are "
        "too sure, points above it not sure enough. The expected calibration error (ECE) is the "
        f"mean distance from the line, in percentage points, over {BINS} bins."
    ]
    charts, rows, without = [], [], []
    for n, (name, task) in enumerate(material.tasks.items()):
        found = task_reliability(task, material.examples(material.joint))
        if found is None:
            without.append(name)
            continue
        alone = task_reliability(task, material.examples(material.results.single[name]))
        charts.append(_chart(f"figure-calibration-{n}", name, found))
        rows.append(
            row(
                name,
                f"{found.n:,}",
                percent(mean_confidence(found)),
                percent(found.right),
                percent(found.ece),
                percent(alone.ece) if alone else NOTHING,
            )
        )
    if without:
        intro.append(f"The predictions do not say how sure they are of {joined(without)}.")
    header = ["Task", "Decisions", "Mean confidence", "Right", "ECE together", "ECE alone"]
    tables = [Table("Calibration, in per cent", header, rows)] if rows else []
    return Section("calibration", "Calibration", intro, charts, tables)


def task_reliability(
    task: Task, seeds: Iterable[Iterable[Example]], bins: int = BINS
) -> Reliability | None:
    """Over the decisions of all seeds; None if it is not known how sure they are."""
    found = [outcome for examples in seeds for outcome in outcomes(task, examples)]
    if not found:
        return None
    confidences, right = zip(*found, strict=True)
    return reliability(np.clip(confidences, 0.0, 1.0), right, bins)


def mean_confidence(found: Reliability) -> float:
    """Over all decisions."""
    return float(np.nansum(found.counts * found.confidence) / found.n)


def outcomes(task: Task, examples: Iterable[Example]) -> Iterator[Outcome]:
    """Of each decision about what is labelled: how sure it is, and whether it is right."""
    for example in examples:
        if isinstance(task, NER):
            yield from _of_spans(task, example)
        elif isinstance(task, Tagger):
            yield from _of_tags(task, example)
        elif isinstance(task, TextCat) and task.is_scored(example):
            yield from _of_classes(task, example)


def _of_spans(task: NER, example: Example) -> Iterator[Outcome]:
    gold, guess = task.scored_spans(example)
    doc = example.predicted
    spans = doc.ents if task.spans_key is None else doc.spans.get(task.spans_key, [])
    for span in spans:
        key = (span.label_, span.start, span.end)
        confidence = span_confidence(span)
        if key in guess and confidence is not None and not np.isnan(confidence):
            yield confidence, key in gold


def _of_tags(task: Tagger, example: Example) -> Iterator[Outcome]:
    if task.attr != "TAG":  # there are no confidences of the others
        return
    for token, gold, guess in zip(example.predicted, *task.gold_and_guess(example), strict=True):
        confidence = tag_confidence(token)
        if gold >= 0 and guess >= 0 and confidence is not None:
            yield confidence, bool(gold == guess)


def _of_classes(task: TextCat, example: Example) -> Iterator[Outcome]:
    gold, guess = task.gold_classes(example.reference), example.predicted.cats
    if task.exclusive:
        best = best_class(task, guess)
        yield guess[task.labels[best]], best == best_class(task, gold)
        return
    for label in task.labels:
        if label in gold and label in guess:
            decided = guess[label] >= task.threshold
            sure = guess[label] if decided else 1 - guess[label]
            yield sure, decided == (gold[label] >= 0.5)


def _chart(name: str, task: str, found: Reliability) -> Chart:
    rows = [
        row(
            f"{percent(low, 0)} to {percent(high, 0)}",
            f"{count:,}",
            percent(float(confidence)),
            percent(float(accuracy)),
        )
        for low, high, count, confidence, accuracy in zip(
            found.edges[:-1].tolist(),
            found.edges[1:].tolist(),
            found.counts.tolist(),
            found.confidence,
            found.accuracy,
            strict=True,
        )
        if count
    ]
    return Chart(
        name,
        task,
        f"Reliability diagram of {task}: {counted(found.n, 'decision')} with a mean confidence of "
        f"{percent(mean_confidence(found))} %, of which {percent(found.right)} % are right; the "
        f"expected calibration error is {percent(found.ece)} points.",
        reliability_diagram(name, found),
        Table(f"{task}, by confidence", ["Confidence, %", "Decisions", "Mean", "Right, %"], rows),
        f"ECE {percent(found.ece)} points",
    )
