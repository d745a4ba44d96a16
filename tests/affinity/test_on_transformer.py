"""On a transformer, whose dropout PyTorch draws."""

from typing import Any

import pytest
from pipeline.helpers import make_examples, multitask, step
from spacy.language import Language
from spacy.util import fix_random_seed

from spacy_mtl.affinity.observe import AffinityObserver
from spacy_mtl.affinity.replica import Batch, Replica
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer

from .helpers import loop

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
from pipeline.test_transformer import bert, make_transformer  # noqa: F401

pytestmark = pytest.mark.slow
TASKS = ["tagger", "ner"]


def pipeline(bert: Any) -> Language:  # noqa: F811
    nlp = make_transformer(bert)
    fix_random_seed(0)
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def test_a_step_and_back(bert: Any) -> None:  # noqa: F811
    nlp = pipeline(bert)
    optimizer = create_grouped_optimizer(0.001)
    for _ in range(3):
        step(nlp, optimizer, make_examples(nlp))
    component = multitask(nlp)
    batch = Batch.of(component, TASKS, make_examples(nlp))
    replica = Replica(nlp, component, optimizer)
    before, weights = replica.losses(batch, TASKS), nlp.to_bytes()
    replica.backward("tagger", batch)
    with replica.step():
        assert replica.losses(batch, TASKS)["tagger"] < before["tagger"]
    assert replica.losses(batch, TASKS) == before
    assert nlp.to_bytes() == weights


def test_training_is_the_same(bert: Any) -> None:  # noqa: F811
    """Also what PyTorch draws."""
    found = []
    for observer in (None, AffinityObserver(2)):
        nlp = pipeline(bert)
        loop(nlp, make_examples(nlp), 6, observer)
        found.append(nlp.to_bytes())
    assert found[0] == found[1]
    assert observer and observer.result().means.count.min() == 2
