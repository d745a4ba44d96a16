"""Values beside classes in one component."""

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Corpus, Example

from spacy_mtl.corpora.stored import stored_docs
from spacy_mtl.errors import MTLError
from spacy_mtl.mixing.gaps import Annotation
from spacy_mtl.mixing.mixed import MixedCorpus
from spacy_mtl.values import note_values, values_of

from .helpers import ENCODER, bare, head_bytes, make_nlp, multitask, step

RATING = {"@mtl_tasks": "spacy_mtl.Regression.v1", "keys": ["stars"], "ngram_rows": 64}
V1 = {"@mtl_tasks": "spacy_mtl.TextCat.v1", "ngram_rows": 64}
V2 = {"@mtl_tasks": "spacy_mtl.TextCat.v2", "ngram_rows": 64}
LEVELS = {**V2, "hierarchy": "/"}
KINDS = {"v1": V1, "v2": V2, "levels": LEVELS}
TEXTS = {"very good soup": 5.0, "good soup": 4.0, "soup": 3.0, "bad soup": 1.0, "very bad bed": 0.0}


def make_examples(nlp: Language, prefix: str = "topic=", rating: bool = True) -> list[Example]:
    """Each text with its class, and its stars, of which 0 and 1 could be those of a class."""
    examples = []
    for text, stars in TEXTS.items():
        doc = nlp.make_doc(text)
        doc.cats = {f"{prefix}{name}": float(name in text) for name in ("soup", "bed")}
        if rating:
            doc.cats["stars"] = stars
        examples.append(Example(bare(doc), doc))
    return examples


def trained(tasks: dict[str, Any], steps: int = 40, prefix: str = "topic=", **settings: Any) -> Any:
    spacy.util.fix_random_seed(0)
    nlp = make_nlp(tasks, **settings)
    nlp.initialize(lambda: make_examples(nlp, prefix))
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    for _ in range(steps):
        step(nlp, optimizer, make_examples(nlp, prefix))
    return nlp


def predicted(nlp: Language, **kwargs: Any) -> list[Any]:
    return [
        ({key: round(value, 4) for key, value in doc._.values.items()}, sorted(doc.cats))
        for doc in nlp.pipe(TEXTS, **kwargs)
    ]


# Together


@pytest.fixture(scope="module")
def nlp() -> Language:
    return trained({"rating": RATING, "topic": V2})


def test_both_are_learned(nlp: Language) -> None:
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["topic_acc"] == 1.0 and scores["rating_spearman"] > 0.9
    assert scores["rating_score"] > 0.8 and scores["values_score"] == scores["rating_score"]
    assert scores["rating_errors"]["mean absolute error"] < 0.8
    doc = nlp("very good soup")
    assert set(doc.cats) == {"topic=soup", "topic=bed"} and set(doc._.values) == {"stars"}
    assert multitask(nlp).labels == ("topic:topic=bed", "topic:topic=soup")


def test_saved_and_loaded(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path)
    saved = json.loads((tmp_path / "multitask/cfg").read_text(encoding="utf8"))
    assert saved["states"]["rating"]["means"] == {"stars": pytest.approx(2.6)}
    assert predicted(spacy.load(tmp_path)) == predicted(nlp)
    again = make_nlp({"rating": RATING, "topic": V2})
    again.from_bytes(nlp.to_bytes())
    assert predicted(again) == predicted(nlp)


def test_a_config_with_other_keys_is_refused(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path)
    other = {"components.multitask.tasks.rating.keys": ["points"]}
    with pytest.raises(MTLError, match=r"mean and scale of its keys \(points\)"):
        spacy.load(tmp_path, config=other)


def test_other_processes_and_copies(nlp: Language) -> None:
    assert predicted(nlp, n_process=2) == predicted(nlp)
    copied = pickle.loads(pickle.dumps(multitask(nlp).tasks["rating"]))
    assert copied.state() == multitask(nlp).tasks["rating"].state()


def test_scores_of_nothing_are_none(nlp: Language) -> None:
    scores = nlp.evaluate(make_examples(nlp, rating=False))
    assert all(value is None for key, value in scores.items() if key.startswith("rating_"))
    assert scores["topic_acc"] == 1.0


def test_an_absent_value_moves_no_head(nlp: Language) -> None:
    nlp = trained({"rating": RATING, "topic": V2}, 2)
    optimizer = nlp.resume_training()
    before = head_bytes(nlp)
    step(nlp, optimizer, make_examples(nlp, rating=False))
    after = head_bytes(nlp)
    assert after["rating"] == before["rating"] and after["topic"] != before["topic"]
    mixed = make_examples(nlp)[:1] + make_examples(nlp, rating=False)[1:]
    losses: dict[str, float] = {}
    step(nlp, optimizer, mixed, losses)
    assert losses["multitask_rating"] > 0


