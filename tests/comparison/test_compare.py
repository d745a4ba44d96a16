"""A comparison from end to end."""

import json
from pathlib import Path

import pytest
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_mtl.comparison.compare import compare, verdict
from spacy_mtl.comparison.plan import Plan
from spacy_mtl.comparison.results import COSTS, GAINS, NONE, Results
from spacy_mtl.comparison.survey import test_examples as examples_of
from spacy_mtl.errors import MTLError
from spacy_mtl.evaluation import runs

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

    monkeypatch.setattr(runs, "_spawn", refuse)
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
    (tmp_path / "results.json").write_text(json.dumps({**content, "version": 1}))
    assert Results.load(tmp_path) == results
