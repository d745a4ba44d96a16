"""Tasks that are trained for what others gain by it."""

from typing import Any

import pytest
import spacy

from spacy_mtl.errors import MTLError
from spacy_mtl.evaluation.temperature import labelled_scores

from .helpers import TASKS, TEXTS, head_bytes, make_examples, make_nlp, multitask, train, trained


def pipeline(auxiliary: list[str], tasks: Any = ("tagger", "ner", "topic")) -> Any:
    return make_nlp(tasks, auxiliary=auxiliary)


def test_is_trained_and_not_predicted() -> None:
    nlp = trained(pipeline(["tagger"]))
    before = head_bytes(nlp)
    train(nlp, 1)
    after = head_bytes(nlp)
    assert after["tagger"] != before["tagger"]
    for doc in nlp.pipe(TEXTS):
        assert not any(token.tag_ for token in doc)
        assert doc.cats


def test_what_is_predicted_is_what_it_would_be() -> None:
    with_it, without = trained(pipeline(["tagger"])), trained(pipeline([]))
    for one, other in zip(with_it.pipe(TEXTS), without.pipe(TEXTS), strict=True):
        assert one.cats == other.cats
        assert [str(ent) for ent in one.ents] == [str(ent) for ent in other.ents]


def test_has_no_scores_and_no_labels_to_show() -> None:
    nlp = trained(pipeline(["tagger"]))
    scores = nlp.evaluate(make_examples(nlp))
    assert "tagger_acc" not in scores and "tag_acc" not in scores
    assert scores["ents_f"] is not None
    assert {label.partition(":")[0] for label in multitask(nlp).labels} == {"ner", "topic"}
    assert multitask(nlp).history.scores("tagger") == []


def test_may_write_what_another_task_writes() -> None:
    tasks = {
        "tagger": TASKS["tagger"],
        "coarse": {"@mtl_tasks": "spacy_mtl.Tagger.v1"},
    }
    with pytest.raises(MTLError, match="Expected one task for token.tag"):
        pipeline([], tasks)
    nlp = trained(pipeline(["coarse"], tasks), 3)
    assert all(token.tag_ for token in nlp(TEXTS[0]))


def test_from_disk(tmp_path: Any) -> None:
    nlp = trained(pipeline(["tagger"]))
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert multitask(loaded).auxiliary == {"tagger"}
    assert loaded.to_bytes() == nlp.to_bytes()
    train(loaded, 1)


def test_names_that_are_none() -> None:
    with pytest.raises(MTLError, match="Expected in `auxiliary` .* got taggr"):
        pipeline(["taggr"])
    with pytest.raises(MTLError, match="Expected in .* a task that is not in `auxiliary`"):
        pipeline(["tagger", "ner", "topic"])


def test_is_not_calibrated() -> None:
    nlp = trained(pipeline(["tagger"]))
    found = labelled_scores(nlp, make_examples(nlp))
    assert {each.name for each in found} == {"ner", "topic"}
