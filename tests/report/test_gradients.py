from dataclasses import replace

import numpy as np
import pytest

from spacy_mtl.report.content import Section
from spacy_mtl.report.gradients import (
    _negative_beside_chance,
    affinity_section,
    mean_cosines,
)
from spacy_mtl.report.material import Material

from .made import affinity


def test_cosines_are_weighted_by_their_steps() -> None:
    reports = [
        {"cosine": {"a b": 0.5}, "steps": 1},
        {"cosine": {"a b": -0.5, "b c": 0.2}, "steps": 3},
    ]
    found = mean_cosines(["b", "a", "c"], reports)
    assert found[0, 1] == found[1, 0] == pytest.approx(-0.25)
    assert found[0, 2] == pytest.approx(0.2)
    assert np.isnan(found[1, 2]) and np.isnan(np.diag(found)).all()


def test_conflict_of_all_seeds(sections: dict[str, Section]) -> None:
    section = sections["conflict"]
    # -0.1 in 10 steps and -0.2 in 20, of both seeds.
    assert "tagger and ner −0.17" in section.charts[0].alt
    share, apart = section.intro[-2:]
    assert share.startswith("In 50 % of the 60 measured steps")
    assert share.endswith("the cosine was negative; by chance alone, it is in 50 %.")
    assert apart.startswith("Not measured of these pairs, which never have labels")
    assert apart.endswith(
        "tagger and mood; ner and mood; tagger and traits; ner and traits; mood and traits."
    )
    assert [cell.text for cell in section.charts[0].table.rows[2]][1:3] == ["–", "–"]


def test_the_pairs_that_are_measured_are_those_of_chance() -> None:
    assert _negative_beside_chance(6).endswith("with 6 pairs, that is so in up to 98 %")


def test_without_affinity(material: Material) -> None:
    section = affinity_section(material)
    assert not section.charts
    assert "spacy mtl affinity config.cfg" in section.intro[0]


def test_affinity_in_per_cent(material: Material) -> None:
    values = {(0, 0): 0.03, (0, 1): -0.012, (1, 0): 0.004}
    document = affinity(["tagger", "ner"], lambda i, j: values.get((i, j)))
    section = affinity_section(replace(material, affinity=document))
    chart = section.charts[0]
    assert "tagger on ner −1.20; ner on tagger +0.40" in chart.alt
    assert [cell.text for cell in chart.table.rows[1]] == ["ner", "0.400", "–"]
