"""A comparison from end to end."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evaluation.in_process import train_in_process
from pipeline.foreign import STACKED
from spacy.tokens import DocBin
from spacy.training import Example
from thinc.api import Config

from spacy_mtl.comparison.compare import compare, verdict
from spacy_mtl.comparison.plan import Plan, Settled, make_plan
from spacy_mtl.comparison.results import COSTS, GAINS, NONE, Results
from spacy_mtl.comparison.survey import test_examples as examples_of
from spacy_mtl.errors import MTLError
from spacy_mtl.evaluation import runs
from spacy_mtl.report.costs import cost_section

Compared = tuple[Results, Path]


def test_every_system_is_scored_on_the_test_data(compared: Compared, plan: Plan) -> None:
    results, folder = compared
    full = results.full
    assert full.fraction == 1.0 and full.seeds == [0, 1]
    assert set(full.systems["single:ner"].scores) == {"ner"}
    assert set(full.systems["joint"].scores) == {"tagger", "ner", "sentiment"}
    nlp = plan.survey.nlp
    gold = [eg.reference for eg in examples_of(plan.settled.test, nlp)]
    stored = DocBin().from_disk(folder / full.systems["joint"].runs[1] / runs.PREDICTIONS)
    pairs = zip(stored.get_docs(nlp.vocab), gold, strict=True)
    examples = [Example(*pair) for pair in pairs]
    for task in ("tagger", "ner"):
        scored = plan.survey.tasks[task][1]
        expected = scored.score(examples)[scored.main_score]
        assert full.systems["joint"].scores[task].per_seed[1] == pytest.approx(expected)


def test_differences_are_those_of_the_means(compared: Compared) -> None:
    results, _ = compared
    for found in results.fractions:
        for joint in results.joint:
            gains = []
            for task, gain in found.comparisons[joint].tasks.items():
                one = found.systems[joint].scores[task].mean
                alone = found.systems[results.single[task]].scores[task].mean
                assert gain.difference == pytest.approx(one - alone)
                assert gain.low <= gain.high and 0 < gain.p <= gain.p_holm <= 1
                gains.append((one - alone) / max(alone, 1e-9))
            expected = 100 * sum(gains) / len(gains)
            assert found.comparisons[joint].delta_m == pytest.approx(expected)


def test_costs_are_measured(compared: Compared) -> None:
    for system in compared[0].full.systems.values():
        assert system.train_seconds > 0 and system.words_per_second > 0
        assert system.bytes > 10_000


def test_finished_runs_are_not_repeated(
    compared: Compared, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, folder = compared

    def refuse(*args: object) -> None:
        raise AssertionError("a run was repeated")

    monkeypatch.setattr(runs, "spawn", refuse)
    again = compare(plan, folder, command=results.command, samples=200)
    assert again == results


def test_results_are_read_as_they_were_written(compared: Compared) -> None:
    results, folder = compared
    assert Results.load(folder) == results


@pytest.mark.parametrize("damage", ["{", "{}", '{"version": 99}', "[]"])
def test_damaged_results(compared: Compared, tmp_path: Path, damage: str) -> None:
    with pytest.raises(MTLError, match="results of `spacy mtl compare`"):
        Results.load(tmp_path)
    (tmp_path / "results.json").write_text(damage)
    with pytest.raises(MTLError, match="results of `spacy mtl compare`"):
        Results.load(tmp_path)


def test_a_field_that_is_not_known(compared: Compared, tmp_path: Path) -> None:
    content = json.loads((compared[1] / "results.json").read_text())
    content["fractions"][0]["systems"]["joint"]["more"] = 1
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(MTLError, match="more"):
        Results.load(tmp_path)


def test_verdicts() -> None:
    assert verdict(0.1, 0.04) == GAINS
    assert verdict(-0.1, 0.04) == COSTS
    assert verdict(-0.1, 0.05) == NONE
    assert verdict(0.1, 0.04, higher_is_better=False) == COSTS
    assert verdict(-0.1, 0.04, higher_is_better=False) == GAINS


def test_results_of_the_first_version_are_read(compared: Compared, tmp_path: Path) -> None:
    results, folder = compared
    content = json.loads((folder / "results.json").read_text())
    assert content["version"] == 2
    for task in content["tasks"].values():
        assert task.pop("higher_is_better") and task.pop("is_share")
        assert task.pop("with_needs") == []
    (tmp_path / "results.json").write_text(json.dumps({**content, "version": 1}))
    assert Results.load(tmp_path) == results


def test_a_task_that_needs_another_is_compared_with_it(
    config: Config, settled: Settled, tmp_path: Path
) -> None:
    stacked = config.copy()
    listener = stacked["components"]["multitask"]["model"]["tok2vec"]
    stacked["components"]["multitask"]["model"] = {**STACKED, "tok2vec": listener}
    plan = make_plan(replace(settled, config=stacked, seeds=1, fractions=(1.0,), vary=()))
    with pytest.MonkeyPatch.context() as patch:
        train_in_process(patch)
        results = compare(plan, tmp_path, samples=50)
    results.save(tmp_path)
    assert Results.load(tmp_path) == results
    assert {task: info.with_needs for task, info in results.tasks.items()} == {
        "tagger": [],
        "ner": ["tagger"],
        "sentiment": [],
    }
    alone = results.full.systems["single:ner"]
    assert set(alone.scores) == {"ner"}
    stored = tmp_path / alone.runs[0] / runs.PREDICTIONS
    (doc, *_) = DocBin().from_disk(stored).get_docs(plan.survey.nlp.vocab)
    assert doc.has_annotation("TAG")  # the cost has that of the tags
    assert results.title("single:ner") == "single:ner with tagger"
    assert {results.title(name) for name in ("single:tagger", "joint")} == {
        "single:tagger",
        "joint",
    }
    assert results.needing.endswith("the tasks that they need: ner with tagger.")
    names = [cell[0].text for cell in cost_section(results).tables[0].rows]
    assert "single:ner with tagger" in names
    assert results.needing in cost_section(results).intro
