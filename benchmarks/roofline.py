"""How fast prediction could be on this machine, how fast it is, and where the rest goes.

python -m benchmarks.roofline --data DIR

A roofline (Williams, Waterman & Patterson 2009): the encoder's operations and bytes per word,
computed from its dimensions, and the machine's rates, measured (`benchmarks.machine`), give a
bound. Prediction is that of a pipeline with a tagger, entities and classes, trained on synthetic
labels (`benchmarks.synthetic`), over tokenized Docs of gum's test documents. One thread. Times are
CPU times, the least of all rounds, and vectors of words are remembered from the rounds before.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.attrs import IDS
from spacy.language import Language
from spacy.tokens import Doc
from typer import Option

from spacy_mtl.models.encoders.backends import PRECISIONS
from spacy_mtl.models.encoders.vector_cache import feature_keys
from spacy_mtl.models.encoders.window import BLOCK
from spacy_mtl.models.packed import token_attributes
from spacy_mtl.models.topologies import base as topologies
from spacy_mtl.pipeline.word_batches import word_batches
from spacy_mtl.speed.inputs import Words, read_words

from .corpora import prepare
from .machine import Rates, bandwidths, product_rates
from .one_thread import in_one_thread
from .quality import DEFAULT_CACHE
from .synthetic import DEPTH, EMBED, ENCODE, TASKS, WIDTH, blank, in_precision, trained

NAMES = ("tag", "ner", "topic")
PIECES = ENCODE["maxout_pieces"]
COLUMNS = (len(TASKS["tag"].labels), 1 + 4 * len(TASKS["ner"].labels))  # of the tokens' heads
BYTES = {"fp32": 4, "bf16": 2}
MIX, LAYERS = "mix of the embeddings, of new words", "window layers"
FEATURES, KEYS, EMBEDDING = "features from the Docs", "keys of the features", "HashEmbed"
ENCODING, WHOLE = "Tok2Vec", "nlp.pipe"


@dataclass(frozen=True)
class Measured:
    """Rates of the machine; microseconds per word of each part, and of `nlp.pipe`, by precision.

    padding: rows of the encoder for each word, those of zeros between documents included.
    """

    products: Rates
    memory: dict[str, float]
    padding: float
    parts: dict[str, dict[str, float]]
    whole: dict[str, float]


def main(
    data: Annotated[Path, Option(help="Folder with gum/")],
    cache: Annotated[Path, Option(help="Where converted corpora are kept")] = DEFAULT_CACHE,
    steps: Annotated[int, Option(help="Training steps")] = 200,
    rounds: Annotated[int, Option(help="Rounds of prediction")] = 25,
) -> None:
    """Print Markdown tables: the work, the machine, the bound and what reaches it, the parts."""
    typer.echo(report(data, cache, steps, rounds))


def report(data: Path, cache: Path = DEFAULT_CACHE, steps: int = 200, rounds: int = 25) -> str:
    """Measure, and give the Markdown."""
    corpus = prepare(data, cache, "gum")
    measured: Measured = in_one_thread(measure, corpus.train["tag"], corpus.test, steps, rounds)
    tables = (work_table, machine_table, bound_table, parts_table)
    return "\n\n".join("\n".join(table(measured)) for table in tables)


def operations(padding: float) -> dict[str, float]:
    """Operations per word of the matrix products, a multiplication and an addition being two."""
    embedded, out = len(EMBED["attrs"]) * WIDTH, PIECES * WIDTH
    return {
        MIX: 2 * embedded * out,
        LAYERS: padding * DEPTH * 2 * 3 * WIDTH * out,
        "heads": sum(2 * WIDTH * columns for columns in COLUMNS),
    }


def bytes_moved(padding: float, precision: str) -> dict[str, float]:
    """Bytes per word that each step reads and writes, in the caches or beyond.

    A layer: input, weights once for a block, products and their maximum out and in again, the
    norm, and the residual sum of two.
    """
    size, row, out = BYTES[precision], 4 * WIDTH, PIECES * WIDTH
    weights = size * 3 * WIDTH * out / BLOCK
    layer = row + weights + 2 * size * out + 2 * size * WIDTH + row + 3 * row
    scores = sum(row + 2 * 4 * columns for columns in COLUMNS)
    return {
        MIX: len(EMBED["attrs"]) * 5 * row + row,
        LAYERS: padding * DEPTH * layer,
        "heads": scores,
    }


def measure(train: Path, test: Path, steps: int, rounds: int) -> Measured:
    """Measure the machine, then the pipeline in each precision."""
    products, memory = product_rates(BLOCK, WIDTH, PIECES), bandwidths()
    pipeline = trained(read_words(train, "en", None), NAMES, steps)
    documents = read_words(test, "en", None)
    pipelines = {p: in_precision(pipeline, p) for p in PRECISIONS}
    words = sum(len(each) for each, _ in documents)
    least: dict[str, dict[str, float]] = {p: {} for p in PRECISIONS}
    for number in range(rounds + 1):
        for precision, nlp in pipelines.items():
            clock = Clock()
            _by_parts(nlp, _fresh(nlp, documents), clock)
            _whole(nlp, _fresh(nlp, documents), clock)
            if number:  # the first one warms up
                found = least[precision]
                for name, seconds in clock.seconds.items():
                    found[name] = min(1e6 * seconds / words, found.get(name, float("inf")))
    padding = (words + DEPTH * len(documents)) / words
    whole = {precision: found.pop(WHOLE) for precision, found in least.items()}
    return Measured(products, memory, padding, least, whole)


class Clock:
    """CPU seconds of calls, added up by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, call: Callable[..., Any], *args: Any) -> Any:
        began = time.process_time()
        result = call(*args)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began
        return result


