from pathlib import Path

import pytest
import spacy
from pipeline.helpers import bare, make_examples, make_nlp
from report.made import GOLD, LABELS, METRICS, Made
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_mtl.card.evaluate import Evaluation, evaluate, evaluated_tasks
from spacy_mtl.errors import MTLError

from .conftest import SAMPLES


def test_scores_are_those_of_the_tasks(made: Made, nlp: Language, tested: Evaluation) -> None:
    gold = list(DocBin().from_disk(made.test).get_docs(nlp.vocab))
    predicted = nlp.pipe([bare(doc) for doc in gold])
    examples = [Example(*pair) for pair in zip(predicted, gold, strict=True)]
    assert (tested.docs, tested.tokens) == (len(GOLD), sum(len(doc) for doc in gold))
    for each in tested.tasks:
        assert each.score is not None and each.metric == METRICS[each.name]
        assert each.score.value == pytest.approx(each.task.statistics(examples).score())
        assert 0 <= each.score.low <= each.score.value <= each.score.high <= 1
    tagger = tested.tasks[0]
    assert tagger.score is not None
    assert tagger.score.value == pytest.approx(tagger.task.score(examples)["tag_acc"])


def test_coverage_and_labels(tested: Evaluation) -> None:
    found = {each.name: (each.coverage.docs, each.coverage.units) for each in tested.tasks}
    assert found == {"tagger": (4, 14), "ner": (3, 12), "mood": (3, 3), "traits": (2, 3)}
    for each in tested.tasks:
        assert set(each.per_label) <= set(LABELS[each.name])
        gold = sum(of["gold"] for of in each.per_label.values())
        assert gold == {"tagger": 14, "ner": 4, "mood": 3, "traits": 3}[each.name] - (
            each.name == "traits"
        )
        assert not each.unseen


def test_the_same_documents_give_the_same_intervals(
    made: Made, nlp: Language, tested: Evaluation
) -> None:
    again = evaluate(nlp, made.test, SAMPLES)
    assert [each.figures for each in again.tasks] == [each.figures for each in tested.tasks]


def test_figures_have_names_of_their_own(nlp: Language, tested: Evaluation) -> None:
    figures = {key: value for each in tested.tasks for key, value in each.figures.items()}
    assert len(figures) == 3 * len(tested.tasks)
    assert {"tagger_accuracy_test", "ner_f_test_low", "mood_macro_f_test_high"} <= set(figures)
    dev = nlp.get_pipe("multitask").score(make_examples(nlp))  # type: ignore[attr-defined]
    assert not set(figures) & set(dev)


def test_a_task_without_labels_has_no_score(
    nlp: Language, tmp_path: Path, tested: Evaluation
) -> None:
    words = [spacy.tokens.Doc(nlp.vocab, words=["Ana", "runs"], tags=["N", "X"])]
    DocBin(docs=words).to_disk(tmp_path / "tags.spacy")
    found = {each.name: each for each in evaluate(nlp, tmp_path / "tags.spacy", 10).tasks}
    assert found["tagger"].score is not None and found["tagger"].unseen == 1
    assert found["ner"].score is None and found["ner"].figures == {}
    DocBin(docs=[nlp.make_doc("Ana runs")]).to_disk(tmp_path / "bare.spacy")
    with pytest.raises(MTLError, match="annotation of the tasks tagger, ner, mood, traits, got no"):
        evaluate(nlp, tmp_path / "bare.spacy", 10)


def test_tasks_of_one_name_are_told_apart() -> None:
    nlp = make_nlp(["tagger", "ner"])
    other = make_nlp(["tagger", "pos"], inline=True, name="second")
    nlp.add_pipe("second", source=other)
    assert list(evaluated_tasks(nlp)) == ["multitask.tagger", "ner", "second.tagger", "pos"]
    with pytest.raises(MTLError, match="got one with no component"):
        evaluated_tasks(spacy.blank("en"))
