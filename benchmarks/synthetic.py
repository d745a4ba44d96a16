"""A pipeline with up to ten tasks, trained on labels that follow from each word's last letters.

No corpus has ten layers, so they are made up: a function of a word's last three letters, which
the encoder sees. So trained weights give sure and mostly valid decisions also for unknown words.
Heads that never learned would give no entity at all, or nothing but invalid ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from typing import Any
from zlib import crc32

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.training.batchers import minibatch_by_words
from spacy.util import fix_random_seed, load_model_from_config
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_mtl.configs.proposal import OPTIMIZER
from spacy_mtl.speed.inputs import Words

from .systems import FAST_ENCODER, LISTENER, Settings

EMBED, ENCODE = FAST_ENCODER["embed"], FAST_ENCODER["encode"]
WIDTH, DEPTH = ENCODE["width"], ENCODE["depth"]
UPOS = (
    "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split()  # noqa: SIM905
)
FEATURES = {
    "Case": ("Abl", "Acc", "Dat", "Gen", "Nom"),
    "Gender": ("Fem", "Masc", "Neut"),
    "Number": ("Plur", "Sing"),
    "Tense": ("Past", "Pres"),
}
TAGGERS = ("tag", "pos", "morph")
LONG = 4  # letters of a word that begins an entity or counts for a class
BEGINNINGS = 120  # of 1000 long words
TRAINING_WORDS = 1000  # in a batch


@dataclass(frozen=True)
class SyntheticTask:
    """A task: what it is, its block in the config, and its labels."""

    what: str
    block: Settings
    labels: list[str]


def _tagger(attr: str, labels: Iterable[str]) -> SyntheticTask:
    listed = list(labels)
    block = {"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": attr}
    return SyntheticTask(f"tagger {attr}, {len(listed)} labels", block, listed)


def _ner(name: str, n: int, spans_key: str | None = None) -> SyntheticTask:
    block = {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": spans_key}
    where = "doc.spans" if spans_key else "doc.ents"
    return SyntheticTask(f"NER {where}, {n} types", block, [f"{name}{i}" for i in range(n)])


def _textcat(name: str, n: int, exclusive: bool = True) -> SyntheticTask:
    block = {"@mtl_tasks": "spacy_mtl.TextCat.v1", "exclusive": exclusive}
    kind = "exclusive" if exclusive else "multi-label"
    return SyntheticTask(f"textcat {kind}, {n} classes", block, [f"{name}{i}" for i in range(n)])


TASKS: dict[str, SyntheticTask] = {
    "tag": _tagger("TAG", (f"TAG{i}" for i in range(50))),
    "ner": _ner("ENT", 18),
    "topic": _textcat("TOPIC", 15),
    "pos": _tagger("POS", UPOS),
    "morph": _tagger(
        "MORPH",
        (
            "|".join(f"{name}={value}" for name, value in zip(FEATURES, values, strict=True))
            for values in product(*FEATURES.values())
        ),
    ),
    "events": _ner("EVENT", 6, "events"),
    "style": _textcat("STYLE", 8),
    "terms": _ner("TERM", 10, "terms"),
    "subjects": _textcat("SUBJECT", 20, exclusive=False),
    "quotes": _ner("QUOTE", 4, "quotes"),
}


def settings(names: Sequence[str]) -> Settings:
    """The config of an encoder with these tasks."""
    return {
        "nlp": {"lang": "en", "pipeline": ["tok2vec", "multitask"]},
        "components": {
            "tok2vec": {
                "factory": "balanced_tok2vec",
                "model": {
                    "@architectures": "spacy.Tok2Vec.v2",
                    "embed": dict(EMBED),
                    "encode": dict(ENCODE),
                },
            },
            "multitask": {
                "factory": "multitask",
                "model": {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": dict(LISTENER)},
                "tasks": {name: dict(TASKS[name].block) for name in names},
            },
        },
        "initialize": {
            "components": {"multitask": {"labels": {name: TASKS[name].labels for name in names}}}
        },
    }


def trained(documents: Sequence[Words], names: Sequence[str], steps: int) -> Language:
    """A pipeline with these of `TASKS`, trained for some steps on the documents' words."""
    fix_random_seed(0)
    nlp = load_model_from_config(Config(settings(names)), auto_fill=True)
    nlp.config["training"]["optimizer"].update(OPTIMIZER)
    examples = [
        Example(blank(nlp.vocab, words), annotated(nlp.vocab, words, names)) for words in documents
    ]
    optimizer: Any = nlp.initialize(lambda: examples)
    for batch in islice(_batches(examples), steps):
        nlp.update(batch, sgd=False, drop=0.1)  # type: ignore[arg-type]
        for _, pipe in nlp.pipeline:
            pipe.finish_update(optimizer)  # type: ignore[attr-defined]
        optimizer.step_schedules()
    with nlp.use_params(optimizer.averages):
        return nlp.from_bytes(nlp.to_bytes())


