"""Tiny pipelines and a handful of sentences, of which any layer can be left out."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.cli._util import app
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from typer.testing import CliRunner

from spacy_mtl.balancing.gradients import TaskGradients
from spacy_mtl.pipeline.component import MultiTask
from spacy_mtl.state import State

WIDTH = 16
ENCODER = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": WIDTH,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "tok2vec"}

# One task of every kind, two where two can stand side by side. Each has a layer of its own name.
TASKS: dict[str, dict[str, Any]] = {
    "tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1"},
    "pos": {"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": "POS"},
    "morph": {"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": "MORPH"},
    "lemma": {"@mtl_tasks": "spacy_mtl.Lemmatizer.v1", "min_tree_freq": 1},
    "ner": {"@mtl_tasks": "spacy_mtl.NER.v1", "hidden_width": 8},
    "things": {"@mtl_tasks": "spacy_mtl.NER.v1", "crf": True, "spans_key": "things"},
    "phrases": {
        "@mtl_tasks": "spacy_mtl.SpanCat.v1",
        "suggester": {"@misc": "spacy.ngram_range_suggester.v1", "min_size": 1, "max_size": 4},
        "spans_key": "phrases",
        "hidden_width": 0,
    },
    "sentiment": {"@mtl_tasks": "spacy_mtl.TextCat.v1", "ngram_rows": 64},
    "topic": {"@mtl_tasks": "spacy_mtl.TextCat.v1", "exclusive": False, "ngram_rows": 64},
}
LAYERS = tuple(TASKS)

SENTENCES = [
    ("Ana visits sunny Rio .", "N V J N .", "U-PER O O U-LOC O", (2, 4, "PLACE"), "pos", ["trip"]),
    ("Bob hates the old train", "N V D J N", "U-PER O O O O", (3, 5, "VEHICLE"), "neg", ["rail"]),
    ("Nice food !", "J N .", "O O O", (1, 2, "FOOD"), "pos", ["food"]),
    ("New York trains are late", "N N N V J", "B-LOC L-LOC O O O", (0, 3, "VEHICLE"), "neg", []),
    ("Cold soup in Rome", "J N P N", "O O O U-LOC", (0, 2, "FOOD"), "neg", ["food", "trip"]),
    ("Ana loves Bob", "N V N", "U-PER O U-PER", (0, 1, "PERSON"), "pos", []),
]
POS = {"N": "NOUN", "V": "VERB", "J": "ADJ", ".": "PUNCT", "D": "DET", "P": "ADP"}
TEXTS = [sentence[0] for sentence in SENTENCES]


class SpyBalancer:
    """A balancer that gives the weights that it was made with, 1 to others, and remembers calls."""

    def __init__(
        self, weights: Mapping[str, float] | None = None, needs_gradients: bool = False
    ) -> None:
        self.given = dict(weights or {})
        self.needs_gradients = needs_gradients
        self.started: list[list[str]] = []
        self.losses: list[dict[str, float]] = []
        self.gradients: list[TaskGradients | None] = []
        self.loaded: list[State] = []

    def start(self, tasks: list[str]) -> None:
        self.started.append(tasks)

    def reset(self) -> None:
        self.started.clear()

    def weights(
        self, losses: Mapping[str, float], gradients: TaskGradients | None = None
    ) -> dict[str, float]:
        self.losses.append(dict(losses))
        self.gradients.append(gradients)
        return {task: self.given.get(task, 1.0) for task in losses}

    def state(self) -> State:
        return {"x": numpy.asarray([1.5, 2.5])}

    def load_state(self, state: State) -> None:
        self.loaded.append(state)


def make_nlp(
    tasks: Iterable[str] | dict[str, dict[str, Any]] = LAYERS,
    inline: bool = False,
    name: str = "multitask",
    **settings: Any,
) -> Language:
    """A pipeline with these tasks, not initialized; `inline` with the encoder in the component."""
    nlp = spacy.blank("en")
    if not inline:
        nlp.add_pipe("tok2vec", config={"model": ENCODER})
    encoder = ENCODER if inline else LISTENER
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": encoder}
    if not isinstance(tasks, dict):
        tasks = {task: TASKS[task] for task in tasks}
    nlp.add_pipe("multitask", name=name, config={"model": model, "tasks": tasks, **settings})
    return nlp


def multitask(nlp: Language) -> MultiTask:
    component: Any = nlp.get_pipe("multitask")
    return component


def make_doc(nlp: Language, row: int, layers: Iterable[str] = LAYERS) -> Doc:
    """One of the sentences, with the annotation of some layers alone."""
    text, tags, ents, (start, end, thing), sentiment, topics = SENTENCES[row]
    given: dict[str, Any] = {}
    if "tagger" in layers:
        given["tags"] = tags.split()
    if "pos" in layers:
        given["pos"] = [POS[tag] for tag in tags.split()]
    if "morph" in layers:
        given["morphs"] = ["Number=Sing" if tag == "N" else "Degree=Pos" for tag in tags.split()]
    if "lemma" in layers:
        given["lemmas"] = [word.removesuffix("s") for word in text.split()]
    if "ner" in layers:
        iob = ents.replace("U-", "B-").replace("L-", "I-")
        given["ents"] = iob.split()
    doc = Doc(nlp.vocab, words=text.split(), **given)
    if "things" in layers:
        doc.spans["things"] = [Span(doc, start, end, thing)]
    if "phrases" in layers:  # one within the other, or with two labels
        doc.spans["phrases"] = [Span(doc, end - 1, end, "HEAD"), Span(doc, start, end, "NP")]
    if "sentiment" in layers:
        doc.cats.update({f"sentiment={c}": float(c == sentiment) for c in ("pos", "neg")})
    if "topic" in layers:
        doc.cats.update({f"topic={c}": float(c in topics) for c in ("trip", "rail", "food")})
    return doc


def make_examples(nlp: Language, layers: Any = LAYERS) -> list[Example]:
    """All sentences, with the same layers each, or with one collection of layers each."""
    same = all(isinstance(layer, str) for layer in layers)
    per_row = [layers] * len(SENTENCES) if same else layers
    references = [make_doc(nlp, row, own) for row, own in enumerate(per_row)]
    return [Example(bare(doc), doc) for doc in references]


def bare(doc: Doc) -> Doc:
    """The tokens alone."""
    return Doc(doc.vocab, words=[token.text for token in doc])


def trained(nlp: Language, steps: int = 8, seed: int = 0, layers: Any = LAYERS) -> Language:
    """Initialize on all layers and take some steps."""
    fix_random_seed(seed)
    nlp.initialize(lambda: make_examples(nlp))
    train(nlp, steps, layers)
    return nlp


def train(nlp: Language, steps: int, layers: Any = LAYERS) -> dict[str, float]:
    """Some updates as spaCy's training loop makes them; the losses of the last."""
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    losses: dict[str, float] = {}
    for _ in range(steps):
        losses = {}
        step(nlp, optimizer, make_examples(nlp, layers), losses)
    return losses


