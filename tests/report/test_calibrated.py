from pathlib import Path

import pytest

from spacy_mtl.report.calibrated import (
    calibration_section,
    mean_confidence,
    task_reliability,
)
from spacy_mtl.report.content import Section
from spacy_mtl.report.material import Material, gather

from .made import SURE_OF_SPANS, SURE_OF_TAGS, make


def outcomes(material: Material, task: str) -> list[tuple[float, bool]]:
    """Of the joint system's first seed."""
    found = material.judged("joint", task)[0]
    return list(zip(found.sure.tolist(), found.right.tolist(), strict=True))


def test_of_each_kind_of_task(material: Material) -> None:
    ner = outcomes(material, "ner")
    # "Bonn" alone is right; that of the document without annotation does not count.
    assert ner == [(SURE_OF_SPANS, right) for right in (False, True, False, False)]
    tags = outcomes(material, "tagger")
    assert len(tags) == 14 and sum(right for _, right in tags) == 11
    assert {sure for sure, _ in tags} == {SURE_OF_TAGS}
    mood = outcomes(material, "mood")
    assert mood == [(0.9, True), (0.6, False), (0.7, True)]


def test_several_classes_count_one_by_one(material: Material) -> None:
    found = outcomes(material, "traits")
    # long: gold 1, 0.3; new: gold 1, 0.8; new: gold 0, 0.2. The rest is not annotated.
    assert found == [(0.7, False), (0.8, True), (0.8, True)]


def test_expected_calibration_error(material: Material, sections: dict[str, Section]) -> None:
    found = task_reliability(material.judged("joint", "ner"))
    assert found is not None and found.n == 4
    assert found.right == 0.25 and mean_confidence(found) == SURE_OF_SPANS
    assert found.ece == pytest.approx(0.5)
    section = sections["calibration"]
    ner = section.charts[1]
    assert ner.note == "ECE 50.0 points"
    assert [cell.text for cell in ner.table.rows[0]] == ["70 to 80", "4", "75.0", "25.0"]
    rows = {row[0].text: [cell.text for cell in row] for row in section.tables[0].rows}
    assert rows["ner"] == ["ner", "4", "75.0", "25.0", "50.0", "–"]


def test_predictions_without_confidences(tmp_path: Path) -> None:
    section = calibration_section(gather(make(tmp_path / "made", notes=False).folder))
    assert [chart.title for chart in section.charts] == ["mood", "traits"]
    assert "how sure they are of tagger and ner" in section.intro[-1]