def test_several_values_of_several_tasks() -> None:
    nlp = make_nlp({"one": RATING, "two": {**RATING, "keys": ["heat", "length"], "in_cats": True}})
    examples = make_examples(nlp)
    for number, example in enumerate(examples):
        example.reference.cats.update(length=10.0 * number, **({"heat": -1.0} if number else {}))
    examples[1].reference.cats["heat"] = 0.5
    nlp.initialize(lambda: examples)
    doc = nlp("good soup")
    assert set(doc._.values) == {"stars", "heat", "length"} and set(doc.cats) == {"heat", "length"}
    scores = nlp.evaluate(examples)
    assert set(scores["two_per_key"]) == {"heat", "length"}
    assert scores["two_per_key"]["heat"]["docs"] == 4
    assert scores["one_score"] is not None and scores["one_errors"] != scores["two_errors"]
    with pytest.raises(
        MTLError, match=r"one task for doc._.values\['stars'\], got 'one' and 'two'"
    ):
        make_nlp({"one": RATING, "two": {**RATING, "keys": ["heat", "stars"]}})


# No classes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beside", [True, False])
def test_no_task_takes_a_value_for_a_class(kind: str, beside: bool) -> None:
    """With bare keys, among which nothing but their numbers tells, or the task that names them."""
    tasks = {"topic": KINDS[kind], **({"rating": RATING} if beside else {})}
    nlp = trained(tasks, 2, prefix="")
    assert multitask(nlp).labels_for("topic") == ("bed", "soup")
    examples = make_examples(nlp, "")
    assert nlp.evaluate(examples)["topic_acc"] is not None
    assert set(nlp("good soup").cats) == {"bed", "soup"}
    targets = multitask(nlp).tasks["topic"].targets(examples, multitask(nlp).model.ops)
    assert targets.n_units == 5  # documents with one class, also where stars are 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beside", [True, False])
