from math import inf, isnan

import numpy as np
import pytest
import spacy
from pipeline.helpers import make_examples, make_nlp, multitask, trained

from spacy_mtl.errors import MTLError
from spacy_mtl.evaluation.refusal import Doubts, auroc, doubts
from spacy_mtl.tasks.textcat_v2 import TextCat

V2 = {"@mtl_tasks": "spacy_mtl.TextCat.v2", "ngram_rows": 64}


def test_auroc():
    assert auroc([1, 2], [3, 4]) == 1.0 and auroc([3, 4], [1, 2]) == 0.0
    assert auroc([1, 3], [2, 2, 4, 3]) == pytest.approx((1 + 1 + 2 + 1.5) / 8)
    assert isnan(auroc([], [1])) and isnan(auroc([1], []))


def test_as_many_are_refused_as_may_be():
    rng = np.random.default_rng(0)
    found = Doubts("multitask", "x", TextCat(), rng.random(1000).tolist(), [0.0, 0.99, 2.0])
    for share in (0.05, 0.5, 0.001):
        assert found.fit(share)
        assert found.refused()[0] == pytest.approx(share)
    assert found.fit(0.05) and found.refused()[1] == pytest.approx(2 / 3)
    assert found.fit(0) and found.task.refuse_above == inf and found.refused() == (0, 0)


def test_nothing_to_fit_on():
    task = TextCat()
    task.refuse_above = 1.5
    found = Doubts("multitask", "x", task, [], [1.0])
    assert not found.fit(0.05) and task.refuse_above == 1.5
    assert isnan(found.refused()[0]) and isnan(found.auroc())
    assert found.fit(0) and task.refuse_above == inf
    for share in (-0.1, 1.0):
        with pytest.raises(MTLError, match="share"):
            found.fit(share)


def test_doubts_of_a_pipeline():
    nlp = trained(make_nlp({"sentiment": V2, "topic": {**V2, "exclusive": False}}), 10)
    examples = make_examples(nlp, ["sentiment", "topic"])
    for label in ("sentiment=pos", "sentiment=neg"):
        examples[0].reference.cats[label] = 0.0
    (found,) = doubts(nlp, examples)
    assert (found.component, found.name) == ("multitask", "sentiment")
    assert len(found.known) == 5 and len(found.unknown) == 1
    docs = list(nlp.pipe(eg.text for eg in examples))
    P = np.asarray([[doc.cats[f"sentiment={c}"] for c in ("pos", "neg")] for doc in docs])
    entropies = -(P * np.log(P)).sum(axis=1)
    assert [*found.unknown, *found.known] == pytest.approx(entropies.tolist(), abs=1e-5)


def test_no_task_that_can():
    nlp = make_nlp({"topic": {**V2, "exclusive": False}})
    with pytest.raises(MTLError, match="exclusive spacy_mtl.TextCat.v2, got none"):
        doubts(nlp, [])
    with pytest.raises(MTLError, match="got none"):
        doubts(spacy.blank("en"), [])
    nlp = make_nlp({"sentiment": V2, "tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1"}})
    multitask(nlp).active_tasks = ["tagger"]
    with pytest.raises(MTLError, match="got none"):
        doubts(nlp, [])
