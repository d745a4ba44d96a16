"""The sections about scores: each task alone and together, and over parts of the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..comparison.results import COSTS, GAINS, AtFraction, Gain, Results, Score, TaskInfo
from ..wording import difference, interval, joined, percent, score, signed
from .charts import Interval, Line, curves, intervals
from .content import Cell, Chart, Section, Table, row

SYMBOLS = {GAINS: "▲", COSTS: "▼"}  # beside the colour
NO_SYMBOL = "●"
POINTS = "points"
SCORED = ["Task", "Metric", "Alone", "Together", "Difference", "Interval", "p", "Verdict"]


def scores_section(results: Results) -> Section:
    """Each task alone and together with all of the data; other joint systems below."""
    confidence = f"{results.confidence:.0%}".replace("%", " %")
    others = (
        ""
        if results.only_shares
        else " What is not a share is in its own unit, with its differences; of an error, lower is "
        "better, so that a gain has a minus sign."
    )
    intro = [
        "Scores on the test documents, in per cent: means over the seeds ± their standard "
        f"deviation. The difference is in percentage points, with its {confidence} interval from "
        "a bootstrap over test documents and seeds; p is corrected for the number of tasks "
        f"(Holm), and below {results.alpha:g} the difference counts as shown.{others}"
    ]
    if results.not_compared:
        intro.append(results.not_compared)
    tables = [scores_table(results, results.full, joint) for joint in results.joint]
    return Section("scores", "Scores", intro, list(_differences(results)), tables)


def scores_table(results: Results, found: AtFraction, joint: str) -> Table:
    """A joint system beside the single tasks."""
    compared = found.comparisons[joint]
    gain = (
        f"mean relative gain Δm {signed(compared.delta_m)} % "
        f"({signed(compared.delta_m_low)} to {signed(compared.delta_m_high)}){compared.left_out}"
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
        + ("" if results.only_shares else " Errors are in their own unit; there, below is better.")
    ]
    compared = results.full.comparisons[results.joint[0]].tasks
    charts = [
        _curve(results, place, task) for place, task in enumerate(results.tasks) if task in compared
    ]
    tables = [
        Table(
            f"Together minus alone, with {percent(found.fraction, 0)} % of the data",
            ["Task", "Alone", "Together", "Difference", "Interval", "p", "Verdict"],
            [[each[0], *each[2:]] for each in _score_rows(results, found, results.joint[0])],
        )
        for found in results.fractions[1:]
    ]
    return Section("learning", "Learning curves", intro, charts, tables)


def _score_rows(results: Results, found: AtFraction, joint: str) -> Iterator[list[Cell]]:
    for task, gain in found.comparisons[joint].tasks.items():
        alone, together = (
            found.systems[name].scores[task] for name in (results.single[task], joint)
        )
        info = results.tasks[task]
        yield row(
            task,
            info.directed_metric,
            _spread(alone, info),
            _spread(together, info),
            difference(gain.difference, info.is_share),
            interval(gain.low, gain.high, info.is_share),
            f"{gain.p_holm:.3f}",
            verdict_cell(gain),
        )


def _spread(found: Score, info: TaskInfo) -> str:
    return f"{score(found.mean, info.is_share)} ± {score(found.std, info.is_share)}"


def verdict_cell(gain: Gain) -> Cell:
    """The verdict in words, with a symbol."""
    return Cell(f"{SYMBOLS.get(gain.verdict, NO_SYMBOL)} {gain.verdict}", verdict=gain.verdict)


def _differences(results: Results) -> Iterator[Chart]:
    """A chart for each unit that differences are in, that of the shares first."""
    by_unit: dict[tuple[str, str], list[str]] = {}
    for task in results.full.comparisons[results.joint[0]].tasks:
        by_unit.setdefault(_unit(results.tasks[task]), []).append(task)
    ranked = sorted(by_unit, key=lambda unit: unit[0] != POINTS)
    for place, unit in enumerate(ranked):
        name = f"figure-scores-{place}" if place else "figure-scores"
        yield _difference_chart(results, name, *unit, by_unit[unit])


def _unit(info: TaskInfo) -> tuple[str, str]:
    """In which differences are, and the side of zero at which gains are."""
    unit = POINTS if info.is_share else str(info.metric)
    return unit, "right" if info.higher_is_better else "left"


def _difference_chart(
    results: Results, name: str, unit: str, side: str, tasks: Sequence[str]
) -> Chart:
    is_share = results.tasks[tasks[0]].is_share
    scale = 100 if is_share else 1
    gains = results.full.comparisons[results.joint[0]].tasks
    said, drawn = [], []
    for task in tasks:
        gain = gains[task]
        ends = interval(gain.low, gain.high, is_share)
        said.append(f"{task} {difference(gain.difference, is_share)} ({ends}; {gain.verdict})")
        value, low, high = (scale * each for each in (gain.difference, gain.low, gain.high))
        drawn.append(Interval(task, value, low, high, gain.verdict))
    digits = 2 if is_share else 3
    table = Table(
        f"Differences in {f'percentage {unit}' if is_share else unit}",
        ["Task", "Difference", "Low", "High"],
        [
            row(each.name, *(signed(v, digits) for v in (each.value, each.low, each.high)))
            for each in drawn
        ],
    )
    return Chart(
        name,
        "What sharing changes" if is_share else f"What sharing changes: {unit}",
        f"Differences between joint and single training in {unit}: {'; '.join(said)}.",
        intervals(name, drawn, f"{unit}, to the {side}: better together"),
        table,
    )


def _curve(results: Results, number: int, task: str) -> Chart:
    systems = {"together": results.joint[0], "alone": results.single[task]}
    scores = {  # from the smallest part of the data on
        found.fraction: [found.systems[system].scores[task] for system in systems.values()]
        for found in reversed(results.fractions)
        if task in found.comparisons[results.joint[0]].tasks
    }
    info = results.tasks[task]
    scale = 100 if info.is_share else 1
    lines = [
        Line(
            name,
            [100 * fraction for fraction in scores],
            [scale * each[place].mean for each in scores.values()],
            [scale * each[place].std for each in scores.values()],
            single=name == "alone",
        )
        for place, name in enumerate(systems)
    ]
    unit = "in per cent" if info.is_share else "in its own unit"
    rows = [
        row(f"{percent(fraction, 0)} %", *(_spread(each, info) for each in found))
        for fraction, found in scores.items()
    ]
    said = [
        f"with {each[0].text} of the data {each[1].text} together and {each[2].text} alone"
        for each in rows
    ]
    name = f"figure-learning-{number}"
    ylabel = f"{info.metric}, %" if info.is_share else info.directed_metric
    return Chart(
        name,
        task,
        f"{info.directed_metric} of {task} {unit}: {joined(said, 99)}.",
        curves(name, lines, "training data, %", ylabel),
        Table(f"{task}: {info.directed_metric} {unit}", ["Data", "Together", "Alone"], rows),
    )
