"""The small pipelines that the cases run on."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, cast

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_mtl.pipeline.component import MultiTask

WIDTH = 8
EMBED = {
    "@architectures": "spacy_mtl.HashEmbed.v1",
    "width": WIDTH,
    "attrs": ["NORM", "SHAPE"],
    "rows": [50, 50],
    "include_static_vectors": False,
}
ENCODE = {
    "@architectures": "spacy_mtl.WindowEncoder.v1",
    "width": WIDTH,
    "window_size": 1,
    "maxout_pieces": 2,
    "depth": 1,
}
ENCODER = {"@architectures": "spacy.Tok2Vec.v2", "embed": EMBED, "encode": ENCODE}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "tok2vec"}


class Layer(NamedTuple):
    """A task, and the part of a reference that it learns from."""

    settings: dict[str, Any]
    labels: tuple[str, ...]


TASKS: dict[str, Layer] = {
    "tagger": Layer({"@mtl_tasks": "spacy_mtl.Tagger.v1"}, ("N", "V")),
    "morph": Layer({"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": "MORPH"}, ("Number=Sing", "")),
    "ner": Layer({"@mtl_tasks": "spacy_mtl.NER.v1"}, ("LOC", "PER")),
    "things": Layer(
        {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": "things", "crf": True}, ("FOOD", "CAR")
    ),
    "nested": Layer(
        {"@mtl_tasks": "spacy_mtl.SpanCat.v1", "spans_key": "nested", "hidden_width": 4},
        ("FOOD", "CAR"),
    ),
    "mood": Layer(
        {"@mtl_tasks": "spacy_mtl.TextCat.v1", "ngram_rows": 16}, ("mood=bad", "mood=good")
    ),
    "topic": Layer(
        {"@mtl_tasks": "spacy_mtl.TextCat.v1", "ngram_rows": 16, "exclusive": False},
        ("topic=food", "topic=rail"),
    ),
}


def pipeline_config(tasks: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """A config of `balanced_tok2vec` and `multitask` with these task blocks."""
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": dict(LISTENER)}
    component = {"factory": "multitask", "model": model, "tasks": tasks, **settings}
    encoder = {"factory": "balanced_tok2vec", "model": ENCODER}
    return {
        "nlp": {"lang": "xx", "pipeline": ["tok2vec", "multitask"]},
        "components": {"tok2vec": encoder, "multitask": component},
    }


def multitask(nlp: Language) -> MultiTask:
    return cast(MultiTask, nlp.get_pipe("multitask"))


def reference(nlp: Language, mood: str = "mood=good") -> Doc:
    """A document with some of every layer."""
    words = ["Ana", "eats", "soup", "in", "Rio"]
    tags = ["N", "V", "N", "V", "N"]
    morphs = ["Number=Sing" if tag == "N" else "" for tag in tags]
    ents = ["B-PER", "O", "O", "O", "B-LOC"]
    doc = Doc(nlp.vocab, words=words, tags=tags, morphs=morphs, ents=ents)
    doc.spans["things"] = [Span(doc, 2, 3, "FOOD"), Span(doc, 3, 5, "CAR")]
    doc.spans["nested"] = [Span(doc, 2, 3, "FOOD"), Span(doc, 2, 5, "CAR")]
    doc.cats = {"mood=bad": 0.0, "mood=good": 0.0, "topic=food": 1.0, "topic=rail": 0.0}
    doc.cats[mood] = 1.0
    return doc


def examples_for(nlp: Language) -> list[Example]:
    """Two documents with all layers, which have all labels of `TASKS`."""
    docs = [reference(nlp, mood) for mood in ("mood=good", "mood=bad")]
    return [Example(bare(doc), doc) for doc in docs]


def bare(doc: Doc) -> Doc:
    """The tokens alone."""
    words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
    return Doc(doc.vocab, words=words, spaces=spaces)


def trained(steps: int = 3) -> Language:
    """A pipeline with all of `TASKS` after some steps."""
    fix_random_seed(0)
    config = pipeline_config({name: layer.settings for name, layer in TASKS.items()})
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    given = {name: list(layer.labels) for name, layer in TASKS.items()}
    nlp.config["initialize"]["components"]["multitask"] = {"labels": given}
    optimizer = nlp.initialize(lambda: examples_for(nlp))
    for _ in range(steps):
        update(nlp, examples_for(nlp), optimizer)
    return nlp


def update(nlp: Language, examples: list[Example], optimizer: Any) -> dict[str, float]:
    """One update and its finish, as in spaCy's training loop."""
    losses: dict[str, float] = {}
    nlp.update(examples, sgd=False, losses=losses)  # type: ignore[arg-type]
    pipes: list[Any] = [component for _, component in nlp.pipeline]
    for component in pipes:
        component.finish_update(optimizer)
    return losses


@cache
def stored_files() -> list[bytes]:
    """Some `.spacy` files."""
    nlp = spacy.blank("xx")
    docs = [reference(nlp), Doc(nlp.vocab), Doc(nlp.vocab, words=["Ana"])]
    return [DocBin(docs=docs[:n], store_user_data=True).to_bytes() for n in (1, 3)]
