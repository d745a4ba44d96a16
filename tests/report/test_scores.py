from dataclasses import replace
from typing import Any

from spacy_mtl.comparison.results import GAINS, Results
from spacy_mtl.report.content import Section
from spacy_mtl.report.material import Material
from spacy_mtl.report.scores import learning_section, scores_section


def test_scores_in_per_cent(sections: dict[str, Section]) -> None:
    section = sections["scores"]
    rows = {row[0].text: [cell.text for cell in row] for row in section.tables[0].rows}
    assert rows["ner"] == [
        "ner",
        "F",
        "80.0 ± 1.0",
        "75.0 ± 1.0",
        "−5.0",
        "−9.0 to −1.0",
        "0.010",
        "▼ costs",
    ]
    assert rows["tagger"][-1] == "▲ gains" and rows["mood"][-1] == "● no difference shown"
    assert "Δm −0.6 % (−2.0 to +0.8)" in section.tables[0].caption
    assert "tagger +2.0 (+1.0 to +3.0; gains)" in section.charts[0].alt


def test_variants_have_tables_of_their_own(material: Material) -> None:
    results = material.results
    full = results.full
    variant = "components.multitask.loss_unit=mean"
    full = replace(
        full,
        systems={**full.systems, variant: full.systems["joint"]},
        comparisons={**full.comparisons, variant: full.comparisons["joint"]},
    )
    changed = replace(results, joint=["joint", variant], fractions=[full])
    captions = [table.caption for table in scores_section(changed).tables]
    assert len(captions) == 2 and variant in captions[1]


def with_an_error(results: Results, **gain: Any) -> Results:
    """`ner` has an error of 0.8 words alone, and 0.75 together."""
    info = replace(results.tasks["ner"], metric="error", higher_is_better=False, is_share=False)
    full = results.full
    compared = full.comparisons["joint"]
    ner = replace(compared.tasks["ner"], verdict=GAINS, **gain)
    changed = replace(compared, tasks={**compared.tasks, "ner": ner})
    full = replace(full, comparisons={"joint": changed})
    tasks = {**results.tasks, "ner": info}
    return replace(results, tasks=tasks, fractions=[full, *results.fractions[1:]])


def test_an_error_is_in_its_own_unit(material: Material) -> None:
    section = scores_section(with_an_error(material.results))
    rows = {row[0].text: [cell.text for cell in row] for row in section.tables[0].rows}
    assert rows["ner"] == [
        "ner",
        "error (lower is better)",
        "0.800 ± 0.010",
        "0.750 ± 0.010",
        "−0.050",
        "−0.090 to −0.010",
        "0.010",
        "▲ gains",
    ]
    assert rows["tagger"][2] == "80.0 ± 1.0"
    assert "lower is better" in section.intro[0]
    shares, errors = section.charts
    assert [row[0].text for row in shares.table.rows] == ["tagger", "mood", "traits"]
    assert errors.table.caption == "Differences in error" and "ner −0.050" in errors.alt
    assert "to the left: better together" in errors.svg and shares.id != errors.id
    curve = learning_section(with_an_error(material.results)).charts[1]
    assert "0.750 ± 0.010 together and 0.800 ± 0.010 alone" in curve.alt


def test_learning_curves(material: Material, sections: dict[str, Section]) -> None:
    section = sections["learning"]
    assert [chart.title for chart in section.charts] == list(material.tasks)
    curve = section.charts[0]
    assert [row[0].text for row in curve.table.rows] == ["25 %", "100 %"]
    assert [cell.text for cell in curve.table.rows[1]] == ["100 %", "82.0 ± 1.0", "80.0 ± 1.0"]
    assert "with 100 % of the data 82.0 ± 1.0 together" in curve.alt
    assert section.tables[0].caption == "Together minus alone, with 25 % of the data"


def test_one_fraction_has_no_curves(material: Material) -> None:
    results = replace(material.results, fractions=material.results.fractions[:1])
    section = learning_section(results)
    assert not section.charts and "--fractions" in section.intro[0]
