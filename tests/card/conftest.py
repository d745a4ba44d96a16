import pytest
from report.made import Made, make
from spacy.language import Language

from spacy_mtl.card.evaluate import Evaluation, evaluate

from .made import make_pipeline

SAMPLES = 200


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A comparison of four tasks, with its test documents."""
    return make(tmp_path_factory.mktemp("card"))


@pytest.fixture(scope="session")
def nlp(made: Made) -> Language:
    """A pipeline with its tasks."""
    return make_pipeline(made)


@pytest.fixture(scope="session")
def tested(made: Made, nlp: Language) -> Evaluation:
    return evaluate(nlp, made.test, SAMPLES)
