"""`spacy mtl calibrate`: probabilities that say how often the pipeline is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shutil import copytree
from typing import Annotated

import typer
from spacy.language import Language
from spacy.training import Example
from tqdm import tqdm
from typer import Argument, Option
from wasabi import Printer

from ..card.card import README, is_card
from ..corpora.coverage import files_of
from ..corpora.readers import gold_token_examples
from ..errors import MTLError
from ..evaluation.refusal import Doubts, doubts
from ..evaluation.temperature import (
    HIGHEST,
    LabelledScores,
    Measured,
    can_be_calibrated,
    labelled_scores,
)
from ..evaluation.thresholds import label_decisions
from ..files import write_folder_whole
from ..pipeline.live import multitasks, tasks_by_name
from ..pipeline.saving import write_cfg
from ..tasks.base import Task
from ..tasks.capable import Thresholded
from ._app import app
from ._loading import load_pipeline, use_device
from ._options import Code, GpuId
from ._printing import print_table
from ._refusal import print_refused
from ._thresholds import print_thresholds

Both = tuple[Measured, Measured]
NEARLY = 0.99
HEADER = ("Task", "T", "Labelled", "NLL", "-> NLL", "Decisions", "Right", "ECE", "-> ECE")


@app.command("calibrate")
def calibrate(
    model: Annotated[str, Argument(help="A trained pipeline: its folder or package name.")],
    dev: Annotated[
        Path, Argument(exists=True, help="A .spacy file to fit on, or a folder of them.")
    ],
    output: Annotated[
        Path | None,
        Option(metavar="DIR", file_okay=False, help="Write the calibrated pipeline there."),
    ] = None,
    in_place: Annotated[
        bool, Option("--in-place", help="Store what is fitted in MODEL, a folder.")
    ] = False,
    thresholds: Annotated[
        bool,
        Option("--thresholds/--no-thresholds", help="Choose thresholds for multi-label tasks."),
    ] = True,
    test: Annotated[
        Path | None,
        Option(metavar="FILE", exists=True, help="Measure there too, without fitting."),
    ] = None,
    refuse: Annotated[
        float | None,
        Option(
            metavar="SHARE",
            help="Let exclusive tasks leave documents without a class, this share of those of DEV "
            "that have one, as 0.05; 0 for none.",
        ),
    ] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the pipeline in DIR.")] = False,
    code: Code = None,
    gpu_id: GpuId = -1,
) -> None:
    """Fit each task's temperature, by which scores are divided before they become probabilities.

    It is that of the highest likelihood of what DEV says, which should not be the data that the
    pipeline was trained on. Tags, entities and the best class (but for classes with levels) stay
    as they are; confidences, the scores in doc.cats and overlapping spans change. A task without
    such probabilities is named and passed over. Then each label of a multi-label task gets the
    threshold from which on it is assigned with the highest F on DEV; where a label is rare, mostly
    by what its probabilities expect.
    Nothing is stored without --output or --in-place.

    The tables show each task's temperature T and, before and after, the mean negative
    log-likelihood in nats of a labelled token, document or class (NLL), and the expected
    calibration error (ECE): the mean distance between confidence and the share of decisions
    that is right, in 15 bins of confidence. Those of thresholds show F with the task's one and
    with the label's own, which is flattered on DEV: look at that on the documents of --test.

    With --refuse, a task leaves all classes at 0 where the entropy of their probabilities is above
    that of all but this share of the documents of DEV that have a class. A table shows it, and the
    share that is refused of them and of documents that have none: all classes are 0 in their
    annotation. AUROC is how often one of the latter has the higher entropy, of all pairs.

    \b
    Examples:
      spacy mtl calibrate training/model-best dev.spacy --output training/calibrated
      spacy mtl calibrate training/model-best dev.spacy --in-place --test test.spacy
      spacy mtl calibrate training/model-best dev.spacy --in-place --refuse 0.05
    """
    _check_target(output, in_place, overwrite)
    use_device(gpu_id, silent=True)
    nlp = load_pipeline(model)
    if in_place and not (Path(model) / "config.cfg").exists():
        raise MTLError(f"Expected a folder for --in-place, got the package {model}. Use --output.")
    without = _without_probabilities(nlp)
    paths = [path for path in (dev, test) if path is not None]
    refusals = _fit_refusals(nlp, paths, refuse) if refuse is not None else {}
    scores = {path: labelled_scores(nlp, _examples(nlp, path)) for path in paths}
    if not any(found.n_units for found in scores[dev]):
        raise MTLError(f"Expected in {dev} annotation of the tasks of {model}, got none.")
    before = {path: [each.measure() for each in found] for path, found in scores.items()}
    fitted = [each.fit() for each in scores[dev]]
    shown = {(component, t.name): name for name, (component, t) in _tasks(nlp).items()}
    names = [shown[each.component, each.name] for each in scores[dev]]
    for path, found in scores.items():
        after = [each.measure() for each in found]
        _print_measured(path, names, list(zip(before[path], after, strict=True)))
    for path, refusing in refusals.items():
        print_refused(path, [shown[each.component, each.name] for each in refusing], refusing)
    chosen = _choose_thresholds(names, scores, dev) if thresholds else set()
    for name, each, was, is_fitted in zip(names, scores[dev], before[dev], fitted, strict=True):
        has_moved = each.task.temperature != was.temperature
        _print_warning(name, each, is_fitted, has_moved and name not in chosen)
    for name in without:
        Printer().warn(f"{name}: has no probabilities to calibrate, and is passed over.")
    _store(nlp, {each.component for each in scores[dev]}, output, in_place)


def _check_target(output: Path | None, in_place: bool, overwrite: bool) -> None:
    if output is not None and in_place:
        raise MTLError("Expected --output or --in-place, got both.")
    if output is None or not output.exists():
        return
    if not overwrite:
        raise MTLError(f"Expected to write a new {output}, but it exists. --overwrite replaces it.")
    if not (output / "config.cfg").exists() or not (output / "meta.json").exists():
        raise MTLError(f"Expected a pipeline to replace, got {output}, which is none.")


def _examples(nlp: Language, path: Path) -> Iterable[Example]:
    def examples() -> Iterator[Example]:
        for file in files_of([path]):
            yield from gold_token_examples(file, nlp)

    shown: Iterable[Example] = tqdm(examples(), desc=f"Scoring {path.name}", disable=None)
    return shown


def _fit_refusals(nlp: Language, paths: Sequence[Path], share: float) -> dict[Path, list[Doubts]]:
    """Fitted on the first file, to be measured on all."""
    found = {path: doubts(nlp, _examples(nlp, path)) for path in paths}
    for each in found[paths[0]]:
        if not each.fit(share):
            Printer().warn(f"{each.name}: nothing to fit on, it refuses what it did before.")
    return found


def _without_probabilities(nlp: Language) -> list[str]:
    """The active tasks that cannot be calibrated.

    RAISES (MTLError): If that is all of them.
    """
    active = {
        name: task
        for name, (component, task) in _tasks(nlp).items()
        if task.name in multitasks(nlp)[component].active_tasks
    }
    without = [name for name, task in active.items() if not can_be_calibrated(task)]
    if active and len(without) == len(active):
        raise MTLError(
            f"Expected a task with probabilities to calibrate, got none of {', '.join(without)}."
        )
    return without


def _tasks(nlp: Language) -> dict[str, tuple[str, Task]]:
    """Those of the enabled components."""
    pipes = multitasks(nlp)
    return tasks_by_name({name: pipe for name, pipe in pipes.items() if name in nlp.pipe_names})


def _print_measured(path: Path, names: Sequence[str], measured: Sequence[Both]) -> None:
    Printer().divider(str(path))
    print_table(HEADER, [_row(*row) for row in zip(names, measured, strict=True)])


def _row(name: str, both: Both) -> tuple[str, ...]:
    before, after = both
    row = [name, f"{after.temperature:.3f}", f"{after.n_units:,}"]
    row += [f"{each.nll:.4f}" if each.n_units else "-" for each in both]
    one, other = before.reliability, after.reliability
    if not other.n:
        return (*row, "0", "-", "-", "-")
    return (*row, f"{other.n:,}", f"{other.right:.1%}", f"{one.ece:.4f}", f"{other.ece:.4f}")


def _choose_thresholds(
    names: Sequence[str], scores: Mapping[Path, list[LabelledScores]], dev: Path
) -> set[str]:
    """Choose them on dev, print them, and name the tasks that have some."""
    chosen = set()
    for place, name in enumerate(names):
        found = {path: label_decisions(tasks[place]) for path, tasks in scores.items()}
        if (on_dev := found[dev]) is None:
            continue
        on_dev.choose()
        chosen.add(name)
        for path, decisions in found.items():
            if decisions is not None:
                print_thresholds(name, path, decisions)
    return chosen


def _print_warning(
    name: str, found: LabelledScores, is_fitted: bool, has_old_thresholds: bool
) -> None:
    printer, task = Printer(), found.task
    if not found.n_units:
        printer.warn(f"{name}: nothing to fit on, it keeps its temperature.")
    elif not is_fitted:
        printer.warn(
            f"{name}: the lower the temperature, the better, as where all is right, or all are "
            "alike, as where its scores are. It keeps the one that it has. Fit it on more "
            "documents."
        )
    elif task.temperature > HIGHEST * NEARLY:
        printer.warn(
            f"{name}: the higher the temperature, the better, as where its scores say nothing of "
            "what is right. Look at its scores, and at the documents."
        )
    elif has_old_thresholds and isinstance(task, Thresholded) and task.depends_on_temperature:
        printer.warn(
            f"{name}: which scores reach its thresholds has changed. Choose them anew, by this "
            "command without --no-thresholds or by `spacy find-threshold`."
        )


def _store(nlp: Language, components: set[str], output: Path | None, in_place: bool) -> None:
    def write(folder: Path) -> None:
        for name in components:
            write_cfg(multitasks(nlp)[name], folder / name)

    def write_copy(folder: Path) -> None:
        copytree(nlp.path, folder, dirs_exist_ok=True)
        write(folder)

    outdated = is_card(nlp.path / README)
    if in_place:
        write(nlp.path)
    elif output is not None:
        write_folder_whole(output, write_copy)
    else:
        typer.echo("Nothing is stored. --output DIR writes the calibrated pipeline, and --in-place")
        typer.echo("stores what was fitted in MODEL.")
        return
    typer.echo(f"Wrote {output or nlp.path}")
    if outdated:
        Printer().warn("Its model card is of before: write it again with `spacy mtl card`.")
