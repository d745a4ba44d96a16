"""A pipeline that can be computed by hand: a linear encoder of one-hot words, linear heads."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import spacy
from numpy.typing import NDArray
from pipeline.helpers import multitask, step
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, Model

from spacy_mtl.affinity.observe import AffinityObserver
from spacy_mtl.models.topologies import base as topologies

WORDS = ["ah", "oh", "uh", "eh"]
WIDTH = 3
# Of each of the words, in each of two documents.
TAGS = [["A", "B", "C", "A"], ["B", "B", "A", "C"]]
POS = {"A": "NOUN", "B": "VERB", "C": "ADJ"}  # says the same in other words


def one_hot() -> Model[list[Doc], list[Any]]:
    """(n_tokens, n_words) @ W: a row of W for each word."""
    return Model("one_hot", _forward, init=_init, params={"W": None}, dims={"nO": WIDTH})


def _forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Any], Any]:
    features = [np.asarray([[t.text == w for w in WORDS] for t in doc], "f") for doc in docs]

    def backprop(dYs: list[Any]) -> list[Doc]:
        pairs = zip(features, dYs, strict=True)
        model.inc_grad("W", np.asarray(sum(F.T @ dY for F, dY in pairs)))
        return docs

    return [F @ model.get_param("W") for F in features], backprop


def _init(model: Model, X: Any = None, Y: Any = None) -> None:
    rng = np.random.default_rng(0)
    model.set_param("W", rng.normal(size=(len(WORDS), WIDTH)).astype("float32"))


spacy.registry.architectures.register("spacy_mtl_tests.OneHot.v1", func=one_hot)


def linear_nlp(**settings: Any) -> Language:
    """Two taggers, of tags and parts of speech, initialized, with random heads."""
    nlp = spacy.blank("en")
    encoder = {"@architectures": "spacy_mtl_tests.OneHot.v1"}
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": encoder}
    tasks = {
        "tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1", "label_smoothing": 0.0},
        "pos": {"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": "POS", "label_smoothing": 0.0},
    }
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks, **settings})
    labels = {"tagger": list("ABC"), "pos": [POS[tag] for tag in "ABC"]}
    multitask(nlp).initialize(lambda: linear_examples(nlp), nlp=nlp, labels=labels)
    rng = np.random.default_rng(1)
    for task in ("tagger", "pos"):
        set_head(nlp, task, rng.normal(size=(3, WIDTH)), rng.normal(size=3))
    return nlp


def set_head(nlp: Language, task: str, W: NDArray, b: NDArray) -> None:
    """The weights of a task's head, a row for each label."""
    output = topologies.head_of(multitask(nlp).model, task).get_ref("output")
    output.set_param("W", W.astype("float32"))
    output.set_param("b", b.astype("float32"))


def linear_examples(nlp: Language, layers: tuple[str, ...] = ("tagger", "pos")) -> list[Example]:
    """The two documents, with the annotation of these tasks."""
    examples = []
    for tags in TAGS:
        given: dict[str, Any] = {"tags": tags} if "tagger" in layers else {}
        if "pos" in layers:
            given["pos"] = [POS[tag] for tag in tags]
        reference = Doc(nlp.vocab, words=WORDS, **given)
        examples.append(Example(Doc(nlp.vocab, words=WORDS), reference))
    return examples


def by_hand(nlp: Language, rate: float, weights: tuple[float, float] = (1.0, 1.0)) -> NDArray:
    """(2, 2) the look-ahead for SGD, in double precision."""
    model = multitask(nlp).model
    W = model.get_ref("tok2vec").get_param("W").astype("float64")
    heads = [topologies.head_of(model, task).get_ref("output") for task in ("tagger", "pos")]
    params = [
        (head.get_param("W").astype("f8"), head.get_param("b").astype("f8")) for head in heads
    ]
    F = np.concatenate([np.eye(len(WORDS))] * len(TAGS))
    gold = np.eye(3)[["ABC".index(tag) for tags in TAGS for tag in tags]]

    def loss(W: NDArray, head: int) -> tuple[float, NDArray]:
        U, b = params[head]
        scores = F @ W @ U.T + b
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return -float(np.log((p * gold).sum(axis=1)).sum()), F.T @ ((p - gold) @ U)

    found = np.zeros((2, 2))
    for i in range(2):
        moved = W - rate * weights[i] * loss(W, i)[1]
        found[i] = [1 - loss(moved, j)[0] / loss(W, j)[0] for j in range(2)]
    return found


def loop(
    nlp: Language, examples: list[Example], steps: int, observer: AffinityObserver | None
) -> None:
    """Train on every second of the examples in turn, as `Loop` does around an observer."""
    optimizer = Adam(0.01)
    progress = SimpleNamespace(steps=0, results=[])
    state: Any = SimpleNamespace(nlp=nlp, optimizer=optimizer, progress=progress)
    for number in range(steps):
        progress.steps = number
        batch = examples[number % 2 :: 2]
        if observer is not None:
            observer(state, batch)
        step(nlp, optimizer, batch)
