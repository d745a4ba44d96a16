"""Slots and intents of snips by Flair's MultitaskModel, in an environment of its own.

pip install flair==0.15.1
python benchmarks/peer_flair.py DIR/snips WEIGHTS flair.jsonl
python -m benchmarks.peers --data DIR --system flair --predictions flair.jsonl --save

The same weights, rates, steps and words in a batch as `benchmarks.plain_torch`. A batch of Flair's
has sentences of either task, so that a sentence with both layers counts twice in an epoch. Needs
nothing of this package: the second command runs where Flair is, the third where this package is.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

ENCODER_RATE, HEAD_RATE = 2e-4, 2e-3
STEPS, WORDS, SEED = 600, 800, 0


def main(data: Path, weights: Path, output: Path) -> None:
    """Train, and write what is found in the test utterances, a line each."""
    import flair
    import torch

    torch.set_num_threads(1)
    flair.set_seed(SEED)
    slots, intents = _corpus(data, "slot"), _corpus(data, "intent")
    tagger, classifier = _models(weights, slots, intents)
    began = perf_counter()
    _train(tagger, classifier, slots, intents)
    seconds = perf_counter() - began
    found = _corpus(data, "slot").test
    for model in (tagger, classifier):
        model.predict(list(found), mini_batch_size=32)
    lines = [json.dumps({**_found(each), "seconds": seconds}) for each in found]
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _models(weights: Path, slots: Any, intents: Any) -> tuple[Any, Any]:
    """A linear layer for slots and one for intents, on the same transformer."""
    from flair.embeddings import TransformerEmbeddings
    from flair.models import SequenceTagger, TextClassifier

    encoder = TransformerEmbeddings(
        str(weights),
        layers="-1",
        subtoken_pooling="first",
        cls_pooling="mean",
        is_token_embedding=True,
        is_document_embedding=True,
        fine_tune=True,
    )
    tags = slots.make_label_dictionary("slot", add_unk=False)
    plain = {"use_rnn": False, "use_crf": False, "reproject_embeddings": False}
    tagger = SequenceTagger(encoder, tags, "slot", tag_format="BIO", **plain)
    classes = intents.make_label_dictionary("intent", add_unk=False)
    return tagger, TextClassifier(encoder, label_type="intent", label_dictionary=classes)


def _train(tagger: Any, classifier: Any, slots: Any, intents: Any) -> None:
    from flair.nn.multitask import make_multitask_model_and_corpus
    from flair.trainers import ModelTrainer

    model, corpus = make_multitask_model_and_corpus([(tagger, slots), (classifier, intents)])
    utterances = list(slots.train)
    size = round(WORDS / (sum(map(len, utterances)) / len(utterances)))
    with tempfile.TemporaryDirectory() as folder:
        ModelTrainer(model, corpus).fine_tune(
            folder,
            learning_rate=ENCODER_RATE,
            decoder_learning_rate=HEAD_RATE,
            mini_batch_size=size,
            max_epochs=max(round(STEPS * size / (2 * len(utterances))), 1),
            warmup_fraction=0.1,
            use_final_model_for_eval=False,
        )


def _corpus(data: Path, layer: str) -> Any:
    """The utterances with one of their two layers."""
    from flair.data import Corpus
    from flair.datasets import FlairDatapointDataset

    parts = [
        FlairDatapointDataset([_sentence(row, layer) for row in _rows(data / f"{part}.jsonl")])
        for part in ("train", "valid", "test")
    ]
    return Corpus(train=parts[0], dev=parts[1], test=parts[2], sample_missing_splits=False)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _sentence(row: dict[str, Any], layer: str) -> Any:
    from flair.data import Sentence

    sentence = Sentence(list(row["tokens"]))
    if layer == "intent":
        sentence.add_label("intent", row["label"])
        return sentence
    for start, end, label in _spans(row["ner_tags"]):
        sentence[start:end].add_label("slot", label)
    return sentence


def _spans(tags: list[str]) -> list[tuple[int, int, str]]:
    """Start, end (tokens) and label, of IOB2."""
    found: list[tuple[int, int, str]] = []
    for place, tag in enumerate(tags):
        if tag.startswith("I-") and found and found[-1][1:] == (place, tag[2:]):
            found[-1] = (found[-1][0], place + 1, tag[2:])
        elif tag != "O":
            found.append((place, place + 1, tag[2:]))
    return found


def _found(sentence: Any) -> dict[str, Any]:
    spans = [
        (span[0].idx - 1, span[-1].idx, span.get_label("slot").value)
        for span in sentence.get_spans("slot")
    ]
    return {"spans": spans, "class": sentence.get_label("intent").value}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
