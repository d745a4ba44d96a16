import json

import pytest

from spacy_mtl.report.content import Page, Section
from spacy_mtl.report.material import Material, gather
from spacy_mtl.report.page import make_page

from .made import ODD, Made, affinity, make

pytest.importorskip("matplotlib", reason="needs the extra report")
pytest.importorskip("jinja2", reason="needs the extra report")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A small comparison of four tasks."""
    return make(tmp_path_factory.mktemp("comparison"))


@pytest.fixture(scope="session")
def material(made: Made) -> Material:
    return gather(made.folder)


@pytest.fixture(scope="session")
def page(material: Material) -> Page:
    return make_page(material)


@pytest.fixture(scope="session")
def sections(page: Page) -> dict[str, Section]:
    """By their identifiers."""
    return {section.id: section for section in page.sections}


@pytest.fixture(scope="session")
def odd_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Of a comparison in which every name, label and word has markup behind it."""
    made = make(tmp_path_factory.mktemp("odd") / "folder<i>", ODD, fractions=[1.0])
    tasks = [f"{task}{ODD}" for task in ("tagger", "ner")]
    document = affinity(tasks, lambda i, j: 0.01 * (i - j))
    (made.folder / "affinity.json").write_text(json.dumps(document), "utf-8")
    return make_page(gather(made.folder))
