"""The sections about scores: each task alone and together, and over parts of the data."""

from __future__ import annotations

from collections.abc import Iterator

from ..comparison.results import COSTS, GAINS, AtFraction, Gain, Results
from .charts import Interval, Line, curves, intervals
from .content import Cell, Chart, Section, Table, row
from .wording import joined, percent, points, signed

SYMBOLS = {GAINS: "▲", COSTS: "▼"}  # beside the colour
NO_SYMBOL = "●"
SCORED = ["Task", "Metric", "Alone", "Together", "Difference", "Interval", "p", "Verdict"]


def scores_section(results: Results) -> Section:
    """Each task alone and together with all of the data; other joint systems below."""
    confidence = f"{results.confidence:.0%}".replace("%", " %")
    intro = [
        "Scores on the test documents, in per cent: means over the seeds ± their standard "
        f"deviation. The difference is in percentage points, with its {confidence} interval from "
        "a bootstrap over test documents and seeds; p is corrected for the number of tasks "
        f"(Holm), and below {results.alpha:g} the difference counts as shown."
    ]
    tables = [scores_table(results, results.full, joint) for joint in results.joint]
    return Section(
        "scores", "Scores", intro, [_differences(results)] if results.tasks else [], tables
    )


def scores_table(results: Results, found: AtFraction, joint: str) -> Table:
    """A joint system beside the single tasks."""
    compared = found.comparisons[joint]
    gain = (
        f"mean relative gain Δm {signed(compared.delta_m)} % "
        f"({interval(compared.delta_m_low, compared.delta_m_high, 1)}){compared.left_out}"
    )
    what = "Joint pipeline" if joint == results.joint[0] else f"Joint pipeline with {joint}"
    return Table(f"{what}: {gain}", SCORED, list(_score_rows(results, found, joint)), n_text=2)


def learning_section(results: Results) -> Section:
    """Scores over parts of the training data; in words if there is only all of it."""
    if len(results.fractions) < 2:
        intro = [
            "The comparison was made with all of the training data only. With "
            "`--fractions 0.1,0.25,0.5,1.0`, `spacy mtl compare` trains on parts of it too, which "
            "shows whether sharing helps more where labels are few."
        ]
        return Section("learning", "Learning curves", intro)
    intro = [
        "Test scores with parts of the training data, in per cent; bars are standard deviations "
        "over the seeds. Where together is above alone on the left and the lines meet on the "
        "right, sharing helps with few labels and not with many."
    ]
    charts = [_curve(results, number, task) for number, task in enumerate(results.tasks)]
    tables = [
        Table(
            f"Together minus alone, with {percent(found.fraction, 0)} % of the data",
            ["Task", "Alone", "Together", "Difference", "Interval", "p", "Verdict"],
            [[each[0], *each[2:]] for each in _score_rows(results, found, results.joint[0])],
        )
        for found in results.fractions[1:]
    ]
    return Section("learning", "Learning curves", intro, charts, tables)


def interval(low: float, high: float, digits: int) -> str:
    """Both ends with their signs."""
    return f"{signed(low, digits)} to {signed(high, digits)}"


def _score_rows(results: Results, found: AtFraction, joint: str) -> Iterator[list[Cell]]:
    for task, gain in found.comparisons[joint].tasks.items():
        alone, together = (
            found.systems[name].scores[task] for name in (results.single[task], joint)
        )
        yield row(
            task,
            results.tasks[task].metric,
            f"{percent(alone.mean)} ± {percent(alone.std)}",
            f"{percent(together.mean)} ± {percent(together.std)}",
            points(gain.difference),
            interval(100 * gain.low, 100 * gain.high, 1),
            f"{gain.p_holm:.3f}",
            verdict_cell(gain),
        )


def verdict_cell(gain: Gain) -> Cell:
    """The verdict in words, with a symbol."""
    return Cell(f"{SYMBOLS.get(gain.verdict, NO_SYMBOL)} {gain.verdict}", verdict=gain.verdict)


def _differences(results: Results) -> Chart:
    gains = results.full.comparisons[results.joint[0]].tasks
    drawn = [
        Interval(task, 100 * gain.difference, 100 * gain.low, 100 * gain.high, gain.verdict)
        for task, gain in gains.items()
    ]
    said = [
        f"{each.name} {signed(each.value)} ({interval(each.low, each.high, 1)}; {each.verdict})"
        for each in drawn
    ]
    table = Table(
        "Differences in percentage points",
        ["Task", "Difference", "Low", "High"],
        [
            row(each.name, *(signed(v, 2) for v in (each.value, each.low, each.high)))
            for each in drawn
        ],
    )
    return Chart(
        "figure-scores",
        "What sharing changes",
        f"Differences between joint and single training in points: {'; '.join(said)}.",
        intervals("figure-scores", drawn, "points, to the right: better together"),
        table,
    )


def _curve(results: Results, number: int, task: str) -> Chart:
    fractions = sorted(results.fractions, key=lambda found: found.fraction)
    systems = {"together": results.joint[0], "alone": results.single[task]}
    lines = []
    for name, system in systems.items():
        scores = [found.systems[system].scores[task] for found in fractions]
        lines.append(
            Line(
                name,
                [100 * found.fraction for found in fractions],
                [100 * score.mean for score in scores],
                [100 * score.std for score in scores],
                single=name == "alone",
            )
        )
    metric = results.tasks[task].metric
    rows = [
        row(
            f"{percent(found.fraction, 0)} %",
            *(f"{line.y[place]:.1f} ± {line.spread[place]:.1f}" for line in lines),
        )
        for place, found in enumerate(fractions)
    ]
    said = [
        f"with {each[0].text} of the data {each[1].text} together and {each[2].text} alone"
        for each in rows
    ]
    name = f"figure-learning-{number}"
    return Chart(
        name,
        task,
        f"{metric} of {task} in per cent: {joined(said, 99)}.",
        curves(name, lines, "training data, %", f"{metric}, %"),
        Table(f"{task}: {metric} in per cent", ["Data", "Together", "Alone"], rows),
    )
