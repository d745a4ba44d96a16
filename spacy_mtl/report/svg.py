"""Matplotlib drawings as SVG that lives in the page: its colours, its font, no names that clash."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ..errors import MTLError
from ..wording import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours to draw with. Each stands for a variable of the page's style, light and dark.
INK, MUTED, RULE, JOINT, SINGLE = "#010101", "#010102", "#010103", "#010104", "#010105"
VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", JOINT: "joint", SINGLE: "single"}
STRONGEST = 0.5  # opacity of a coloured area, so that ink on it keeps its contrast

WIDTH = 340  # px, what a phone has room for; the text is 11 px there
_STYLE: Any = {
    "svg.fonttype": "none",  # text, to be found and read out
    "svg.hashsalt": "spacy-mtl",  # the same bytes every time
    "text.parse_math": False,  # labels may have dollar signs
    "font.size": 11.5,
    "axes.titlesize": 11.5,
    "axes.labelsize": 11.5,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.handlelength": 2.8,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
}
_KEPT_DIGITS = re.compile(r"(\.\d\d)\d+")
_FONT = re.compile(r"(?:font: ([\d.]+px)|font-family:)[^;]*(; )?")  # by version of matplotlib
_REFERENCE = re.compile(r"(url\()?#([\w-]+)")


def check_matplotlib() -> None:
    """RAISES (MTLError): If there is nothing to draw with."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MTLError(
            "Expected matplotlib to draw the report's figures with, but it is not installed. "
            "Install the extra `report`: pip install spacy-mtl[report]"
        ) from error


def draw(name: str, paint: Callable[[Figure], None], height: float, width: float = WIDTH) -> str:
    """What `paint` draws on a figure of this size in px, as an `<svg>` element for a page.

    name: what its identifiers begin with, of which a page has each once. The element has the
    page's font and, by the colours of this module, its colours. Where it is wider than `WIDTH` it
    is of the class "wide", which keeps its size; else it fits into what room there is.
    RAISES (MTLError): If matplotlib is not installed.
    """
    check_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    written = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser's font has them
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        paint(figure)
        figure.savefig(written, format="svg", metadata={"Date": None})
    return _inlined(ElementTree.fromstring(printable(written.getvalue().decode())), name, width)


def _inlined(root: Any, name: str, width: float) -> str:
    """As a part of HTML, which has no namespaces and one set of identifiers for the page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    ids = {element.get("id") for element in root.iter()}
    used = ids & {place for element in root.iter() for _, place in _references(element)}
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.text = element.text if element.tag == "text" else None
        element.tail = None
        attributes = dict(element.attrib)
        element.attrib.clear()
        for key, value in attributes.items():
            if key != "id":
                element.set(key.rpartition("}")[2], _simple(_prefixed(value, name, used)))
            elif value in used:
                element.set("id", f"{name}-{value}")
    box = {"viewBox": root.get("viewBox"), "style": f"--width:{width:g}"}
    root.attrib = box if width <= WIDTH else {**box, "class": "wide"}
    return ElementTree.tostring(root, encoding="unicode")


def _references(element: Any) -> list[tuple[str, str]]:
    return [pair for value in element.attrib.values() for pair in _REFERENCE.findall(value)]


def _prefixed(value: str, name: str, used: set[str]) -> str:
    """An attribute whose references go to elements with this name before their own."""
    return _REFERENCE.sub(lambda m: f"{m[1] or ''}#{name}-{m[2]}" if m[2] in used else m[0], value)


def _simple(value: str) -> str:
    """An attribute with the page's colours and font, and as many digits as can be seen."""
    for color, variable in VARIABLES.items():
        value = value.replace(color, f"var(--{variable})")
    return _KEPT_DIGITS.sub(r"\1", _FONT.sub(_size, value))


def _size(font: re.Match[str]) -> str:
    return f"font-size: {font[1]}{font[2] or ''}" if font[1] else ""
