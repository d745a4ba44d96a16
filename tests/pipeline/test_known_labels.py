"""Corpora that know some labels each: what they do not know is masked there, not negative."""

import itertools
from typing import Any

import numpy
import pytest
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_mtl.errors import MTLError
from spacy_mtl.marks import mark
from spacy_mtl.mixing.mixed import MixedCorpus

from .helpers import (
    LAYERS,
    bare,
    head_bytes,
    make_examples,
    make_nlp,
    multitask,
    randomize_heads,
    step,
    trained,
)

NO_SGD: Any = False
PEOPLE, PLACES = ["Ana", "Bob", "Cy", "Di"], ["Rio", "Bonn", "Oslo", "Rome"]
# Two corpora that have people and places in sentences of their own and of the same kind.
SHARED = ["{person} saw {place} today", "in {place} we met {person} again"]
TEXTS = {
    "letters": ["dear {person} from {place} please write", *SHARED],
    "tickets": ["train to {place} with {person} delayed", *SHARED],
}
KNOWN = {"letters": ["PER"], "tickets": ["LOC"]}
KINDS = {
    "ner": {"@mtl_tasks": "spacy_mtl.NER.v1"},
    "crf": {"@mtl_tasks": "spacy_mtl.NER.v1", "crf": True},
    "group": {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": "x"},
    "overlapping": {"@mtl_tasks": "spacy_mtl.SpanCat.v1", "spans_key": "x"},
    "one label": {"@mtl_tasks": "spacy_mtl.SpanCat.v1", "spans_key": "x", "exclusive": True},
}


def annotated(nlp: Language, text: str, types: list[str], key: str | None) -> Doc:
    doc = Doc(nlp.vocab, words=text.split())
    names = {**dict.fromkeys(PEOPLE, "PER"), **dict.fromkeys(PLACES, "LOC")}
    spans = [Span(doc, t.i, t.i + 1, names[t.text]) for t in doc if names.get(t.text) in types]
    if key is None:
        doc.set_ents(spans)
    else:
        doc.spans[key] = spans
    return doc


def corpus(nlp: Language, name: str, types: list[str], key: str | None) -> list[Example]:
    chosen = itertools.product(TEXTS[name], PEOPLE, PLACES)
    texts = [text.format(person=person, place=place) for text, person, place in chosen]
    docs = [annotated(nlp, text, types, key) for text in texts]
    return [Example(bare(doc), doc) for doc in docs]


def scores_in_each_others_texts(settings: dict[str, Any], declared: bool) -> tuple[float, float]:
    """After training on both corpora, the precision of all spans, and the recall of those of the
    types that each corpus leaves out."""
    fix_random_seed(0)
    nlp = make_nlp({"ner": settings})
    key = settings.get("spans_key")
    readers = {name: (lambda nlp, name=name: corpus(nlp, name, KNOWN[name], key)) for name in TEXTS}
    labels = {name: {"ner": known} for name, known in KNOWN.items()} if declared else {}
    mixed = MixedCorpus(readers, labels=labels)
    examples = list(mixed(nlp))
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(20):
        step(nlp, optimizer, examples)
    unknown = [corpus(nlp, "letters", ["LOC"], key), corpus(nlp, "tickets", ["PER"], key)]
    everything = [corpus(nlp, name, ["PER", "LOC"], key) for name in TEXTS]
    precision = nlp.evaluate(list(itertools.chain(*everything)))["ner_p"]
    return precision, nlp.evaluate(list(itertools.chain(*unknown)))["ner_r"]


@pytest.mark.parametrize("kind", KINDS)
def test_types_are_found_in_texts_of_corpora_that_do_not_know_them(kind):
    precision, recall = scores_in_each_others_texts(KINDS[kind], declared=True)
    assert precision > 0.9 and recall > 0.8
    assert scores_in_each_others_texts(KINDS[kind], declared=False)[1] < 0.6


def test_heads_have_no_gradient_at_unknown_labels():
    nlp = trained(make_nlp(), 0)
    randomize_heads(nlp)
    component = multitask(nlp)
    known = {name: list(task.labels[:1]) for name, task in component.tasks.items()}
    examples = make_examples(nlp)
    for index, example in enumerate(examples):
        mark(example, "a", index, known)
    nlp.update(examples, sgd=NO_SGD, losses={})
    for name, task in component.tasks.items():
        output = component.model.get_ref(f"head:{name}").get_ref("output")
        own = numpy.isin(task.columns, task.columns_of(known[name]))
        for param in ("W", "b"):
            gradient = output.get_grad(param)
            if gradient.ndim == 3:  # of a head of spans: first, last and mean come first
                gradient = gradient.swapaxes(0, 1)
            gradient = gradient.reshape(len(own), -1)
            assert (gradient[~own] == 0.0).all()
        # There is nothing to learn from a choice of one.
        several = own.sum() > 1 or name in ("topic", "phrases")
        assert gradient[own].any() == several


def test_training_is_the_same_where_all_labels_are_known():
    def heads(declared: bool) -> dict[str, bytes]:
        fix_random_seed(0)
        nlp = make_nlp()
        optimizer = nlp.initialize(lambda: make_examples(nlp))
        labels = multitask(nlp).label_data
        examples = make_examples(nlp)
        for index, example in enumerate(examples):
            mark(example, "a", index, labels if declared else None)
        for _ in range(3):
            step(nlp, optimizer, examples)
        return head_bytes(nlp)

    assert heads(declared=True) == heads(declared=False)


@pytest.mark.parametrize("task", LAYERS)
def test_the_first_batch_tells_of_labels_that_no_task_has(task):
    nlp = trained(make_nlp(), 0)
    examples = make_examples(nlp)
    mark(examples[3], "news", 3, {task: ["Typo"]})
    with pytest.raises(MTLError, match=f"task '{task}' .*corpus 'news'.* got Typo"):
        nlp.update(examples, sgd=NO_SGD, losses={})