def test_values_with_the_name_of_a_class_group(kind: str, beside: bool) -> None:
    rating = {**RATING, "keys": ["topic=stars"]}
    nlp = make_nlp({"topic": KINDS[kind], **({"rating": rating} if beside else {})})

    def examples() -> list[Example]:
        found = make_examples(nlp)
        for example in found:
            example.reference.cats["topic=stars"] = example.reference.cats.pop("stars")
        return found

    nlp.initialize(examples)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a label that the task does not know
        step(nlp, nlp.resume_training(), examples())
        scores = nlp.evaluate(examples())
    assert multitask(nlp).labels_for("topic") == ("topic=bed", "topic=soup")
    assert scores["topic_acc"] is not None
    if not beside:
        return
    loaded = make_nlp({"topic": KINDS[kind], "rating": rating}).from_bytes(nlp.to_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loaded.evaluate(examples()) == {**scores, "speed": pytest.approx(0, abs=1e9)}


def test_a_key_that_is_only_0_and_1_is_a_value_by_its_task() -> None:
    nlp = make_nlp({"topic": V2, "rating": {**RATING, "keys": ["helpful"]}})
    examples = make_examples(nlp, "", rating=False)
    for number, example in enumerate(examples):
        example.reference.cats["helpful"] = float(number % 2)
    nlp.initialize(lambda: examples)
    assert multitask(nlp).labels_for("topic") == ("bed", "soup")
    alone = make_nlp({"topic": {**V2, "exclusive": False}})
    alone.initialize(lambda: examples)
    assert multitask(alone).labels_for("topic") == ("bed", "helpful", "soup")


def test_probabilities_of_classes_stay_classes() -> None:
    """As of files that a pipeline has annotated."""
    nlp = make_nlp({"topic": V2})
    examples = make_examples(nlp, rating=False)
    examples[0].reference.cats = {"topic=soup": 0.9, "topic=bed": 0.1}
    nlp.initialize(lambda: examples)
    assert multitask(nlp).labels_for("topic") == ("topic=bed", "topic=soup")


def test_keys_that_are_listed_are_classes() -> None:
    nlp = make_nlp({"topic": {**V2, "exclusive": False}})
    examples = make_examples(nlp, "", rating=False)
    for example in examples:
        example.reference.cats["rude"] = 0.25
    labels = {"topic": ["soup", "rude"]}
    multitask(nlp).initialize(lambda: examples, nlp=nlp, labels=labels)
    targets: Any = multitask(nlp).tasks["topic"].targets(examples, multitask(nlp).model.ops)
    assert targets.mask.all() and targets.truths[:, 1].tolist() == [0.25] * 5
    examples[0].reference.cats["rude"] = 4.0
    with pytest.raises(MTLError, match="from 0 to 1 for the class 'rude' in doc.cats, got 4.0"):
        multitask(nlp).tasks["topic"].targets(examples, multitask(nlp).model.ops)


def test_values_alone_are_no_classes() -> None:
    nlp = make_nlp({"topic": V2})
    examples = make_examples(nlp)
    for example in examples:
        example.reference.cats = {"stars": example.reference.cats["stars"]}
    message = r"classes for the task 'topic' in doc.cats, got stars alone.*\.labels\.topic\]"
    with pytest.raises(MTLError, match=message):
        nlp.initialize(lambda: examples)


def test_a_key_is_no_class_and_value_at_once() -> None:
    nlp = make_nlp({"topic": V2, "rating": RATING})
    examples = make_examples(nlp)
    labels = {"topic": ["topic=soup", "stars"]}
    message = "got 'stars' in 'rating' and 'topic'"
    with pytest.raises(MTLError, match=message):
        multitask(nlp).initialize(lambda: examples, nlp=nlp, labels=labels)
    nlp.initialize(lambda: examples)
    with pytest.raises(MTLError, match=message):
        multitask(nlp).add_label("topic:stars")


def test_a_task_may_have_the_name_of_the_layer() -> None:
    """As pipelines of before may have one."""
    nlp = trained({"values": {**V2, "group": "topic"}, "rating": RATING}, 1)
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["values_score"] == scores["cats_score"] != scores["rating_score"]


def test_examples_without_any_number() -> None:
    nlp = make_nlp({"rating": RATING, "topic": V2})
    with pytest.raises(MTLError, match="Expected numbers at 'stars' in doc.cats for the task"):
        nlp.initialize(lambda: make_examples(nlp, rating=False))


def test_nothing_to_learn_is_said() -> None:
    nlp = make_nlp({"rating": RATING})
    examples = make_examples(nlp)[:1]
    with pytest.warns(UserWarning, match="a value of 'stars' have 5: the task 'rating'"):
        nlp.initialize(lambda: examples)
    assert nlp("soup")._.values == {"stars": 5.0}


# Readers


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    examples = make_examples(spacy.blank("en"))
    path = tmp_path / "a.spacy"
    DocBin(docs=[example.reference for example in examples]).to_disk(path)
    return str(path)


def test_a_mixture_vouches_for_either(corpus: str) -> None:
    """Also where stars are 1, as the pipeline's task names them."""
    nlp = make_nlp({"rating": RATING, "topic": V2})
    reader = Corpus(corpus)
    for layers, kept in ((["cats"], {"topic=soup", "topic=bed"}), (["values"], {"stars"})):
        mixed = MixedCorpus({"a": reader}, {"a": layers})
        with pytest.warns(UserWarning, match="that it does not vouch for: (cats|values)"):
            examples = list(mixed(nlp))
        assert all(set(example.reference.cats) == kept for example in examples)
    both = list(MixedCorpus({"a": reader}, {"a": ["cats", "values"]})(nlp))
    assert [values_of(example.reference)["stars"] for example in both] == [*TEXTS.values()]


def test_a_file_read_as_a_whole_knows_its_values(corpus: str) -> None:
    docs = list(stored_docs(Path(corpus), spacy.blank("en").vocab))
    assert [doc._.values for doc in docs] == [{"stars": stars} for stars in TEXTS.values()]


def lower_case(nlp: Language, example: Example) -> Any:
    given = example.to_dict()
    given["doc_annotation"]["cats"] = dict(example.reference.cats)
    yield example.from_dict(nlp.make_doc(example.text.lower()), given)


def test_an_augmenter_leaves_values(tmp_path: Path) -> None:
    """Also those that stand in `doc._.values` alone, as in files that a pipeline has annotated."""
    nlp = make_nlp({"rating": RATING, "topic": V2})
    references = [example.reference for example in make_examples(nlp)]
    for doc in references:
        note_values(doc, {"heat": 1.0})
    DocBin(docs=references, store_user_data=True).to_disk(tmp_path / "a.spacy")
    reader = Corpus(str(tmp_path / "a.spacy"), augmenter=lower_case)
    with pytest.warns(UserWarning, match="vouch"):
        examples = list(MixedCorpus({"a": reader}, {"a": ["values"]})(nlp))
    assert [values_of(example.reference) for example in examples] == [
        {"heat": 1.0, "stars": stars} for stars in TEXTS.values()
    ]


def test_what_a_corpus_trains() -> None:
    nlp = make_nlp({"rating": RATING, "heat": {**RATING, "keys": ["heat"]}})
    found = Annotation.of(make_examples(nlp))
    tasks = multitask(nlp).tasks
    assert found.trains(tasks["rating"]) and not found.trains(tasks["heat"])


def test_the_gradient_reaches_the_encoder_as_it_should() -> None:
    """A component with values alone learns on its own encoder."""
    nlp = make_nlp({"rating": {**RATING, "ngram_size": 0}}, inline=True)
    assert ENCODER["width"] == 16
    nlp.initialize(lambda: make_examples(nlp))
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    before = multitask(nlp).model.get_ref("tok2vec").to_bytes()
    for _ in range(60):
        step(nlp, optimizer, make_examples(nlp))
    assert multitask(nlp).model.get_ref("tok2vec").to_bytes() != before
    found = [doc._.values["stars"] for doc in nlp.pipe(TEXTS)]
    assert np.corrcoef(found, [*TEXTS.values()])[0, 1] > 0.9
