"""Tasks of others: each section has what they can say, and names those that cannot say it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from metrics.regressor import Level
from spacy.training import Example

from spacy_mtl.metrics.base import Statistics
from spacy_mtl.report.content import Section
from spacy_mtl.report.material import Material
from spacy_mtl.report.page import make_page, render
from spacy_mtl.tasks.confusion import Confusion
from spacy_mtl.tasks.span_scores import Sides, span_confusion, span_counts

pytestmark = pytest.mark.usefixtures("levels")

LABELS = ["LOC", "ORG", "PER"]


class Chunks(Level):
    """It says all that a task can say; of each span it finds it is 60 % sure."""

    def scored_spans(self, example: Example) -> Sides:
        gold, found = (
            {(ent.label_, ent.start, ent.end) for ent in doc.ents}
            for doc in (example.reference, example.predicted)
        )
        return gold, found

    def statistics(self, examples: Sequence[Example]) -> Statistics:
        return span_counts(LABELS, [self.scored_spans(example) for example in examples])

    def confusion(self, examples: Sequence[Example]) -> Confusion | None:
        return span_confusion(LABELS, map(self.scored_spans, examples))

    def noted_outcomes(self, example: Example) -> Iterator[tuple[float, bool]]:
        gold, found = self.scored_spans(example)
        return ((0.6, span in gold) for span in sorted(found))


@pytest.fixture(scope="module")
def foreign(material: Material) -> Material:
    """With a task that says everything, and one that says nothing."""
    results = material.results
    single = {**results.single, "chunks": "single:ner", "mute": "single:tagger"}
    tasks: Any = {**material.tasks, "chunks": Chunks("chunks"), "mute": Level("mute")}
    infos = {"chunks": results.tasks["ner"], "mute": results.tasks["tagger"], **results.tasks}
    results = replace(results, single=single, tasks=infos)
    return replace(material, results=results, tasks=tasks)


@pytest.fixture(scope="module")
def named(foreign: Material) -> dict[str, Section]:
    page = make_page(foreign)
    assert "mute" in render(page)
    return {section.id: section for section in page.sections}


def test_who_can_gets_a_section(named: dict[str, Section]) -> None:
    chart = next(chart for chart in named["confusions"].charts if chart.title == "chunks")
    # As of ner, and one more that was found where nobody had looked for any.
    assert "5 of 11 are right" in chart.alt
    table = next(t for t in named["labels"].tables if t.caption.startswith("chunks"))
    assert {row[0].text for row in table.rows} == set(LABELS)
    rows = {row[0].text: [cell.text for cell in row] for row in named["calibration"].tables[0].rows}
    assert rows["chunks"][:4] == ["chunks", "9", "60.0", "55.6"]
    titles = [document.title for document in named["entities"].documents]
    assert "Document 1, ner" in titles and "Document 4, chunks" in titles


def test_who_cannot_is_named(named: dict[str, Section]) -> None:
    confusions = named["confusions"].intro
    assert any("no matrix of traits, where a unit can have several" in said for said in confusions)
    assert "no matrix of mute, which cannot say what is taken for what" in confusions[-1]
    assert "no table of mute" in named["labels"].intro[-1]
    assert "how sure they are of mute" in named["calibration"].intro[-1]
