from pathlib import Path

import pytest

from spacy_mtl.corpora.audit import audit
from spacy_mtl.corpora.coverage import Coverage
from spacy_mtl.corpora.layer_coverage import Layer, LayerCoverage
from spacy_mtl.corpora.sentence_findings import single_sentences
from spacy_mtl.layers.dependencies import DependencyLayer

DEP, SENTS, TAG = Layer("dep"), Layer("sents"), Layer("tag")


def sentences(n: int, docs: int = 100) -> LayerCoverage:
    return LayerCoverage(1000, docs=docs, sentences=n)


def dev(**layers: LayerCoverage) -> Coverage:
    found = {Layer(name): coverage for name, coverage in layers.items()}
    return Coverage(Path("d.spacy"), docs=100, tokens=1000, layers=found)


def test_hardly_more_than_one_sentence() -> None:
    (finding,) = single_sentences(
        {DEP: sentences(109), SENTS: sentences(400), TAG: sentences(0)}, []
    )
    assert finding.kind == "single-sentences"
    assert "Training docs have hardly more than one sentence: 1.09 by dep. " in finding.message
    assert "--group 10" in finding.message and "--vars.group 10" in finding.message


def test_enough_sentences() -> None:
    assert [*single_sentences({DEP: sentences(110)}, [dev(dep=sentences(500))])] == []


def test_files_to_evaluate_on() -> None:
    known = {DEP: sentences(500)}
    files = [dev(dep=sentences(100), sents=sentences(100)), dev(dep=sentences(300))]
    (finding,) = single_sentences(known, files)
    assert "The docs of d.spacy have hardly more than one sentence: 1.00 by dep." in finding.message
    assert [*single_sentences({TAG: sentences(0)}, files)] == []  # nothing learns it


def test_only_where_tasks_learn_it(monkeypatch: pytest.MonkeyPatch) -> None:
    train = dev(dep=sentences(100), tag=sentences(0))
    monkeypatch.setattr(DependencyLayer, "has_task", True)
    assert [finding.kind for finding in audit([train], [])] == ["single-sentences"]
    assert audit([train], [], [TAG]) == []
    monkeypatch.setattr(DependencyLayer, "has_task", False)
    assert audit([train], []) == []
