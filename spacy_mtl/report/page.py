"""The page: all sections, in one HTML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..errors import MTLError
from ..files import write_whole
from ..wording import counted, printable
from .calibrated import calibration_section
from .confusions import confusion_section, label_section
from .content import Page
from .costs import cost_section, method_section
from .entities import entity_section
from .gradients import affinity_section, conflict_section
from .material import Material
from .scores import learning_section, scores_section
from .summary import facts, sentences
from .svg import check_matplotlib
from .training import training_section

TEMPLATE = "report.html.jinja"
EXAMPLES = 20


def check_installed() -> None:
    """RAISES (MTLError): If matplotlib or Jinja is missing."""
    check_matplotlib()
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise MTLError(
            "Expected Jinja to write the report with, but it is not installed. Install the extra "
            "`report`: pip install spacy-mtl[report]"
        ) from error


def write_report(material: Material, path: Path, examples: int = EXAMPLES) -> None:
    """Write the page, whole or not at all; the same material gives the same bytes.

    examples: how many documents with entities it shows at most.
    RAISES (MTLError): If a library is missing, or the file cannot be written.
    """
    check_installed()
    write_whole(path, render(make_page(material, examples)).encode())


def make_page(material: Material, examples: int = EXAMPLES) -> Page:
    """What the page says, before it is HTML."""
    results = material.results
    full = results.full
    subtitle = (
        f"{counted(len(results.tasks), 'task')}, {counted(results.test_docs, 'test document')}, "
        f"{counted(len(full.seeds), 'seed')}, {counted(full.steps, 'step')} with "
        f"{full.fraction:.0%} of the training data".replace("%", " %")
    )
    sections = [
        scores_section(results),
        learning_section(results),
        training_section(material),
        conflict_section(material),
        affinity_section(material),
        confusion_section(material),
        label_section(material),
        calibration_section(material),
        entity_section(material, examples),
        cost_section(results),
        method_section(results),
    ]
    return Page(
        title="Does sharing pay?",
        name=results.config,
        subtitle=subtitle,
        summary=sentences(results),
        facts=facts(results),
        sections=sections,
        lang=str(material.nlp.lang),
        footer=f"Written by spacy-mtl {results.packages.get('spacy-mtl', '')}".strip(),
    )


def render(page: Page) -> str:
    """The page as HTML. All texts are escaped; markup are the figures and documents alone.

    RAISES (MTLError): If Jinja is not installed.
    """
    check_installed()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("spacy_mtl.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters["prose"] = _prose
    return environment.get_template(TEMPLATE).render(page=page)


def _prose(text: str) -> Any:
    """Text with what is between backticks as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(printable(text)))))
