"""From dev scores to the gap of a corpus."""

import math

import pytest
import spacy
from pipeline.helpers import LAYERS, make_examples, make_nlp, multitask
from spacy.language import Language

from spacy_mtl.errors import MTLError
from spacy_mtl.mixing.gaps import Annotation, Gaps


@pytest.fixture(scope="module")
def nlp() -> Language:
    """With labels, by which class groups are told apart."""
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


@pytest.fixture
def record(nlp: Language):  # type: ignore[no-untyped-def]
    """Sets the evaluations, main scores by task."""

    def record(*evaluations: dict[str, float | None]) -> None:
        history = multitask(nlp).history
        history.load_state({})
        for scores in evaluations:
            history.record(scores)

    record()
    return record


def corpus(nlp: Language, *layers: str) -> Annotation:
    return Annotation.of(make_examples(nlp, layers))


@pytest.mark.parametrize("layer", LAYERS)
def test_annotation_trains_its_task_alone(nlp: Language, layer: str) -> None:
    found = corpus(nlp, layer)
    assert [task.name for task in multitask(nlp).tasks.values() if found.trains(task)] == [layer]


def test_annotation_of_some_documents_counts(nlp: Language) -> None:
    examples = make_examples(nlp, [["tagger"], [], ["topic"], [], [], []])
    tasks = multitask(nlp).tasks
    found = Annotation.of(examples)
    assert {name for name in tasks if found.trains(tasks[name])} == {"tagger", "topic"}


def test_gap_to_the_best(nlp: Language, record) -> None:  # type: ignore[no-untyped-def]
    record({"tagger": 0.2, "ner": 0.1}, {"tagger": 0.8, "ner": 0.5}, {"tagger": 0.6, "ner": 0.5})
    gaps = Gaps()([corpus(nlp, "tagger"), corpus(nlp, "ner"), corpus(nlp, "pos")], nlp.vocab)
    assert gaps == pytest.approx([0.25, 0.0, 0.0])


def test_gap_to_a_reference(nlp: Language, record) -> None:  # type: ignore[no-untyped-def]
    record({"tagger": 0.2, "ner": 0.1}, {"tagger": 0.8, "ner": 0.6})
    corpora = [corpus(nlp, "tagger"), corpus(nlp, "ner")]
    assert Gaps({"ner": 0.8})(corpora, nlp.vocab) == pytest.approx([0.0, 0.25])
    assert Gaps({"ner": 0.5})(corpora, nlp.vocab) == [0.0, 0.0]


def test_the_largest_gap_of_a_corpus_counts(nlp: Language, record) -> None:  # type: ignore[no-untyped-def]
    record({"tagger": 0.8, "ner": 0.8}, {"tagger": 0.6, "ner": 0.4})
    both = corpus(nlp, "tagger", "ner", "sentiment")
    assert Gaps()([both], nlp.vocab) == pytest.approx([0.5])


def test_tasks_that_do_not_train_have_no_gap(nlp: Language, record) -> None:  # type: ignore[no-untyped-def]
    record({"tagger": 0.8, "ner": 0.8}, {"tagger": 0.6, "ner": 0.4})
    both, component = corpus(nlp, "tagger", "ner"), multitask(nlp)
    every = component.active_tasks
    try:
        component.stopped_tasks = {"ner"}
        assert Gaps()([both], nlp.vocab) == pytest.approx([0.25])
        component.active_tasks = ["ner"]
        assert Gaps()([both], nlp.vocab) == [0.0]
        component.stopped_tasks = set()
        assert Gaps()([both], nlp.vocab) == pytest.approx([0.5])
    finally:
        component.active_tasks, component.stopped_tasks = every, set()


@pytest.mark.parametrize("evaluations", [[], [{"tagger": 0.1}], [{"tagger": 0.0}] * 3])
def test_no_gap_without_scores(nlp: Language, record, evaluations) -> None:  # type: ignore[no-untyped-def]
    record(*evaluations)
    assert Gaps()([corpus(nlp, "tagger")], nlp.vocab) == [0.0]


def test_evaluations_without_labels_do_not_count(nlp: Language, record) -> None:  # type: ignore[no-untyped-def]
    record({"tagger": 0.8}, {"tagger": None}, {"tagger": 0.6}, {"tagger": None})
    assert Gaps()([corpus(nlp, "tagger")], nlp.vocab) == pytest.approx([0.25])
    record({"tagger": None}, {"tagger": None})
    assert Gaps({"tagger": 0.5})([corpus(nlp, "tagger")], nlp.vocab) == [0.0]


def test_needs_the_component(nlp: Language) -> None:
    found = corpus(nlp, "tagger")
    for other in (spacy.blank("en"), make_nlp(["tagger"])):
        if other.pipe_names:
            other.remove_pipe("multitask")
        with pytest.raises(MTLError, match="component 'multitask'.*got none.*temperature"):
            Gaps()([found], other.vocab)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_wrong_reference(wrong: float) -> None:
    with pytest.raises(MTLError, match=f"above 0 .* task 'ner', got {wrong}"):
        Gaps({"ner": wrong})


def test_reference_of_an_unknown_task(nlp: Language) -> None:
    with pytest.raises(MTLError, match="tasks tagger, .*, got parser"):
        Gaps({"parser": 0.5})([corpus(nlp, "tagger")], nlp.vocab)
