"""A transformer fine-tuned for classes, and entities where a corpus has them, in plain PyTorch.

What the same weights, steps and rates give without any of what this package adds: a linear layer
over the first piece of each word, another over the mean and the first vector, softmax, AdamW with
a linear warm-up and decay, gradients clipped by their global norm.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import torch
import typer
from spacy.tokens import Doc
from spacy.training import Example, biluo_tags_to_spans, iob_to_biluo
from torch import nn
from transformers import AutoModel, AutoTokenizer

from spacy_mtl.evaluation.scores import score_examples

from .corpora import BenchmarkCorpus, docs_of

ENCODER_RATE, HEAD_RATE = 2e-4, 2e-3
WORDS = 800
WARM_UP = 0.1
EVALUATIONS = 6
ALIKE = 16  # documents of like lengths that the encoder reads together, which pads them less


@dataclass
class Plain:
    """A trained model: the highest mean of the scores on dev, scores on the test documents, and
    these beside what it predicted."""

    dev: float
    scores: dict[str, Any]
    examples: list[Example]


class _Model(nn.Module):
    def __init__(self, weights: Path, n_tags: int, n_classes: int) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(weights)
        width = self.encoder.config.hidden_size
        self.tags = nn.Linear(width, n_tags)
        self.classes = nn.Linear(2 * width, n_classes)

    def forward(self, inputs: Any, firsts: Any) -> tuple[Any, Any]:
        vectors = self.encoder(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None]
        mean = (vectors * mask).sum(1) / mask.sum(1)
        words = torch.cat([row[places] for row, places in zip(vectors, firsts, strict=True)])
        return self.tags(words), self.classes(torch.cat([mean, vectors[:, 0]], dim=1))


class _Data:
    """Words, tags and classes of documents as numbers."""

    def __init__(self, docs: Sequence[Doc]) -> None:
        self.has_entities = any(doc.has_annotation("ENT_IOB") for doc in docs)
        self.tags = sorted({tag for doc in docs for tag in _tags_of(doc)} | {"O"})
        self.classes = sorted({_class_of(doc) for doc in docs})

    def targets(self, docs: Sequence[Doc]) -> tuple[Any, Any]:
        tags = [self.tags.index(tag) for doc in docs for tag in _tags_of(doc)]
        return torch.tensor(tags), torch.tensor([self.classes.index(_class_of(d)) for d in docs])


def fine_tune(corpus: BenchmarkCorpus, weights: Path, steps: int, seed: int) -> Plain:
    """Train on a corpus with entities and one exclusive group of classes, in one thread."""
    torch.set_num_threads(1)
    random.seed(seed)
    torch.manual_seed(seed)
    train, dev, test = map(docs_of, (corpus.train["cats"], corpus.dev, corpus.test))
    data, tokenizer = _Data(train), AutoTokenizer.from_pretrained(weights)
    model = _Model(weights, len(data.tags), len(data.classes))
    heads = [*model.tags.parameters(), *model.classes.parameters()]
    groups = [
        {"params": model.encoder.parameters(), "lr": ENCODER_RATE},
        {"params": heads, "lr": HEAD_RATE},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    best, kept = -1.0, model.state_dict()
    batches = _batches(train)
    for step in range(1, steps + 1):
        docs = sorted(next(batches), key=len)
        model.train()
        outputs, targets = _outputs(model, tokenizer, docs), data.targets(docs)
        losses = [nn.functional.cross_entropy(*each) for each in zip(outputs, targets, strict=True)]
        sum(losses[0 if data.has_entities else 1 :]).backward()  # type: ignore[union-attr]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % max(steps // EVALUATIONS, 1) == 0:
            scores = score_examples(_examples(model, tokenizer, data, dev))
            kinds = ("ents_f", "cats_acc") if data.has_entities else ("cats_acc",)
            score = sum(scores[kind] for kind in kinds) / len(kinds)
            typer.echo(f"plain, seed {seed}, step {step} of {steps}: {score:.3f}", err=True)
            if score > best:
                best = score
                kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(kept)
    examples = _examples(model, tokenizer, data, test)
    return Plain(best, score_examples(examples), examples)


def _rate(step: int, steps: int) -> float:
    warm = WARM_UP * steps
    return min((step + 1) / warm, max(steps - step, 0) / (steps - warm))


def _batches(docs: Sequence[Doc]) -> Iterator[list[Doc]]:
    """For ever, in another order each time through."""
    batch: list[Doc] = []
    words = 0
    while True:
        for doc in random.sample(docs, len(docs)):
            if batch and words + len(doc) > WORDS:
                yield batch
                batch, words = [], 0
            batch.append(doc)
            words += len(doc)


def _outputs(model: _Model, tokenizer: Any, docs: Sequence[Doc]) -> list[Any]:
    alike = [docs[i : i + ALIKE] for i in range(0, len(docs), ALIKE)]
    found = [model(*_inputs(tokenizer, part)) for part in alike]
    return [torch.cat(each) for each in zip(*found, strict=True)]


def _inputs(tokenizer: Any, docs: Sequence[Doc]) -> tuple[Any, list[Any]]:
    words = [[token.text for token in doc] for doc in docs]
    inputs = tokenizer(words, is_split_into_words=True, padding=True, return_tensors="pt")
    firsts = []
    for i, doc in enumerate(docs):
        places = np.zeros(len(doc), "int64")  # the first vector for a word without a piece
        for place, word in reversed(list(enumerate(inputs.word_ids(i)))):
            if word is not None:
                places[word] = place
        firsts.append(torch.from_numpy(places))
    return inputs, firsts


def _examples(model: _Model, tokenizer: Any, data: _Data, docs: Sequence[Doc]) -> list[Example]:
    model.eval()
    vocab = spacy.blank("en").vocab
    found = []
    for begin in range(0, len(docs), 32):
        part = docs[begin : begin + 32]
        with torch.inference_mode():
            tags, classes = model(*_inputs(tokenizer, part))
        tags, classes = tags.argmax(1).tolist(), classes.argmax(1).tolist()
        for doc, number in zip(part, classes, strict=True):
            words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
            guess = Doc(vocab, words=words, spaces=spaces)
            iob = _begun([data.tags[tag] for tag in tags[: len(doc)]])
            del tags[: len(doc)]
            if data.has_entities:
                guess.set_ents(biluo_tags_to_spans(guess, iob_to_biluo(iob)))
            guess.cats = {name: float(i == number) for i, name in enumerate(data.classes)}
            found.append(Example(guess, doc))
    return found


def _begun(tags: Sequence[str]) -> list[str]:
    """Tags in which an entity that goes on without having begun, begins."""
    pairs = zip(["O", *tags], tags, strict=False)
    lone = [tag.startswith("I-") and before[2:] != tag[2:] for before, tag in pairs]
    return [f"B-{t[2:]}" if alone else t for t, alone in zip(tags, lone, strict=True)]


def _tags_of(doc: Doc) -> list[str]:
    return [f"{t.ent_iob_}-{t.ent_type_}" if t.ent_type_ else "O" for t in doc]


def _class_of(doc: Doc) -> str:
    return max(doc.cats, key=doc.cats.__getitem__)
