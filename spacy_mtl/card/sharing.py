"""The part of a card about single- against multi-task training, from a finished comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..comparison.costs import Cost, joint_and_single
from ..comparison.results import Results
from ..errors import MTLError
from ..tasks.base import Task
from ..tasks.capable import labels_of
from ..wording import (
    counted,
    difference,
    interval,
    megabytes,
    percent,
    score,
    seconds,
    signed,
)
from .markdown import code, table, text


def comparison_of(folder: Path, tasks: Mapping[str, tuple[str, Task]]) -> Results:
    """The results in a folder, if they are about a pipeline with these tasks.

    tasks: by name, with the component of each.
    RAISES (MTLError): If they are not, or there are none.
    """
    results = Results.load(folder)
    own = {name: (task.writes, set(labels_of(task))) for name, (_, task) in tasks.items()}
    compared = {name: (info.writes, set(info.labels)) for name, info in results.tasks.items()}
    if set(own) != set(compared):
        raise MTLError(
            f"Expected in {folder} a comparison of the pipeline's tasks ({', '.join(own)}), got "
            f"one of {', '.join(compared)}. Name that of the pipeline's own config."
        )
    other = [name for name in own if own[name] != compared[name]]
    if other:
        raise MTLError(
            f"Expected in {folder} a comparison of the pipeline's tasks, got one in which "
            f"{', '.join(other)} had other labels, or wrote something else. Compare again with the "
            "config and the data that the pipeline was trained with."
        )
    return results


def sharing(results: Results) -> str:
    """Each task alone and together, what sharing changes, and what both ways cost."""
    full, joint = results.full, results.joint[0]
    confidence = f"{percent(results.confidence, 0)} %"
    intro = (
        f"Each task was trained alone and all together by {code('spacy mtl compare')}, with "
        f"{counted(len(full.seeds), 'seed')} and {counted(full.steps, 'step')} each, and scored on "
        f"{counted(results.test_docs, 'document')} ({code(results.test)}). Means over the seeds ± "
        f"standard deviation, in per cent; differences in points with their {confidence} interval "
        "from a paired bootstrap over documents and seeds; p is corrected for the number of tasks "
        f"(Holm). They are trainings of {code(results.config)}, and this pipeline is none of them."
    )
    if not results.only_shares:
        intro += " What is not a share is in its own unit, and of an error, lower is better."
    if results.not_compared:
        intro += f" {text(results.not_compared)}"
    header = ["Task", "Metric", "Verdict", "Alone", "Together", "Difference"]
    header += [f"{confidence} interval", "p"]
    rows = table(header, _rows(results, joint), n_text=3)
    total = full.comparisons[joint]
    change = (
        f"Mean relative change over the tasks (Delta_m): {signed(total.delta_m, 2)} % "
        f"({signed(total.delta_m_low, 2)} to {signed(total.delta_m_high, 2)})"
        f"{text(total.left_out)}."
    )
    return "\n\n".join([intro, rows, change, table(*_costs(results, joint))])


def _rows(results: Results, joint: str) -> Iterator[list[str]]:
    full = results.full
    for task, gain in full.comparisons[joint].tasks.items():
        found = [full.systems[name].scores[task] for name in (results.single[task], joint)]
        info = results.tasks[task]
        yield [
            code(task),
            text(info.directed_metric),
            gain.verdict,
            *(f"{score(s.mean, info.is_share)} ± {score(s.std, info.is_share)}" for s in found),
            difference(gain.difference, info.is_share),
            interval(gain.low, gain.high, info.is_share),
            f"{gain.p_holm:.3f}",
        ]


def _costs(results: Results, joint: str) -> tuple[list[str], list[list[str]]]:
    """What one pipeline takes, and all single ones, which annotate one after the other."""
    together, alone = joint_and_single(results, joint, results.full)
    header = ["", "Training", "Words per second", "Size"]
    return header, [
        ["one pipeline", *_cost(together)],
        [counted(len(results.single), "single-task pipeline"), *_cost(alone)],
    ]


def _cost(found: Cost) -> list[str]:
    return [
        seconds(found.train_seconds),
        f"{found.words_per_second:,.0f}",
        megabytes(found.bytes),
    ]
