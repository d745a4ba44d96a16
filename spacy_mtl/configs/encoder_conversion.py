"""A trained pipeline with other encoders of the same function and weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from spacy import util
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Config, Model

from ..errors import MTLError
from ..files import write_folder_whole
from ..models.encoders import hash_embed, window
from .encoder_blocks import Change, with_fast_encoders, with_stock_encoders

STOCK = "spaCy's (HashEmbedCNN.v2, MultiHashEmbed.v2, MaxoutWindowEncoder.v2)"
OURS = "ours (HashEmbed.v1, WindowEncoder.v1, balanced_tok2vec)"
OUR_FORWARD = {hash_embed.forward, window.forward}
TOLERANCE = 1e-4  # between the numbers that a layer computes before and after
TOLERANCE_BF16 = 0.05  # of the length of all of them, where products are in bfloat16
LENGTHS = (1, 2, 7, 30)  # words in the documents that are compared, in turn
N_STRINGS = 400
TEXT = (
    "Last Tuesday , Ms. O'Neill 's 23 engineers from Zürich weren't surprised : the re-built "
    "engine ran at 3,000 rpm for half an hour , but it cost $ 1.5 million ( see www.example.com ) !"
)


def convert_encoders(
    model: str,
    output: Path,
    *,
    back: bool = False,
    precision: str = "fp32",
    overwrite: bool = False,
) -> tuple[list[Change], Config]:
    """Write a pipeline with our encoders in place of spaCy's, or the other way round.

    All else is as it was: weights, labels, vocabulary, vectors, tokenizer, `meta.json`. What was
    written is loaded, and each layer that was replaced compared with the one before on some words
    of the pipeline's vocabulary.

    model: a folder, or the name of a package.
    output: the folder to write.
    back: spaCy's encoders in place of ours.
    precision: of our encoder's products in prediction, "fp32" or "bf16".
    overwrite: replace the pipeline that is in `output`.

    Returns what was replaced and the config that was written.
    RAISES (MTLError): If there is no such pipeline, nothing in it to replace, or something in
        the way; if the outputs differ. Then nothing is written.
    """
    if back and precision != "fp32":
        raise MTLError(f"Expected no precision for spaCy's encoders, got '{precision}'.")
    _check_output(output, overwrite)
    nlp = _load(model)
    config = util.load_config(nlp.path / "config.cfg")
    converted, changes = (
        with_stock_encoders(config) if back else with_fast_encoders(config, precision)
    )
    if not changes:
        raise MTLError(
            f"Expected in {model} encoders of {OURS if back else STOCK}, got none of these."
        )

    def write(folder: Path) -> None:
        _rebuilt(nlp.path, converted).to_disk(folder)
        _check_outputs(nlp, util.load_model(folder))

    write_folder_whole(output, write)
    return changes, converted


def _check_output(output: Path, overwrite: bool) -> None:
    """RAISES (MTLError): If something is in the way, or is no pipeline that may be replaced."""
    if not output.exists():
        return
    if not overwrite:
        raise MTLError(f"Expected to write a new {output}, but it exists. --overwrite replaces it.")
    if not (output / "config.cfg").exists() or not (output / "meta.json").exists():
        raise MTLError(f"Expected a pipeline to replace, got {output}, which is none.")


def _load(model: str) -> Language:
    """The pipeline, which a package may load in a way of its own."""
    if not util.is_package(model) and not (Path(model) / "config.cfg").exists():
        raise MTLError(f"Expected the folder or package of a pipeline, got {model}, which is none.")
    nlp = util.load_model(model)
    if nlp.path is None or not (nlp.path / "config.cfg").exists():
        raise MTLError(f"Expected the package {model} to load a folder with a config, got none.")
    return nlp


def _rebuilt(path: Path, config: Config) -> Language:
    """The pipeline of a folder, with this config in place of the one there."""
    meta = util.load_meta(path / "meta.json")
    nlp = util.load_model_from_config(config.copy(), meta=meta).from_disk(path)
    nlp.config = config.copy()  # `from_disk` has read the one in the folder
    return nlp


def _check_outputs(before: Language, after: Language) -> None:
    """RAISES (MTLError): If a layer that was replaced computes something else than before."""
    for (name, one), (_, other) in zip(before.components, after.components, strict=True):
        models: list[Any] = [getattr(pipe, "model", None) for pipe in (one, other)]
        if not all(isinstance(model, Model) for model in models):
            continue
        for nodes in zip(*(model.walk() for model in models), strict=True):
            if OUR_FORWARD & {node._func for node in nodes} and nodes[0]._func != nodes[1]._func:
                _compare(name, nodes, (before.vocab, after.vocab))


def _compare(name: str, nodes: Sequence[Model], vocabs: Sequence[Vocab]) -> None:
    """RAISES (MTLError): If two layers differ on documents, or an encoder on random vectors."""
    if hash_embed.forward in {node._func for node in nodes}:
        words = _words(vocabs[0])
        inputs = [_documents(vocab, words) for vocab in vocabs]
    else:
        inputs = [_vectors(node) for node in nodes]
    one, other = (
        np.concatenate([node.ops.to_numpy(Y) for Y in node.predict(X)])
        for node, X in zip(nodes, inputs, strict=True)
    )
    if _in_bfloat16(nodes):
        difference = float(np.linalg.norm(one - other) / np.linalg.norm(one))
        allowed = TOLERANCE_BF16
    else:
        difference, allowed = float(np.abs(one - other).max()), TOLERANCE
    if not difference <= allowed:  # not a number neither
        raise MTLError(
            f"Expected {name} to compute the same within {allowed:g} after the conversion, got a "
            f"difference of {difference:.2g}. Nothing was written."
        )


def _in_bfloat16(nodes: Iterable[Model]) -> bool:
    return any(getattr(n.attrs.get("settings"), "precision", "fp32") == "bf16" for n in nodes)


def _words(vocab: Vocab) -> list[str]:
    """Words of a text, and of the strings that the pipeline knows from its training."""
    strings = [string for string in vocab.strings if string and not string.isspace()]
    return [*TEXT.split(), *strings[:: max(1, len(strings) // N_STRINGS)]]


def _documents(vocab: Vocab, words: list[str]) -> list[Doc]:
    rest, lengths = iter(words), cycle(LENGTHS)
    parts = iter(lambda: list(islice(rest, next(lengths))), [])
    return [Doc(vocab, words=part) for part in parts]


def _vectors(encoder: Model) -> list[Any]:
    generator, width = np.random.default_rng(0), encoder.get_dim("nO")
    parts: list[Any] = [generator.normal(size=(n, width)).astype("float32") for n in LENGTHS]
    return [encoder.ops.asarray(part) for part in parts]