def step(nlp: Language, optimizer: Any, examples: list[Example], losses: Any = None) -> None:
    """One update and its finish, as in spaCy's training loop."""
    sgd: Any = False
    nlp.update(examples, sgd=sgd, losses={} if losses is None else losses)
    for _, component in nlp.pipeline:
        component.finish_update(optimizer)


def head_bytes(nlp: Language) -> dict[str, bytes]:
    """Every head's parameters, by task."""
    model = multitask(nlp).model
    return {name: model.get_ref(f"head:{name}").to_bytes() for name in multitask(nlp).tasks}


def annotation(doc: Doc) -> dict[str, Any]:
    """Everything that the tasks write, for comparison."""
    return {
        "tag": [token.tag_ for token in doc],
        "pos": [token.pos_ for token in doc],
        "morph": [str(token.morph) for token in doc],
        "lemma": [token.lemma_ for token in doc],
        "ents": [(ent.start, ent.end, ent.label_) for ent in doc.ents],
        "spans": {
            key: [(span.start, span.end, span.label_) for span in group]
            for key, group in doc.spans.items()
        },
        "cats": {key: round(value, 4) for key, value in sorted(doc.cats.items())},
    }


def annotations(nlp: Language, texts: Iterable[str] = TEXTS, **kwargs: Any) -> list[dict[str, Any]]:
    return [annotation(doc) for doc in nlp.pipe(texts, **kwargs)]


def randomize_heads(nlp: Language, seed: int = 0) -> None:
    """Random head parameters: they begin at zero, where no gradient passes through."""
    rng = numpy.random.default_rng(seed)
    for name in multitask(nlp).tasks:
        for node in multitask(nlp).model.get_ref(f"head:{name}").walk():
            for param in node.param_names:
                shape = node.get_param(param).shape
                node.set_param(param, node.ops.asarray(rng.normal(size=shape).astype("float32")))


def write_corpus(path: Path, nlp: Language, layers: Any = LAYERS) -> Path:
    """All sentences in a .spacy file, with the layers as in `make_examples`."""
    attrs = ["TAG", "POS", "MORPH", "LEMMA", "ENT_IOB", "ENT_TYPE"]
    docs = [example.reference for example in make_examples(nlp, layers)]
    DocBin(attrs=attrs, docs=docs, store_user_data=True).to_disk(path)
    return path


def run_spacy(*args: Any) -> str:
    """Run a command of spaCy's in this process; its output."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exit_code:
        raise AssertionError(result.output) from result.exception
    return result.output
