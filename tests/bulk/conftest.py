from pathlib import Path

import pytest
import spacy
from pipeline.helpers import make_nlp, trained
from spacy.language import Language
from spacy.util import raise_error

from spacy_mtl.bulk.annotator import Pipeline

from . import fragile

CODE = Path(fragile.__file__)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with every kind of task, and a component that fails."""
    nlp = trained(make_nlp())
    nlp.add_pipe("fragile")
    path = tmp_path_factory.mktemp("pipeline") / "model"
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="session")
def nlp(model: Path) -> Language:
    return spacy.load(model)


@pytest.fixture
def loaded(model: Path, nlp: Language, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, loaded beforehand, so that a run, also in a copy of this process, is quick."""
    nlp.set_error_handler(raise_error)
    monkeypatch.setattr(Pipeline, "load", lambda self: nlp)
    return model
