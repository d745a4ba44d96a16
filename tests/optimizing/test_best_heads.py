"""The head of the best evaluation is put back, with its averages."""

from typing import Any

import numpy as np
import pytest
from pipeline.helpers import make_examples, make_nlp, multitask, step, trained
from pipeline.test_topologies import make
from spacy.language import Language
from spacy.util import fix_random_seed
from thinc.api import Adam

from spacy_mtl.models.topologies.base import head_of, own_parts
from spacy_mtl.optimizing.best_heads import BestHeads
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.optimizing.parameters import below, named_parameters

NAMES = ("tagger", "ner", "sentiment")
OPTIMIZERS = {
    "Adam": lambda: Adam(0.02),
    "Adam without averages": lambda: Adam(0.02, use_averages=False),
    "ours": lambda: create_grouped_optimizer(0.02, sparse_rows=True),
    "ours with an average": lambda: create_grouped_optimizer(0.02, average=0.9),
}


def pipeline(inline: bool = False) -> Language:
    fix_random_seed(0)
    nlp = make_nlp(NAMES, inline=inline)
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    return nlp


def values(nlp: Language) -> dict[str, Any]:
    found: Any = {p.name: p.owner for p in named_parameters(nlp)}
    return {p.name: found[p.name].get_param(p.local).copy() for p in named_parameters(nlp)}


def of_head(nlp: Language, task: str) -> set[str]:
    return {p.name for p in below(head_of(multitask(nlp).model, task), named_parameters(nlp))}


def equal(first: dict[str, Any], second: dict[str, Any]) -> set[str]:
    return {name for name in first if np.array_equal(first[name], second[name])}


def steps(nlp: Language, optimizer: Any, number: int) -> None:
    for _ in range(number):
        step(nlp, optimizer, make_examples(nlp, NAMES))


def evaluated(nlp: Language, optimizer: Any) -> dict[str, Any]:
    """The parameters in an evaluation."""
    with nlp.use_params(optimizer.averages):
        return values(nlp)


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_what_was_evaluated_comes_back_and_stays(name, inline):
    nlp, optimizer = pipeline(inline), OPTIMIZERS[name]()
    best, component = BestHeads(), multitask(nlp)
    steps(nlp, optimizer, 4)
    with nlp.use_params(optimizer.averages):
        kept = values(nlp)
        best.keep(nlp, component, ["ner"])
    steps(nlp, optimizer, 4)
    assert not equal(kept, evaluated(nlp, optimizer)) & of_head(nlp, "ner")
    before = values(nlp)
    best.restore(nlp, component, "ner")
    assert equal(kept, values(nlp)) >= of_head(nlp, "ner")
    assert equal(before, values(nlp)) == set(before) - of_head(nlp, "ner")
    component.stopped_tasks = {"ner"}
    steps(nlp, optimizer, 3)
    assert component.restarted_heads == set()
    for found in (values(nlp), evaluated(nlp, optimizer)):
        assert equal(kept, found) == of_head(nlp, "ner")


def test_what_learns_by_a_task_alone_comes_back_with_its_head():
    nlp = trained(make("soft"), 4)
    optimizer = nlp.resume_training()
    best, component = BestHeads(), multitask(nlp)
    with nlp.use_params(optimizer.averages):
        kept = values(nlp)
        best.keep(nlp, component, ["ner"])
    own = {
        p.name
        for part in own_parts(component.model, "ner")
        for p in below(part, named_parameters(nlp))
    }
    assert own > of_head(nlp, "ner")
    for _ in range(3):
        step(nlp, optimizer, make_examples(nlp))
    best.restore(nlp, component, "ner")
    assert equal(kept, values(nlp)) == own
    component.stopped_tasks = {"ner"}
    for _ in range(3):
        step(nlp, optimizer, make_examples(nlp))
    for found in (values(nlp), evaluated(nlp, optimizer)):
        assert equal(kept, found) == own


def test_a_head_that_goes_on_has_new_averages():
    nlp, optimizer = pipeline(), create_grouped_optimizer(0.02, average=0.9)
    best, component = BestHeads(), multitask(nlp)
    with nlp.use_params(optimizer.averages):
        best.keep(nlp, component, ["tagger"])
    steps(nlp, optimizer, 5)
    best.restore(nlp, component, "tagger")
    kept = values(nlp)
    name = "multitask.tagger.output.W"
    steps(nlp, optimizer, 1)
    now, average = values(nlp)[name], evaluated(nlp, optimizer)[name]
    np.testing.assert_allclose(average, kept[name] + 0.1 * (now - kept[name]), atol=1e-6)
    assert not np.array_equal(now, kept[name])


def test_a_later_best_takes_the_place_and_only_once_it_is_put_back():
    nlp, optimizer = pipeline(), Adam(0.02)
    best, component = BestHeads(), multitask(nlp)
    best.keep(nlp, component, ["ner", "tagger"])
    steps(nlp, optimizer, 2)
    kept = values(nlp)
    best.keep(nlp, component, ["ner"])
    steps(nlp, optimizer, 2)
    best.restore(nlp, component, "ner")
    assert equal(kept, values(nlp)) == of_head(nlp, "ner")
    steps(nlp, optimizer, 1)
    after = values(nlp)
    best.restore(nlp, component, "ner")
    assert equal(after, values(nlp)) == set(after)


@pytest.mark.parametrize("encoders", [False, True])
def test_the_state(encoders):
    nlp, optimizer = pipeline(), Adam(0.02)
    best, component = BestHeads(encoders), multitask(nlp)
    best.keep(nlp, component, ["ner", "tagger"])
    steps(nlp, optimizer, 2)
    best.keep(nlp, component, ["sentiment"])
    best.restore(nlp, component, "tagger")
    state = best.state()
    again = BestHeads(encoders)
    again.load_state(state)
    assert again.state().keys() == state.keys()
    assert all(np.array_equal(again.state()[name], array) for name, array in state.items())
    copies = sum(name.endswith("tok2vec.embed.maxout.W") for name in state)
    assert copies == (2 if encoders else 0)
    kept = again.values(component, "ner")
    assert kept.keys() == best.values(component, "ner").keys() >= of_head(nlp, "ner")
    now = values(nlp)
    again.restore(nlp, component, "tagger")
    assert equal(now, values(nlp)) == set(now)
    again.restore(nlp, component, "ner")
    assert equal(now, values(nlp)) == set(now) - of_head(nlp, "ner")


def test_nothing_is_kept_at_first():
    again = BestHeads()
    again.load_state(BestHeads().state())
    assert again.state().keys() == {"places"}


@pytest.mark.parametrize("inline", [False, True])
def test_encoders_of_the_same_evaluation(inline):
    nlp, optimizer = pipeline(inline), Adam(0.02)
    best, component = BestHeads(encoders=True), multitask(nlp)
    best.keep(nlp, component, ["ner"])
    kept = values(nlp)
    steps(nlp, optimizer, 2)
    found = best.values(component, "ner")
    others = of_head(nlp, "tagger") | of_head(nlp, "sentiment")
    assert found.keys() == kept.keys() - others
    assert equal(found, kept) == set(found)
    best.forget(component)
    with pytest.raises(KeyError):
        best.values(component, "ner")
