"""What the comparison shows, in three sentences and a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..comparison.costs import Cost, joint_and_single
from ..comparison.results import COSTS, GAINS, NONE, Comparison, Gain, Results
from ..wording import (
    counted,
    difference,
    interval,
    joined,
    megabytes,
    number,
    percent,
    seconds,
    signed,
)
from .content import Fact
from .scores import NO_SYMBOL, POINTS, SYMBOLS

FEW_SEEDS = 3  # with fewer, the variance over them is hardly known


def sentences(results: Results) -> list[str]:
    """What sharing changes in quality, what it saves, and what to do."""
    quality = f"{_quality(results)} {results.not_compared}".strip()
    return [quality, _cost(results), _advice(results)]


def facts(results: Results) -> list[Fact]:
    """Numbers that stand out."""
    compared = results.full.comparisons[results.joint[0]]
    verdicts = [gain.verdict for gain in compared.tasks.values()]
    together, alone = _costs(results)
    faster = together.words_per_second / max(alone.words_per_second, 1e-9)
    size = percent(together.bytes / max(alone.bytes, 1), 0)
    n = len(results.single)
    signs = {GAINS: SYMBOLS[GAINS], NONE: NO_SYMBOL, COSTS: SYMBOLS[COSTS]}
    counts = [
        f"{sign}\N{NO-BREAK SPACE}{verdicts.count(verdict)}" for verdict, sign in signs.items()
    ]
    return [
        Fact("\N{EN SPACE}".join(counts), "tasks that gain, show no difference, lose"),
        Fact(
            f"{signed(compared.delta_m)} %",
            f"mean relative gain Δm, {_range(compared)}{compared.left_out}",
        ),
        Fact(f"{faster:.1f}×", f"the words per second of the {n} single pipelines in turn"),
        Fact(f"{size} %", f"of the size of the {n} single pipelines"),
    ]


def _range(compared: Comparison) -> str:
    return f"{signed(compared.delta_m_low)} to {signed(compared.delta_m_high)}"


def _quality(results: Results) -> str:
    gains = results.full.comparisons[results.joint[0]].tasks
    if not gains:
        return "No scores were compared."
    by_verdict = {
        verdict: {task: gain for task, gain in gains.items() if gain.verdict == verdict}
        for verdict in (GAINS, COSTS, NONE)
    }
    if len(by_verdict[NONE]) == len(gains):
        return (
            "Between training together and training alone, no difference in quality could be "
            f"shown for any of the {len(gains)} tasks ({joined(list(gains), 6)})."
        )
    clauses: list[str] = []
    words = ("higher", "lower") if results.only_shares else ("better", "worse")
    for verdict, word in zip((GAINS, COSTS), words, strict=True):
        if found := by_verdict[verdict]:
            verb = "scores" if len(found) == 1 else "score"
            confidence = "" if clauses else f"{results.confidence:.0%} interval ".replace("%", " %")
            clauses.append(f"{_with_points(results, found, confidence)} {verb} {word} than alone")
    if rest := by_verdict[NONE]:
        clauses.append(f"no difference could be shown for {joined(list(rest))}")
    return f"Trained together, {'; '.join(clauses)}."


def _with_points(results: Results, gains: Mapping[str, Gain], confidence: str) -> str:
    """Each task with its difference; `confidence` is said of the first interval."""
    said: list[str] = []
    for task, gain in gains.items():
        info = results.tasks[task]
        unit = POINTS if info.is_share else f"of {info.directed_metric}"
        change = f"{difference(gain.difference, info.is_share)} {unit}"
        ends = interval(gain.low, gain.high, info.is_share)
        said.append(f"{task} ({change}, {'' if said else confidence}{ends})")
    return joined(said, len(said))


def _costs(results: Results) -> tuple[Cost, Cost]:
    return joint_and_single(results, results.joint[0], results.full)


def _cost(results: Results) -> str:
    together, alone = _costs(results)
    n = len(results.single)
    return (
        f"One pipeline of {megabytes(together.bytes)} takes the place of {n} with "
        f"{megabytes(alone.bytes)}; it annotates {together.words_per_second:,.0f} words a second "
        f"against {alone.words_per_second:,.0f} of the {n} one after the other, and was trained "
        f"in {seconds(together.train_seconds)} against {seconds(alone.train_seconds)}."
    )


def _advice(results: Results) -> str:
    gains = results.full.comparisons[results.joint[0]].tasks
    costs = [task for task, gain in gains.items() if gain.verdict == COSTS]
    n_seeds = len(results.full.seeds)
    caution = ""
    if n_seeds < FEW_SEEDS:
        tell = "tells" if n_seeds == 1 else "tell"
        caution = f"; {counted(n_seeds, 'seed')} {tell} little about chance: repeat with 5"
    if costs:
        return f"{_remedy(results, costs)}{caution}."
    if any(gain.verdict == GAINS for gain in gains.values()):
        return (
            "No task was shown to lose by it, so that the joint pipeline can take the place of "
            f"the others{caution}."
        )
    if not gains:
        return f"Decide by speed and size{caution}."
    return (
        f"{_unseen(results)} could have gone unseen with "
        f"{counted(results.test_docs, 'test document')} and {counted(n_seeds, 'seed')}: decide by "
        "speed and size, or compare again with more of both."
    )


def _unseen(results: Results) -> str:
    """How large a difference may be that was not shown: of all shares, and of each other task."""
    widest: dict[str, float] = {}
    for task, gain in results.full.comparisons[results.joint[0]].tasks.items():
        half = max(gain.high - gain.difference, gain.difference - gain.low)
        place = "" if results.tasks[task].is_share else task
        widest[place] = max(widest.get(place, 0.0), half)
    if widest.get("", 0.0) >= 1:
        return "Any difference"
    said = [
        f"{number(half)} of {results.tasks[task].metric} ({task})"
        if task
        else f"{percent(half)} points"
        for task, half in widest.items()
    ]
    return f"Differences of up to about {joined(said, len(said))}"


def _remedy(results: Results, costs: Sequence[str]) -> str:
    """What helps the tasks that lose: a variant that was tried, or what could be."""
    for variant in results.joint[1:]:
        tasks = results.full.comparisons[variant].tasks
        if all(tasks[task].verdict != COSTS for task in tasks):
            return (
                f"With `{variant}`, no task was shown to lose any more; as it was chosen by these "
                "test documents, confirm it on others"
            )
    it = "it" if len(costs) == 1 else "them"
    return (
        f"For {joined(costs, len(costs))}, try a larger weight, another `loss_unit` or a balancer "
        "(see the documentation, Choosing weights), an encoder for a group of tasks (`spacy mtl "
        f"affinity`), or keep {it} in a pipeline of {'its' if len(costs) == 1 else 'their'} own"
    )
