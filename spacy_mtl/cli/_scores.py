"""The scores of a pipeline's tasks as tables."""

from __future__ import annotations

from typing import Any

from wasabi import Printer

from ..card.evaluate import Evaluation, TaskEvaluation
from ._printing import print_table

NOTHING = "-"


def print_scores(tested: Evaluation) -> None:
    """Print a row for each task: its score and the interval, shares from 0 to 1."""
    rows = []
    for each in tested.tasks:
        found = each.score
        values = (found.value, found.low, found.high) if found else (None, None, None)
        metric = each.directed_metric or NOTHING
        rows.append([each.name, metric, *map(_figure, values), f"{each.coverage.docs:,}"])
    header = ["task", "metric", "score", "low", "high", "documents"]
    print_table(header, rows, n_text_columns=2)
    for each in tested.tasks:
        if each.labelled and each.score is None:
            Printer().warn(f"No score of '{each.name}': {each.why_no_score}.")


def print_details(tested: TaskEvaluation) -> None:
    """Print all other scores of a task, and those of each of its labels, keys and features."""
    printer = Printer()
    printer.divider(tested.name)
    single = {k: v for k, v in tested.scores.items() if isinstance(v, (int, float))}
    if not tested.labelled:
        printer.info(f"The data say nothing about it in {tested.task.writes}.")
        single = {}
    if single:
        print_table([*single], [[_figure(value) for value in single.values()]], n_text_columns=0)
    errors = tested.scores.get("errors") or {}
    if errors:
        rows = [[name, _figure(value)] for name, value in errors.items()]
        print_table(["error", "lower is better"], rows)
    if keys := tested.scores.get("per_key") or {}:
        measures = ("mae", "rmse", "spearman")
        rows = [
            [key, *(_figure(of[each]) for each in measures), f"{of['docs']:,}"]
            for key, of in keys.items()
        ]
        print_table(["key", *measures, "documents"], rows)
    if tested.per_label:
        _print_labels(tested)
    features = tested.scores.get("per_feat") or {}
    if features:
        rows = [[name, *(_figure(of[key]) for key in "prf")] for name, of in features.items()]
        print_table(["feature", "p", "r", "f"], rows)
    if tested.unseen:
        printer.warn(f"{tested.unseen:,} labelled units have labels that the task does not know.")


def _print_labels(tested: TaskEvaluation) -> None:
    areas = tested.scores.get("auc_per_type")
    rows = []
    for label, of in tested.per_label.items():
        row = [label, *(_figure(of[key]) for key in "prf"), f"{int(of['gold']):,}"]
        rows.append(row if areas is None else [*row, _figure(areas.get(label))])
    header = ["label", "p", "r", "f", "gold"]
    print_table(header if areas is None else [*header, "auc"], rows)


def _figure(value: Any) -> str:
    return NOTHING if value is None else f"{value:.4f}"
