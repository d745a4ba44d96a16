from spacy_mtl.comparison.costs import joint_and_single
from spacy_mtl.report.content import Section
from spacy_mtl.report.material import Material


def test_single_pipelines_go_one_after_the_other(material: Material) -> None:
    results = material.results
    together, found = joint_and_single(results, results.joint[0], results.full)
    assert together.words_per_second == 9000
    assert found.words_per_second == 3000  # four of 12,000 each
    assert (found.bytes, found.train_seconds) == (24_000_000, 80)


def test_section(sections: dict[str, Section]) -> None:
    section = sections["cost"]
    assert "words per second 9,000 against 3,000" in section.charts[0].alt
    rows = [[cell.text for cell in row] for row in section.tables[0].rows]
    assert rows[4:] == [
        ["all 4 single ones", "3,000", "24.0 MB", "80 s"],
        ["joint", "9,000", "8.0 MB", "30 s"],
    ]


def test_method_has_data_and_command(sections: dict[str, Section]) -> None:
    data, made_with = sections["method"].tables
    assert [cell.text for cell in data.rows[0]] == ["tagger", "token.tag", "90", "14"]
    assert made_with.rows[1][1].text == "spacy mtl compare config.cfg"
