"""Documents of every shape, with annotation that may be missing, wrong, or of another text."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.errors import MTLError

from .checks import head_bytes, make_example, run_docs
from .outcomes import SPACYS, outcome_of
from .pipelines import bare, examples_for, multitask, reference, trained, update
from .strategies import DocCase, batches_of_docs

QUIET = settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
ONE = ["Ana"]


@pytest.fixture(scope="module")
def nlp() -> Language:
    return trained()


@QUIET
@given(batches_of_docs)
def test_no_documents_crash(cases: list[DocCase]) -> None:
    outcome = outcome_of(run_docs, cases)
    assert outcome.good, outcome


@pytest.mark.parametrize(
    "case",
    [
        DocCase([], []),
        DocCase([" "], [False]),
        DocCase(["\n", " "], [False, True]),
        DocCase(ONE, [False]),
        DocCase(ONE, [False], cats={"mood=good": 1.0}),
        DocCase(ONE, [False], cats={"topic=food": 1.0}),
        DocCase(ONE, [False], cats={"mood=good": 0.0, "mood=bad": 0.0}),
        DocCase(ONE, [False], cats={"topic=food": 0.5}),
        DocCase(["a", "b"], [False, False], predicted=["ab"], tags=["N", "V"]),
        DocCase(["a"], [True], predicted=["a "], spans=[(0, 1, "FOOD")]),
        DocCase(["a", "b"], [True, True], spans=[(0, 2, "FOOD"), (1, 2, "CAR")]),
    ],
)
def test_documents_that_are_taken(case: DocCase) -> None:
    outcome = outcome_of(run_docs, [case])
    assert not outcome.detail, outcome


def test_a_hundred_thousand_tokens() -> None:
    words = ["Ana", "eats", "soup", "in", "Rio"] * 20_000
    long = DocCase(words, [True] * len(words), tags=["N"] * len(words), cats={"mood=good": 1.0})
    outcome = outcome_of(run_docs, [long, DocCase(ONE, [False])], seconds=60)
    assert not outcome.detail, outcome


@pytest.mark.parametrize("value", [2.0, -1.0, math.nan, "yes", None])
def test_classes_that_are_not_from_0_to_1(nlp: Language, value: object) -> None:
    example = make_example(nlp, DocCase(ONE, [False], cats={"topic=food": value}))
    with pytest.raises(MTLError, match="from 0 to 1 for the class 'topic=food' in doc.cats, got"):
        update(nlp, [example], nlp.resume_training())
    with pytest.raises(MTLError, match="from 0 to 1 for the class 'topic=food'"):
        nlp.evaluate([example])


def test_two_classes_of_an_exclusive_group(nlp: Language) -> None:
    example = make_example(nlp, DocCase(ONE, [False], cats={"mood=good": 1.0, "mood=bad": 1.0}))
    with pytest.raises(MTLError, match="one class of the exclusive task 'mood' in each document"):
        update(nlp, [example], nlp.resume_training())
    with pytest.raises(MTLError, match="one class of the exclusive task 'mood' in each document"):
        nlp.evaluate([example])


def test_keys_of_classes_that_are_no_strings(nlp: Language) -> None:
    example = make_example(nlp, DocCase(ONE, [False]))
    example.reference.cats = {1: 1.0}
    with pytest.raises(MTLError, match="strings as keys of doc.cats, got 1"):
        update(nlp, [example], nlp.resume_training())


def test_a_reference_of_another_text() -> None:
    outcome = outcome_of(run_docs, [DocCase(["Ana"], [False], predicted=["Bob"], tags=["N"])])
    assert outcome.kind == SPACYS and "[E949]" in outcome.detail


def test_a_span_over_the_end_of_the_document(nlp: Language) -> None:
    with pytest.raises(IndexError, match="E035"):
        make_example(nlp, DocCase(ONE, [False], spans=[(0, 3, "FOOD")]))


def test_nothing_labelled_in_a_batch_moves_nothing(nlp: Language) -> None:
    before = head_bytes(nlp)
    examples = [Example(bare(doc), bare(doc)) for doc in [reference(nlp)] * 2]
    losses = update(nlp, examples, nlp.resume_training())
    assert head_bytes(nlp) == before and losses["multitask"] == 0.0


def test_labels_that_only_the_dev_documents_have(nlp: Language) -> None:
    """They count as errors of the tags and entities, and are told of."""
    unknown = examples_for(nlp)[:1]
    for token in unknown[0].reference:
        token.tag_ = "UNSEEN"
    unknown[0].reference.cats = {"mood=unseen": 1.0, "topic=food": 1.0}
    with pytest.warns(UserWarning, match="not initialized with: UNSEEN"):
        scores = multitask(nlp).score(
            [Example(nlp(bare(e.reference)), e.reference) for e in unknown]
        )
    assert scores["tagger_acc"] == 0.0
    assert all(np.isfinite(v) for v in scores.values() if isinstance(v, float))


def test_a_document_for_one_of_two_groups_leaves_the_other(nlp: Language) -> None:
    before = head_bytes(nlp)
    doc = Doc(nlp.vocab, words=ONE)
    doc.cats = {"mood=good": 1.0}
    update(nlp, [Example(bare(doc), doc)], nlp.resume_training())
    moved = {name for name, head in head_bytes(nlp).items() if head != before[name]}
    assert moved == {"mood"}
