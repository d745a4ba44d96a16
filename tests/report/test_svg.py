import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from spacy_mtl.comparison.results import COSTS
from spacy_mtl.evaluation.calibration import reliability
from spacy_mtl.report.charts import (
    Interval,
    Line,
    Panel,
    bars,
    curves,
    intervals,
    panels,
    reliability_diagram,
)
from spacy_mtl.report.matrices import heat_map
from spacy_mtl.report.svg import STRONGEST

CSS = Path(__file__).parents[2] / "spacy_mtl/report/templates/report.css"
ODD = "$x^2$ <b>&amp;\x01\"'"


def heat(labels: list[str], name: str = "h") -> str:
    shares = np.linspace(-1, 1, len(labels) ** 2).reshape(len(labels), -1)
    return heat_map(name, labels, labels, shares, lambda i, j: f"{i}{j}", "x", "y")


DRAWN: dict[str, Callable[[str], str]] = {
    "intervals": lambda x: intervals("i", [Interval(x, -1.0, -2.0, 0.5, COSTS)], "points"),
    "curves": lambda x: curves("c", [Line(x, [10, 100], [1, 2], [0.5, 0.1])], "data", "F"),
    "panels": lambda x: panels("p", [Panel(x, [([0, 1], [0.5, float("nan")])], percent=True)]),
    "reliability": lambda x: reliability_diagram(x, reliability([0.1, 0.95], [False, True], 10)),
    "bars": lambda x: bars("b", [(x, [("together", 2.0, "two"), ("alone", 3.0, x)])]),
    "heat": lambda x: heat([x, "b"]),
}


def text_of(svg: str) -> str:
    return " ".join(each.text or "" for each in ElementTree.fromstring(svg).iter("text"))


@pytest.mark.parametrize("kind", DRAWN)
def test_is_made_for_the_page(kind: str) -> None:
    svg = DRAWN[kind]("label")
    assert svg.startswith("<svg viewBox=") and "xmlns" not in svg and "<style" not in svg
    assert not re.search(r"font-family|font:|DejaVu|#01010|<metadata|http", svg)
    colors = set(re.findall(r"#[0-9a-f]{6}", svg))
    assert not colors, f"colours that do not follow the page: {colors}"
    assert "var(--" in svg and text_of(svg)
    assert svg == DRAWN[kind]("label")


@pytest.mark.parametrize("kind", [kind for kind in DRAWN if kind != "reliability"])
def test_labels_are_text_as_they_are(kind: str) -> None:
    svg = DRAWN[kind](ODD)
    assert "$x^2$ <b>&amp" in text_of(svg)
    assert "<b>" not in svg


def test_constant_and_missing_values_have_an_axis() -> None:
    for values in ([1.0, 1.0], [0.0, 0.0], [float("nan"), float("nan")]):
        svg = panels("p", [Panel("weight", [([0, 10], values)], from_zero=True)])
        assert "0.0" in text_of(svg)


def test_identifiers_are_of_one_figure() -> None:
    first, second = heat(["a", "b"], "first"), heat(["a", "b"], "second")
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, second)]
    assert all(ids) and not ids[0] & ids[1]
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', first))
    assert {a or b for a, b in used} <= ids[0]


def test_many_labels_keep_their_size() -> None:
    assert 'class="wide"' not in heat(["a", "b"])
    assert 'class="wide"' in heat([f"label {n}" for n in range(14)])


def luminance(color: tuple[float, ...]) -> float:
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def palettes() -> list[dict[str, tuple[float, ...]]]:
    found = []
    for block in re.findall(r":root \{([^}]*)\}", CSS.read_text("utf-8")):
        pairs = re.findall(r"--(\w+): #([0-9a-f]{6});", block)
        found.append(
            {name: tuple(int(c[n : n + 2], 16) / 255 for n in (0, 2, 4)) for name, c in pairs}
        )
    return found


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_contrast(palette: dict[str, tuple[float, ...]]) -> None:
    for ground in ("page", "tint"):
        for name in ("ink", "muted", "joint", "single"):
            assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)
    for name in ("joint", "single"):
        pairs = zip(palette[name], palette["page"], strict=True)
        cell = tuple(STRONGEST * a + (1 - STRONGEST) * b for a, b in pairs)
        assert contrast(palette["ink"], cell) >= 4.5, name


def test_there_are_two_palettes() -> None:
    assert [set(palette) for palette in palettes()] == [set(palettes()[0])] * 2
