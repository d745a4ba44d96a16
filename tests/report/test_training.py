from spacy_mtl.report.content import Section


def test_means_over_the_seeds(sections: dict[str, Section]) -> None:
    charts = {chart.title: chart for chart in sections["training"].charts}
    assert list(charts) == ["tagger", "ner", "mood", "traits"]
    rows = [[cell.text for cell in row] for row in charts["ner"].table.rows]
    assert rows == [
        ["0", "5.0", "3.000", "1.000"],
        ["10", "30.0", "2.000", "1.000"],
        ["20", "55.0", "1.000", "1.000"],
    ]
    assert "goes from 5.0 to 55.0 %" in charts["ner"].alt


def test_batches_without_the_task(sections: dict[str, Section]) -> None:
    traits = sections["training"].charts[3]
    assert [cell.text for cell in traits.table.rows[0]] == ["0", "0.0", "–", "–"]
