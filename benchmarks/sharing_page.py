"""The tables and the plot of `benchmarks.sharing`, for the page of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spacy_mtl.comparison.results import AtFraction, Results

COLUMNS = 5


def markdown(name: str, results: Results) -> str:
    """A table of the full data, and one of the parts, for one corpus."""
    return "\n\n".join([f"### {name}", _full(results), *_parts(results)])


def _full(results: Results) -> str:
    rows = ["| task | metric | single | joint | difference | 95 % interval | p (Holm) | verdict |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    found = results.full
    for task, gain in found.comparisons[results.joint[0]].tasks.items():
        cells = [task, results.tasks[task].directed_metric, *_scores(results, found, task)]
        cells.append(f"{gain.difference:+.4f}")
        cells.append(f"{gain.low:+.4f} to {gain.high:+.4f}")
        cells.append(f"{gain.p_holm:.3f}")
        cells.append(gain.verdict if gain.verdict.startswith("no") else f"**{gain.verdict}**")
        rows.append(f"| {' | '.join(cells)} |")
    seeds = len(found.seeds)
    return "\n".join([*rows, "", f"{found.steps} steps, {seeds} seeds. {_total(results, found)}"])


def _scores(results: Results, found: AtFraction, task: str) -> Iterator[str]:
    for system in (results.single[task], results.joint[0]):
        score = found.systems[system].scores[task]
        yield f"{score.mean:.4f} ± {score.std:.4f}"


def _total(results: Results, found: AtFraction) -> str:
    total = found.comparisons[results.joint[0]]
    one = found.systems[results.joint[0]]
    singles = [found.systems[name] for name in results.single.values()]
    return (
        f"Δm {total.delta_m:+.2f} % ({total.delta_m_low:+.2f} to {total.delta_m_high:+.2f}). "
        f"On disk {one.bytes / 1e6:.1f} MB against "
        f"{sum(single.bytes for single in singles) / 1e6:.1f} MB."
    )


def _parts(results: Results) -> Iterator[str]:
    parts = results.fractions[1:]
    if not parts:
        return
    rows = ["| part of the data | steps | " + " | ".join(results.tasks) + " | Δm |"]
    rows.append("|---" * (len(results.tasks) + 3) + "|")
    for found in parts:
        compared = found.comparisons[results.joint[0]]
        cells = [f"{found.fraction:.0%}", str(found.steps)]
        for task, gain in compared.tasks.items():
            single, joint = (
                found.systems[name].scores[task].mean
                for name in (results.single[task], results.joint[0])
            )
            ends = f"{gain.low:+.3f} to {gain.high:+.3f}"
            shown = f"{single:.3f} → {joint:.3f} ({ends})"
            cells.append(shown if gain.verdict.startswith("no") else f"**{shown}**")
        low, high = compared.delta_m_low, compared.delta_m_high
        cells.append(f"{compared.delta_m:+.1f} % ({low:+.1f} to {high:+.1f})")
        rows.append(f"| {' | '.join(cells)} |")
    yield "\n".join(rows)


def plot(found: Mapping[str, Results], path: Path) -> None:
    """Draw learning curves: a row for each corpus, a panel for each task."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    size = (2.6 * COLUMNS, 2.3 * len(found))
    figure, axes = plt.subplots(len(found), COLUMNS, figsize=size, squeeze=False)
    for row, (name, results) in zip(axes, found.items(), strict=True):
        for axis in row[len(results.tasks) :]:
            axis.axis("off")
        for axis, task in zip(row, results.tasks, strict=False):
            _draw(axis, results, task)
            axis.set_title(f"{name}: {task}", fontsize=9)
    axes[0][0].legend(fontsize=8, frameon=False)
    figure.supxlabel("part of the training data", fontsize=9)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw(axis: Any, results: Results, task: str) -> None:
    systems = {"single": results.single[task], "joint": results.joint[0]}
    for (label, system), style in zip(systems.items(), ("o--", "s-"), strict=True):
        fractions = [found.fraction for found in results.fractions]
        scores = [found.systems[system].scores[task] for found in results.fractions]
        means, stds = [score.mean for score in scores], [score.std for score in scores]
        axis.errorbar(fractions, means, yerr=stds, fmt=style, ms=4, lw=1.2, capsize=2, label=label)
    axis.set_xscale("log")
    ticks = sorted(found.fraction for found in results.fractions)
    axis.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks], fontsize=7)
    axis.minorticks_off()
    axis.tick_params(axis="y", labelsize=7)
    axis.set_ylabel(results.tasks[task].metric, fontsize=7)
    axis.grid(alpha=0.3)
