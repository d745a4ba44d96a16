"""Writes a small trained pipeline, and what it says of some sentences, for later versions.

As `0.1` was made, at the root of a checkout of commit c216b8d, with that version installed:
    python make.py assets/demo 0.1
It is a test that later versions load it, and say the same. Never make it anew with a later one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_mtl.corpora import read_docs

WIDTH, STEPS, BATCH = 16, 200, 24
CLASSES = ["sentiment", "topic"]
ENCODER = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy_mtl.HashEmbed.v1",
        "width": WIDTH,
        "attrs": ["NORM", "SUFFIX", "SHAPE"],
        "rows": [150, 60, 30],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy_mtl.WindowEncoder.v1",
        "width": WIDTH,
        "depth": 1,
        "window_size": 1,
        "maxout_pieces": 2,
    },
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "tok2vec"}
SMALL = {"@mtl_tasks": "spacy_mtl.TextCat.v1", "ngram_rows": 128}
TASKS = {
    "tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1"},
    "ner": {"@mtl_tasks": "spacy_mtl.NER.v1"},
    "names": {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": "names", "crf": True},
    "sentiment": {**SMALL, "exclusive": True},
    "topic": {**SMALL, "exclusive": False, "threshold": 0.3},
}


def main(demo: Path, folder: Path) -> None:
    fix_random_seed(0)
    nlp = spacy.blank("xx")  # whose tokenizer is small
    nlp.add_pipe("balanced_tok2vec", name="tok2vec", config={"model": ENCODER})
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": LISTENER}
    component: Any = nlp.add_pipe("multitask", config={"model": model, "tasks": TASKS})
    examples = training_examples(nlp, demo)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for step in range(STEPS):
        start = step * BATCH % len(examples)
        nlp.update(examples[start : start + BATCH], sgd=optimizer, drop=0.1)
    component.tasks["sentiment"].temperature = 1.5
    component.tasks["ner"].temperature = 0.8
    # New words would make the saved vocabulary large: nothing needs them.
    small = spacy.blank("xx", config=dict(nlp.config))
    for name, pipe in nlp.pipeline:
        small.get_pipe(name).from_bytes(pipe.to_bytes(exclude=["vocab"]), exclude=["vocab"])
    folder.mkdir(parents=True)
    small.to_disk(folder / "model")
    loaded = spacy.load(folder / "model")
    loaded.get_pipe("multitask").confidences = True
    texts = [doc.text for doc in read_docs(demo / "test.jsonl", loaded)][::4]
    said = [{"text": doc.text, **annotation(doc)} for doc in loaded.pipe(texts)]
    text = json.dumps(said, indent=1, ensure_ascii=False)
    (folder / "annotation.json").write_text(f"{text}\n", encoding="utf8")


def training_examples(nlp: Language, demo: Path) -> list[Example]:
    """Documents of the three training files in turn; entities stand as a span group, too."""
    files = [
        read_docs(demo / "tags.conllu", nlp),
        read_docs(demo / "entities.jsonl", nlp),
        read_docs(demo / "labels.csv", nlp, cats_from=CLASSES),
    ]
    docs = [doc for row in zip(*files, strict=False) for doc in row]
    for doc in docs:
        if doc.has_annotation("ENT_IOB"):
            doc.spans["names"] = [Span(doc, e.start, e.end, e.label_) for e in doc.ents]
    return [Example(nlp.make_doc(doc.text), doc) for doc in docs]


def annotation(doc: Doc) -> dict[str, Any]:
    """What the pipeline says of a document, and how sure it is, as JSON has it."""
    return {
        "tags": [token.tag_ for token in doc],
        "tag_confidences": [rounded(token._.tag_confidence) for token in doc],
        "ents": [[e.start, e.end, e.label_] for e in doc.ents],
        "ent_confidences": [rounded(e._.confidence) for e in doc.ents],
        "names": [[s.start, s.end, s.label_] for s in doc.spans["names"]],
        "cats": {label: rounded(value) for label, value in sorted(doc.cats.items())},
    }


def rounded(value: float) -> float:
    return round(value, 7)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
