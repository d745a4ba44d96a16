"""Tasks on corpora that know some of their labels: the others might as well not be there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.marks import mark
from spacy_mtl.tasks.ner import NER
from spacy_mtl.tasks.tagger import Tagger
from spacy_mtl.tasks.textcat import TextCat

OPS = NumpyOps()
WORDS = ["Ana saw New York", "no name here", "", "Bo and Cy left Rome"]
SPANS = {0: [(0, 1, "PER"), (2, 4, "LOC")], 3: [(0, 1, "PER"), (2, 3, "ORG"), (4, 5, "LOC")]}


@dataclass(frozen=True)
class Kind:
    """A kind of task, its labels, those that a corpus knows, and how to annotate with all."""

    make: Callable[[], Any]
    labels: list[str]
    known: list[str]
    annotate: Callable[[Doc, int], None]

    def task(self, labels: list[str]) -> Any:
        task = self.make()
        task.set_labels(labels)
        return task


def tags(attr: str, labels: list[str]) -> Callable[[Doc, int], None]:
    def annotate(doc: Doc, row: int) -> None:
        for token in doc[1:]:
            label = labels[(token.i + row) % len(labels)]
            token.set_morph(label) if attr == "morph" else setattr(token, f"{attr}_", label)

    return annotate


def ents(doc: Doc, row: int) -> None:
    if len(doc):
        doc.set_ents([Span(doc, *span) for span in SPANS.get(row, [])])


def group(doc: Doc, row: int) -> None:
    doc.spans["x"] = [Span(doc, *span) for span in SPANS.get(row, [])]


def one_class(doc: Doc, row: int) -> None:
    doc.cats = {key: float(i == row % 3) for i, key in enumerate("ABC")}


def classes(doc: Doc, row: int) -> None:
    doc.cats = {"A": 1.0, "B": float(row % 2), "C": float(row > 1)}


TAG, POS = ["DT", "NN", "VB"], ["DET", "NOUN", "VERB"]
MORPH = ["Case=Nom", "Number=Sing", "Number=Sing|Person=3"]
TYPES, ABC = ["LOC", "ORG", "PER"], ["A", "B", "C"]
KINDS = {
    "tag": Kind(lambda: Tagger("TAG"), TAG, ["NN", "VB"], tags("tag", TAG)),
    "pos": Kind(lambda: Tagger("POS"), POS, ["VERB", "DET"], tags("pos", POS)),
    "morph": Kind(lambda: Tagger("MORPH"), MORPH, MORPH[1:], tags("morph", MORPH)),
    "ner": Kind(NER, TYPES, ["PER"], ents),
    "crf": Kind(lambda: NER(crf=True), TYPES, ["LOC", "PER"], ents),
    "group": Kind(lambda: NER(spans_key="x"), TYPES, ["PER", "ORG"], group),
    "group, crf": Kind(lambda: NER(crf=True, spans_key="x"), TYPES, ["LOC"], group),
    "exclusive": Kind(lambda: TextCat(exclusive=True), ABC, ["A", "C"], one_class),
    "multi-label": Kind(lambda: TextCat(exclusive=False), ABC, ["C"], classes),
}


@pytest.fixture(params=KINDS)
def kind(request) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def examples(kind, make_doc) -> list[Example]:
    references = [make_doc(words) for words in WORDS]
    for row, reference in enumerate(references):
        kind.annotate(reference, row)
    return [Example(make_doc(w), y) for w, y in zip(WORDS, references, strict=True)]


def declare(examples, task, labels, corpus="a"):
    for index, example in enumerate(examples):
        mark(example, corpus, index, {task.name: labels})


@pytest.fixture
def loss_of(pack):
    def loss_of(task, scores, examples):
        """The loss, its gradient, and the number of labelled units."""
        packed = pack([eg.x for eg in examples])
        targets = task.targets(examples, OPS)
        return *task.loss(scores, targets, packed), targets.n_units

    return loss_of


def random_scores(task, examples, dtype="float32"):
    n = len(examples) if isinstance(task, TextCat) else sum(len(eg.x) for eg in examples)
    return np.random.default_rng(0).normal(size=(n, len(task.columns))).astype(dtype) * 2


def test_loss_is_that_of_a_task_without_the_unknown_labels(kind, examples, loss_of):
    task, smaller = kind.task(kind.labels), kind.task(kind.known)
    scores = random_scores(task, examples)
    places = [task.columns.index(column) for column in smaller.columns]
    expected = loss_of(smaller, scores[:, places], examples)
    declare(examples, task, kind.known)
    loss, d_scores, n_units = loss_of(task, scores, examples)
    assert n_units == expected[2] > 0
    assert loss == pytest.approx(expected[0], rel=1e-6) != 0.0
    np.testing.assert_allclose(d_scores[:, places], expected[1], atol=1e-6)
    unknown = np.setdiff1d(np.arange(len(task.columns)), places)
    assert len(unknown) and (d_scores[:, unknown] == 0.0).all()
    assert d_scores.dtype == np.float32


def test_gradient_is_that_of_the_masked_loss(kind, examples, loss_of, numeric_gradient):
    task = kind.task(kind.labels)
    task.label_smoothing = 0.0  # it changes the gradient, but not the loss
    scores = random_scores(task, examples, "float64")
    declare(examples[:2], task, kind.known)
    numeric = numeric_gradient(lambda: loss_of(task, scores, examples)[0], scores, eps=1e-5)
    np.testing.assert_allclose(loss_of(task, scores, examples)[1], numeric, atol=1e-7)


def test_all_known_is_the_same_as_nothing_declared(kind, examples, loss_of):
    task = kind.task(kind.labels)
    scores = random_scores(task, examples)
    loss, d_scores, n_units = loss_of(task, scores, examples)
    declare(examples, task, kind.labels[::-1])
    assert task.known_columns(examples) is None
    again = loss_of(task, scores, examples)
    assert (loss, n_units) == (again[0], again[2])
    assert d_scores.tobytes() == again[1].tobytes()


def test_a_declaration_is_for_its_own_documents_and_task(kind, examples, loss_of):
    """One that is made for some documents leaves the rows of the others as they were."""
    task = kind.task(kind.labels)
    scores = random_scores(task, examples)
    n_rows = 1 if isinstance(task, TextCat) else len(examples[0].x)
    expected = loss_of(task, scores, examples)[1]
    declare(examples[:1], task, kind.known)
    found = loss_of(task, scores, examples)[1]
    assert (found[:n_rows] != expected[:n_rows]).any()
    assert found[n_rows:].tobytes() == expected[n_rows:].tobytes()
    mark(examples[0], "a", 0, {"another task": kind.known})
    assert loss_of(task, scores, examples)[1].tobytes() == expected.tobytes()


def test_gold_of_unknown_labels_is_masked(kind, examples):
    """Without any known label nothing is labelled but what is outside of entities."""
    task = kind.task(kind.labels)
    declare(examples, task, [])
    targets = task.targets(examples, OPS)
    outside = isinstance(task, NER)
    assert targets.n_units == targets.mask.sum() == (12 - 6 if outside else 0)
    if outside:
        assert not targets.classes[targets.mask].any()


def test_labels_that_the_task_does_not_have(kind, examples):
    task = kind.task(kind.labels)
    task.name = "mine"
    declare(examples, task, [*kind.known, "Typo"], corpus="news")
    with pytest.raises(MTLError, match="'mine'.*corpus 'news'.* got Typo. Correct"):
        task.targets(examples, OPS)


def test_labels_that_are_added_are_masked(make_doc):
    task = KINDS["tag"].task(TAG)
    examples = [Example(make_doc("a"), make_doc("a", tags=["NN"]))]
    declare(examples, task, ["NN", "VB"])
    assert task.known_columns(examples).tolist() == [[False, True, True]]
    task.set_labels([*TAG, "FW"])
    assert task.known_columns(examples).tolist() == [[False, True, True, False]]


def test_columns_of_entities(make_doc):
    task = KINDS["ner"].task(TYPES)
    examples = [Example(make_doc(words), make_doc(words)) for words in WORDS]
    assert task.known_columns(examples) is task.known_columns([]) is None
    declare(examples[1:2], task, ["PER", "LOC"])
    known = task.known_columns(examples)
    assert known[[0, 2, 3]].all()
    expected = ["O"] + [f"{prefix}-{kind}" for prefix in "BILU" for kind in ("LOC", "PER")]
    assert np.asarray(task.columns)[known[1]].tolist() == expected
    of_tokens = task.known_columns(examples, per_token=True)
    assert of_tokens.tolist() == known[[0] * 4 + [1] * 3 + [3] * 5].tolist()
