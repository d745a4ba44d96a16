"""Tasks with an error, with a rank correlation, and without any statistics, from `compare` to the
report and the card."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy
from evaluation.in_process import train_in_process
from metrics.regressor import BLOCKS, TEXTS, write_levels
from pipeline.helpers import make_nlp, multitask
from spacy.tokens import DocBin

from spacy_mtl.card.card import Words, make_card
from spacy_mtl.card.evaluate import Evaluation, evaluate
from spacy_mtl.card.limits import limits
from spacy_mtl.cli._scores import print_details, print_scores
from spacy_mtl.comparison.compare import compare
from spacy_mtl.comparison.plan import Settled, make_plan
from spacy_mtl.comparison.results import Results
from spacy_mtl.evaluation.runs import PREDICTIONS
from spacy_mtl.report.material import gather
from spacy_mtl.report.page import make_page, render
from spacy_mtl.report.scores import learning_section
from spacy_mtl.report.summary import sentences

pytestmark = pytest.mark.usefixtures("levels")

Compared = tuple[Results, Path]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    folder = tmp_path_factory.mktemp("kinds")
    nlp = make_nlp(BLOCKS)
    config: Any = nlp.config.copy()
    for name in ("train", "dev"):
        config["paths"][name] = write_levels(folder / f"{name}.spacy", nlp)
    config["training"].update(max_steps=4, eval_frequency=2)
    config["training"]["optimizer"]["learn_rate"] = 0.02
    test = Path(write_levels(folder / "test.spacy", nlp))
    plan = make_plan(Settled("kinds.cfg", config, test, seeds=1))
    with pytest.MonkeyPatch.context() as patch:
        train_in_process(patch)
        results = compare(plan, folder, command="spacy mtl compare kinds.cfg", samples=100)
    results.save(folder)
    return results, folder


@pytest.fixture(scope="module")
def tested(compared: Compared) -> Evaluation:
    nlp = make_nlp(BLOCKS)
    nlp.initialize()
    return evaluate(nlp, Path(compared[0].test), 100)


def test_every_kind_is_compared(compared: Compared) -> None:
    results, folder = compared
    metrics = {info.metric: info.higher_is_better for info in results.tasks.values()}
    assert metrics == {
        "mean absolute error": False,
        "Spearman's rho": True,
        None: True,
        "void error": False,
    }
    full = results.full
    assert set(full.systems["joint"].scores) == {"level", "order"}
    assert set(full.comparisons["joint"].tasks) == {"level", "order"}
    vocab = spacy.blank("en").vocab
    for seed, run in enumerate(full.systems["joint"].runs):
        docs = DocBin().from_disk(folder / run / PREDICTIONS).get_docs(vocab)
        errors = [
            abs(doc._.level - text.split().count("very"))
            for doc, text in zip(docs, TEXTS, strict=True)
        ]
        found = full.systems["joint"].scores["level"].per_seed[seed]
        assert found == pytest.approx(sum(errors) / len(errors), rel=1e-5)


def test_a_lower_error_is_a_gain(compared: Compared) -> None:
    full = compared[0].full
    joint, alone = (full.systems[name].scores for name in ("joint", "single:level"))
    relative = 100 * (alone["level"].mean - joint["level"].mean) / alone["level"].mean
    gains = [relative]
    rho = full.systems["single:order"].scores["order"].mean
    if rho > 0:
        gains.append(100 * (joint["order"].mean - rho) / rho)
    found = full.comparisons["joint"]
    assert found.delta_m == pytest.approx(sum(gains) / len(gains))
    assert found.undefined == ([] if rho > 0 else ["order"])
    expected = joint["level"].mean - alone["level"].mean
    assert found.tasks["level"].difference == pytest.approx(expected)


def test_what_cannot_be_compared_is_named(compared: Compared) -> None:
    results, folder = compared
    assert results.not_compared == (
        "Not compared, for lack of per-document statistics: mute. Not compared, as the test "
        "documents give no score: void."
    )
    assert results.not_compared in sentences(results)[0]
    assert Results.load(folder) == results


def test_the_report_has_every_kind(compared: Compared) -> None:
    results, folder = compared
    page = make_page(gather(folder))
    sections = {section.id: section for section in page.sections}
    scores = sections["scores"]
    rows = {row[0].text: [cell.text for cell in row] for row in scores.tables[0].rows}
    assert list(rows) == ["level", "order"]
    assert rows["level"][1] == "mean absolute error (lower is better)"
    alone = results.full.systems["single:level"].scores["level"]
    assert rows["level"][2] == f"{alone.mean:.3f} ± {alone.std:.3f}"
    assert results.not_compared in scores.intro
    assert [chart.title for chart in scores.charts] == [
        "What sharing changes: mean absolute error",
        "What sharing changes: Spearman's rho",
    ]
    part = replace(results.full, fraction=0.5)
    curves = learning_section(replace(results, fractions=[results.full, part])).charts
    assert [chart.title for chart in curves] == ["level", "order"]
    assert curves[0].table.caption == "level: mean absolute error (lower is better) in its own unit"
    assert not sections["labels"].tables
    for id in ("confusions", "labels", "calibration"):
        assert "level, order, mute and void" in sections[id].intro[-1]
    training = {chart.title: chart.table for chart in sections["training"].charts}
    assert "Dev score" in training["level"].header
    assert "lower is better" in render(page)


def test_an_interval_of_every_kind(tested: Evaluation, capsys: pytest.CaptureFixture[str]) -> None:
    level, order, mute, void = tested.tasks
    assert void.score is None and void.why_no_score == "not defined"
    assert level.score is not None and level.score.low < level.score.value < level.score.high
    counts = [text.split().count("very") for text in TEXTS]
    assert level.score.value == pytest.approx(sum(counts) / len(counts))  # it says 0 of all
    assert order.score is not None and order.score.value == 0.0
    assert mute.score is None and mute.labelled and mute.figures == {}
    assert set(level.figures) == {
        f"level_mean_absolute_error_test{end}" for end in ("", "_low", "_high")
    }
    described = tested.to_dict()["tasks"]
    assert described["level"]["higher_is_better"] is False
    assert described["mute"]["metric"] is None and described["mute"]["scores"]["score"] > 0
    print_scores(tested)
    print_details(level)
    printed = capsys.readouterr().out
    assert "mean absolute error (lower is better)" in printed
    assert "No score of 'mute': no per-document statistics." in printed
    assert math.isclose(level.scores["errors"]["mean absolute error"], level.score.value)


def test_the_card_has_every_kind(compared: Compared, tested: Evaluation) -> None:
    results, _ = compared
    nlp = make_nlp(BLOCKS)
    meta = {"lang": "en", "name": "kinds", "version": "1.0.0"}
    card = make_card(nlp, meta, tested, results, Words())
    level = tested.tasks[0].score
    assert level is not None
    row = f"| {level.value:.3f} | {level.low:.3f} to {level.high:.3f} |"
    assert f"| `level` | mean absolute error (lower is better) {row}" in card
    assert "| `mute` | – | – | no per-document statistics | 8 |" in card
    assert "Without a test score of their own: `mute` and `void`." in card
    assert "Not compared, for lack of per-document statistics\\: mute." in card
    assert (
        "Without confidences, as they have no probabilities: `level`, `order`, `mute` and" in card
    )
    assert "only the labels" not in card and "Not calibrated" not in card
    assert "type: mae" in card and "type: spearmanr" in card


def test_the_card_says_which_tasks_have_labels(tested: Evaluation) -> None:
    task = multitask(make_nlp(["ner"])).tasks["ner"]
    own = replace(tested.tasks[0], name="ner", task=task)
    said = limits(replace(tested, tasks=[*tested.tasks, own]), None)
    assert "Each of `ner` predicts only the labels listed above" in said
    assert "Each task predicts only" in limits(replace(tested, tasks=[own]), None)
