"""The parts of a card about the pipeline itself: what it is, and its test scores."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from spacy.language import Language

from ..comparison.bootstrap import Estimate
from ..comparison.results import Results
from ..comparison.survey import TaskCoverage, TaskSurvey, cover, training_examples
from ..errors import MTLError, one_line
from ..tasks.capable import labels_of
from ..wording import NOTHING, counted, percent, score
from .evaluate import TEST, Evaluation, TaskEvaluation, evaluated_tasks
from .markdown import code, details, table, text

NOT_SAID = "not stated"
_UNREADABLE = (OSError, KeyError, ValueError, MTLError)  # what readers raise where nothing is
Coverages = dict[str, dict[str, TaskCoverage]]  # by task and corpus


def facts(meta: Mapping[str, Any], name: str) -> str:
    """A table of what `meta.json` says about the pipeline."""
    author = " ".join(str(meta[key]) for key in ("author", "email", "url") if meta.get(key))
    rows = [
        ("Name", code(name)),
        ("Version", code(str(meta["version"]))),
        ("spaCy", code(str(meta["spacy_version"]))),
        ("spacy-mtl", code(version("spacy-mtl"))),
        ("Pipeline", _codes(meta["pipeline"])),
        ("Components", _codes(meta["components"])),
        ("Licence", text(str(meta.get("license") or NOT_SAID))),
        ("Author", text(author or NOT_SAID)),
    ]
    return table(["", ""], rows, n_text=2)


def tasks(tested: Evaluation) -> str:
    """What each task writes, and its labels."""
    rows = [
        [
            code(each.name),
            code(each.component),
            code(each.task.writes),
            f"{len(labels_of(each.task)):,}",
        ]
        for each in tested.tasks
    ]
    labels = {each.name: labels_of(each.task) for each in tested.tasks}
    lists = [f"{code(name)}: {_codes(own) or 'none'}" for name, own in labels.items()]
    every = sum(map(len, labels.values()))
    folded = details(f"All {counted(every, 'label')}", "\n\n".join(lists))
    return f"{table(['Task', 'Component', 'Writes', 'Labels'], rows, n_text=3)}\n\n{folded}"


def scores(tested: Evaluation) -> str:
    """The test scores with their intervals, and those of each label."""
    shares = all(each.is_share for each in tested.tasks)
    others = "" if shares else ", or in its own unit what is not a share"
    intro = (
        f"On the {counted(tested.docs, 'document')} ({counted(tested.tokens, 'token')}) of "
        f"{code(tested.path.as_posix())}, on their own tokens, in per cent{others}. The "
        f"intervals hold {percent(tested.confidence, 0)} % of {tested.samples:,} bootstrap samples "
        "of these documents: they say how much the choice of documents matters, not how another "
        "training would have ended."
    )
    rows = [_score_row(each) for each in tested.tasks]
    header = ["Task", "Metric", "Score", f"{percent(tested.confidence, 0)} % interval", "Documents"]
    labels = [_labels(each) for each in tested.tasks if each.score is not None and each.per_label]
    return "\n\n".join([intro, table(header, rows, n_text=2), *labels])


def coverages(nlp: Language, tested: Evaluation, results: Results | None) -> Coverages:
    """What each corpus says about each task: the training corpora of a comparison, if there is one,
    or else those that the config names, as far as they can be read, and the test documents."""
    found = TaskSurvey(nlp, evaluated_tasks(nlp))
    if results is None:
        _cover_training(found)
    else:
        for task, info in results.tasks.items():
            found.coverage[task] = {name: TaskCoverage(**n) for name, n in info.coverage.items()}
    for each in tested.tasks:
        found.coverage.setdefault(each.name, {})[TEST] = each.coverage
    return found.coverage


def _cover_training(found: TaskSurvey) -> None:
    """Cover what can be read, and warn of what cannot."""
    try:
        corpora = training_examples(found.nlp)
    except _UNREADABLE as error:
        warnings.warn(f"The card is without the training data: {one_line(error)}", stacklevel=3)
        return
    for name, examples in corpora.items():
        try:
            cover(found, {name: examples})
        except _UNREADABLE as error:
            warnings.warn(f"The card is without '{name}': {one_line(error)}", stacklevel=3)


def data(coverage: Coverages) -> str:
    """What is labelled for each task."""
    corpora = list(dict.fromkeys(name for by_corpus in coverage.values() for name in by_corpus))
    intro = (
        f"By training corpus; {code(TEST)} are the test documents."
        if corpora != [TEST]
        else "Of the test documents alone: the training data could not be read for this card."
    )
    unit = (
        " Units are what is labelled or not: tokens for tags, lemmas and entities, documents for "
        "classes of which each has one, and otherwise each class or value of a document."
    )
    rows = [
        [code(task), *(_amount(by_corpus.get(name, TaskCoverage())) for name in corpora)]
        for task, by_corpus in coverage.items()
    ]
    return f"{intro}{unit}\n\n{table(['Task', *map(code, corpora)], rows)}"


def _codes(names: Any) -> str:
    return ", ".join(code(str(name)) for name in names)


def _score_row(tested: TaskEvaluation) -> list[str]:
    found: Estimate | None = tested.score
    if found is None:
        docs = tested.coverage.docs if tested.labelled else 0
        metric = text(tested.directed_metric) or NOTHING
        return [code(tested.name), metric, NOTHING, tested.why_no_score, f"{docs:,}"]
    value, low, high = (
        score(each, tested.is_share) for each in (found.value, found.low, found.high)
    )
    return [
        code(tested.name),
        text(tested.directed_metric),
        value,
        f"{low} to {high}",
        f"{tested.coverage.docs:,}",
    ]


def _labels(tested: TaskEvaluation) -> str:
    header = ["Label", "Precision", "Recall", "F", "Gold"]
    return details(f"{tested.name}: each label", table(header, _label_rows(tested)))


def _label_rows(tested: TaskEvaluation) -> Iterator[list[str]]:
    for label, found in tested.per_label.items():
        yield [code(label), *(percent(found[key]) for key in "prf"), f"{int(found['gold']):,}"]


def _amount(found: TaskCoverage) -> str:
    if not found.units:
        return "none"
    return f"{found.units:,} in {counted(found.docs, 'document')}"