def _fresh(nlp: Language, documents: list[Words]) -> list[Doc]:
    docs = [blank(nlp.vocab, words) for words in documents]
    gc.collect()
    return docs


def _whole(nlp: Language, docs: list[Doc], clock: Clock) -> None:
    clock(WHOLE, lambda: sum(map(len, nlp.pipe(docs))))


def _by_parts(nlp: Language, docs: list[Doc], clock: Clock) -> None:
    """What the components do with each batch, step by step; some parts once more by themselves."""
    tok2vec: Any = nlp.get_pipe("tok2vec")
    component: Any = nlp.get_pipe("multitask")
    nodes = {node.name: node for node in tok2vec.model.walk()}
    columns = [IDS[attr] for attr in EMBED["attrs"]]
    for batch in word_batches(docs, nlp.batch_size):
        features = clock(FEATURES, token_attributes, batch, columns)
        clock(KEYS, feature_keys, features)
        embedded = clock(EMBEDDING, nodes["hash_embed"].predict, batch)
        clock(LAYERS, nodes["window_encoder"].predict, embedded)
        vectors = clock(ENCODING, tok2vec.predict, batch)
        clock("tok2vec: writing doc.tensor", tok2vec.set_annotations, batch, vectors)
        names = list(component.tasks)
        represent = clock(
            "joining vectors", topologies.represent, component.model, batch, names, False
        )
        for name, packed in represent.packed.items():
            task, head = component.tasks[name], topologies.head_of(component.model, name)
            scores = clock(f"{name}: head", head.predict, packed)
            decoded = clock(f"{name}: decoding", task.decode, scores, packed, component.model.ops)
            clock(f"{name}: writing", task.annotate, batch, decoded)


def parts_of(measured: Measured, precision: str) -> dict[str, float]:
    """Microseconds per word of parts that add up to the whole."""
    found = dict(measured.parts[precision])
    features, keys, embedding = (found.pop(name) for name in (FEATURES, KEYS, EMBEDDING))
    layers, encoding = found.pop(LAYERS), found.pop(ENCODING)
    parts = {
        FEATURES: features,
        KEYS: keys,
        "remembered vectors, and noticing changed weights": embedding - features - keys,
        LAYERS: layers,
        "tok2vec: between its layers": encoding - embedding - layers,
        **found,
    }
    return {**parts, "nlp.pipe: all else": measured.whole[precision] - sum(parts.values())}


def work_table(measured: Measured) -> list[str]:
    """Operations and bytes per word."""
    lines = ["| work per word | operations | bytes, fp32 | bytes, bf16 |", "|---|---|---|---|"]
    wide, narrow = (bytes_moved(measured.padding, precision) for precision in PRECISIONS)
    for name, n in operations(measured.padding).items():
        lines.append(f"| {name} | {n:,.0f} | {wide[name]:,.0f} | {narrow[name]:,.0f} |")
    return lines


def machine_table(measured: Measured) -> list[str]:
    """The machine's rates."""
    lines = ["| one thread | rate |", "|---|---|"]
    for precision, rates in measured.products.items():
        for name, rate in rates.items():
            lines.append(f"| {precision} product: {name} | {rate / 1e9:,.0f} GFLOP/s |")
    for name, rate in measured.memory.items():
        lines.append(f"| {name} | {rate / 1e9:,.1f} GB/s |")
    return lines


def bound_table(measured: Measured) -> list[str]:
    """The bounds of the window layers, and what reaches how much of them."""
    lines = [
        "| precision | bound by operations, words/s | by bytes in the cache "
        "| by bytes of input and output in main memory | window layers | share of the bound "
        "| nlp.pipe | share of the bound |",
        "|---|---|---|---|---|---|---|---|",
    ]
    cache, main_memory = (
        max(rate for name, rate in measured.memory.items() if name.startswith(place))
        for place in ("cache", "main memory")
    )
    for precision in PRECISIONS:
        peak = max(measured.products[precision].values())
        bounds = (
            peak / operations(measured.padding)[LAYERS],
            cache / bytes_moved(measured.padding, precision)[LAYERS],
            main_memory / (2 * 4 * WIDTH),
        )
        cells = [f"{bound:,.0f}" for bound in bounds]
        for us in (measured.parts[precision][LAYERS], measured.whole[precision]):
            cells += [f"{1e6 / us:,.0f}", f"{1e6 / us / min(bounds):.0%}"]
        lines.append(f"| {precision} | " + " | ".join(cells) + " |")
    return lines


def parts_table(measured: Measured) -> list[str]:
    """Where the time goes."""
    heading = " | ".join(f"{precision}, µs per word | share" for precision in PRECISIONS)
    lines = [f"| part | {heading} |", "|---" * (1 + 2 * len(PRECISIONS)) + "|"]
    found = {precision: parts_of(measured, precision) for precision in PRECISIONS}
    for name in found[PRECISIONS[0]]:
        cells = [
            f"{parts[name]:.3f} | {parts[name] / measured.whole[precision]:.1%}"
            for precision, parts in found.items()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    totals = [f"{measured.whole[precision]:.3f} | 100%" for precision in PRECISIONS]
    return [*lines, "| nlp.pipe | " + " | ".join(totals) + " |"]


if __name__ == "__main__":
    typer.run(main)
