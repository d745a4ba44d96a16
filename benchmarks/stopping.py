"""Which checkpoint different rules would choose in finished runs, and what each task loses by it.

python -m benchmarks.stopping --cache CACHE --run mixture

From the training logs alone: nothing is trained. A run has a folder in the cache, with its name in
`run.json`. The first table has each rule over all runs, the second each task of each run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from spacy_mtl.evaluation.runs import RESULT, SPEC
from spacy_mtl.pipeline.history import ScoreHistory
from spacy_mtl.pipeline.selection import Selection

from .quality import DEFAULT_CACHE

CLOSE = 0.5  # points below the best of a run that a task may lose

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Log:
    """A run's evaluations. scores: of each task, at each of them. chosen: by what the run chose."""

    name: str
    steps: list[int]
    scores: dict[str, list[float]]
    chosen: list[float]

    @classmethod
    def of(cls, name: str, rows: Sequence[Mapping[str, Any]]) -> Log:
        """Of the rows of a training log; of the tasks that all of them measured."""
        found = {task: [row["tasks"][task]["score"] for row in rows] for task in rows[0]["tasks"]}
        measured = {task: scores for task, scores in found.items() if None not in scores}
        return cls(name, [row["step"] for row in rows], measured, [row["score"] for row in rows])

    def lost(self, task: str, evaluation: int) -> float:
        """How many points a task's score is below its best of the run."""
        return 100 * (max(self.scores[task]) - self.scores[task][evaluation])


Rule = Callable[[Log], list[float]]  # a number for each evaluation, of which the highest wins


def online(**settings: Any) -> Rule:
    """A rule that a component can have as its `selection`."""
    selection = Selection(**settings)

    def numbers(log: Log) -> list[float]:
        history, found = ScoreHistory(), []
        for row in zip(*log.scores.values(), strict=True):
            history.record(dict(zip(log.scores, row, strict=True)))
            found.append(selection.score(history) or 0.0)
        return found

    return numbers


def share_of_best(log: Log) -> list[float]:
    """The share of its best of the whole run that the worst task has."""
    best = {task: max(max(scores), 1e-6) for task, scores in log.scores.items()}
    return [min(s[i] / best[task] for task, s in log.scores.items()) for i in _numbers(log)]


def points_of_best(log: Log) -> list[float]:
    """The points that the worst task is below its best of the whole run, negative."""
    return [-max(log.lost(task, i) for task in log.scores) for i in _numbers(log)]


def _numbers(log: Log) -> range:
    return range(len(log.steps))


RULES: dict[str, Rule] = {
    "score of the run": lambda log: log.chosen,
    **{
        f"{rule}{name}": online(rule=rule, **smoothing)
        for rule in ("mean", "geometric", "worst")
        for name, smoothing in (
            ("", {}),
            (", of 3", {"evaluations": 3}),
            (", decay 0.5", {"decay": 0.5}),
        )
    },
    "share of the best (all evaluations)": share_of_best,
    "points to the best (all evaluations)": points_of_best,
    "end of the run": lambda log: list(_numbers(log)),
}


def chosen(rule: Rule, log: Log) -> int:
    """The evaluation that becomes `model-best`: of equal ones, as in spaCy's loop, the last."""
    numbers = rule(log)
    return max(_numbers(log), key=lambda i: (numbers[i], i))


def overall(logs: Sequence[Log]) -> str:
    """For each rule: points lost over the tasks of all runs, and those that keep close."""
    rows = ["| rule | mean loss | worst loss | tasks that lose at most 0.5 |", "|---|---|---|---|"]
    for name, rule in RULES.items():
        lost = [log.lost(task, chosen(rule, log)) for log in logs for task in log.scores]
        close = sum(each <= CLOSE for each in lost)
        mean = sum(lost) / len(lost)
        rows.append(f"| {name} | {mean:.2f} | {max(lost):.2f} | {close} of {len(lost)} |")
    return "\n".join(rows)


def by_task(logs: Sequence[Log]) -> str:
    """For each run and rule: the step, and the points that each task loses."""
    rows = []
    for log in logs:
        best = {task: log.steps[scores.index(max(scores))] for task, scores in log.scores.items()}
        heads = [f"{task} ({100 * max(log.scores[task]):.2f} at {best[task]})" for task in best]
        rows += ["", f"### {log.name}", "", f"| rule | step | {' | '.join(heads)} |"]
        rows.append("|---" * (len(heads) + 2) + "|")
        for name, rule in RULES.items():
            place = chosen(rule, log)
            cells = [f"{log.lost(task, place):.2f}" for task in log.scores]
            rows.append(f"| {name} | {log.steps[place]} | {' | '.join(cells)} |")
    return "\n".join(rows[1:])


def logs_of(folders: Iterable[Path], names: Sequence[str]) -> Iterator[Log]:
    """The finished runs in these folders, with several tasks, whose names begin so."""
    for folder in sorted(folders):
        if not ((folder / RESULT).exists() and (folder / SPEC).exists()):
            continue
        spec = json.loads((folder / SPEC).read_text(encoding="utf8"))
        rows = json.loads((folder / RESULT).read_text(encoding="utf8"))["history"]
        if rows and spec["name"].startswith(tuple(names)):
            log = Log.of(f"{spec['name']}, seed {spec['seed']}", rows)
            if len(log.scores) > 1:
                yield log


@app.command()
def main(
    cache: Annotated[
        list[Path], Option(help="Folders with those of finished runs; may be repeated")
    ] = [DEFAULT_CACHE],  # noqa: B006
    run: Annotated[list[str], Option(help="Beginnings of runs' names; may be repeated")] = [""],  # noqa: B006
    total: Annotated[bool, Option("--total", help="Leave the single runs out")] = False,
) -> None:
    """Print the tables."""
    logs = list(logs_of((each for folder in cache for each in folder.iterdir()), run))
    if not logs:
        where = ", ".join(map(str, cache))
        raise typer.BadParameter(f"Expected finished runs of several tasks in {where}, got none.")
    typer.echo(overall(logs))
    if not total:
        typer.echo("\n" + by_task(logs))


if __name__ == "__main__":
    app()