def in_precision(nlp: Language, precision: str) -> Language:
    """The same pipeline with another precision of the encoder in prediction."""
    config = nlp.config.copy()
    config["components"]["tok2vec"]["model"]["encode"]["precision"] = precision
    return load_model_from_config(config, auto_fill=True).from_bytes(nlp.to_bytes())


def _batches(examples: list[Example]) -> Iterator[list[Example]]:
    rng = np.random.default_rng(0)
    while True:
        order = [examples[i] for i in rng.permutation(len(examples))]
        yield from minibatch_by_words(order, size=TRAINING_WORDS)


def blank(vocab: Vocab, words: Words) -> Doc:
    """The document without annotation."""
    return Doc(vocab, words=words[0], spaces=words[1])


def annotated(vocab: Vocab, words: Words, names: Iterable[str]) -> Doc:
    """The document with the labels of these of `TASKS`."""
    doc = blank(vocab, words)
    for name in names:
        _annotate(doc, words[0], name)
    return doc


def _annotate(doc: Doc, words: list[str], name: str) -> None:
    labels = TASKS[name].labels
    if name in TAGGERS:
        tokens: Iterable[Any] = doc
        for token, word in zip(tokens, words, strict=True):
            label = labels[_number(name, word) % len(labels)]
            token.set_morph(label) if name == "morph" else setattr(token, f"{name}_", label)
    elif "NER" in TASKS[name].what:
        spans = [
            Span(doc, start, end, labels[kind % len(labels)])
            for start, end, kind in _spans(name, words)
        ]
        if name == "ner":
            doc.set_ents(spans)
        else:
            doc.spans[name] = spans
    else:
        doc.cats.update(_classes(name, words))


def _spans(name: str, words: list[str]) -> Iterator[tuple[int, int, int]]:
    """Spans of one word that some long words begin, or of two or three; and numbers of types."""
    end = 0
    for start, word in enumerate(words):
        number = _number(name, word)
        if start < end or len(word) < LONG or number % 1000 >= BEGINNINGS:
            continue
        end = start + 1
        while end < min(len(words), start + 3) and _number(name, words[end]) % 5 == 0:
            end += 1
        yield start, end, number // 1000


def _classes(name: str, words: list[str]) -> dict[str, float]:
    """The class that most of the different long words have, or all that have many."""
    labels = TASKS[name].labels
    long = {word for word in words if len(word) > LONG}
    counts = Counter(_number(name, word) % len(labels) for word in long)
    if TASKS[name].block["exclusive"]:
        (best, _), *_ = counts.most_common(1) or [(0, 0)]
        return {label: float(i == best) for i, label in enumerate(labels)}
    many = len(long) / len(labels)
    return {label: float(counts[i] > many) for i, label in enumerate(labels)}


@cache
def _number(name: str, word: str) -> int:
    return crc32(f"{name} {word[-3:]}".encode())
