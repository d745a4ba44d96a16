"""A long run of mixed texts through a pipeline: does memory grow, does what it says change?

python -m benchmarks.soak --model training/model-best --minutes 20

Chunks of generated texts (ordinary, long, short, empty, whitespace, odd characters, new words,
repeated ones) go through `nlp.pipe`, each chunk in a memory zone. At intervals a fixed set of texts
is annotated: tokens, labels, spans, class scores and the probabilities of each task must be those
of the beginning, bit by bit. Ends with exit code 1 if one differs, if the median of resident memory
in the last fifth of the time exceeds that in the second fifth by more than the bound, or if spaCy
keeps more strings than at the beginning. With one thread. Needs Linux, which tells how much memory
a process has.
"""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from typer import Option

from spacy_mtl.bulk.encoding import annotation
from spacy_mtl.bulk.memory import release_free_memory
from spacy_mtl.pipeline.component import MultiTask

from .mixed_texts import MixedTexts
from .one_thread import in_one_thread

CHUNK = 500  # texts in a memory zone
PROBES = 200  # texts that are annotated again and again
PROBED_EVERY = 20.0  # seconds
ROWS = 11  # of the table

Fingerprint = list[bytes]


@dataclass(frozen=True)
class Sample:
    """The state of the process after so many seconds."""

    seconds: float
    documents: int
    words: int
    megabytes: float
    strings: int


@dataclass
class Soak:
    """What was seen.

    samples: one before the first text, and one after each chunk.
    probes: how often the fixed texts were annotated. drifted: the seconds when they differed.
    wrong: documents that came back with another text, or scores that are not finite.
    """

    samples: list[Sample] = field(default_factory=list)
    probes: int = 0
    drifted: list[float] = field(default_factory=list)
    wrong: int = 0

    @property
    def megabytes(self) -> list[float]:
        """The median of memory in each fifth of the time, of which the first is the warm-up."""
        end = self.samples[-1].seconds
        fifths: list[list[float]] = [[] for _ in range(5)]
        for sample in self.samples[1:]:
            fifths[min(4, int(5 * sample.seconds / end))].append(sample.megabytes)
        return [median(fifth or [math.nan]) for fifth in fifths]

    def faults(self, bound: float) -> list[str]:
        """What is not as it should be.

        bound: megabytes by which memory may grow after the warm-up.
        """
        found = []
        _, before, *_, after = self.megabytes
        if not after <= before + bound:
            found.append(f"memory grew by {after - before:.0f} MB, more than {bound:.0f} MB")
        kept = self.samples[-1].strings - self.samples[0].strings
        if kept:
            found.append(f"{kept:,} strings were kept")
        if self.drifted:
            times = ", ".join(f"{seconds:.0f} s" for seconds in self.drifted)
            found.append(f"the fixed texts were annotated otherwise after {times}")
        if self.wrong:
            found.append(f"{self.wrong:,} documents had another text or no finite scores")
        return found


def main(
    model: Annotated[str, Option(help="A trained pipeline: its folder or package name")],
    minutes: Annotated[float, Option(help="How long")] = 20.0,
    bound: Annotated[float, Option(help="MB that memory may grow by after the warm-up")] = 20.0,
    seed: Annotated[int, Option(help="Of the texts")] = 0,
    zones: Annotated[bool, Option(help="Whether each chunk has a memory zone")] = True,
    release: Annotated[
        bool, Option(help="Whether freed memory goes back to the system after each chunk")
    ] = False,
) -> None:
    """Print a Markdown table of memory over time, and what is not as it should be."""
    soak = in_one_thread(run, model, minutes * 60, seed, zones, release)
    typer.echo(table(soak))
    faults = soak.faults(bound)
    typer.echo(f"\nFaults: {'; '.join(faults) or 'none'}.")
    if faults:
        raise typer.Exit(1)


def run(model: str, seconds: float, seed: int, zones: bool, release: bool) -> Soak:
    """Annotate for so many seconds."""
    nlp = spacy.load(model)
    fixed = list(islice(MixedTexts(seed + 1, longest=2000), PROBES))
    expected = probe(nlp, fixed)
    soak = Soak(probes=1)
    texts = MixedTexts(seed)
    documents = words = 0
    began, probed = time.monotonic(), 0.0

    def sample() -> None:
        elapsed, strings = time.monotonic() - began, len(nlp.vocab.strings)
        soak.samples.append(Sample(elapsed, documents, words, resident_megabytes(), strings))

    sample()
    while soak.samples[-1].seconds < seconds:
        chunk = list(islice(texts, CHUNK))
        with nlp.memory_zone() if zones else nullcontext():
            n_words, wrong = annotate(nlp, chunk)
        if release:
            release_free_memory()
        documents, words, soak.wrong = documents + CHUNK, words + n_words, soak.wrong + wrong
        sample()
        now = soak.samples[-1].seconds
        if now - probed >= PROBED_EVERY or now >= seconds:
            probed, soak.probes = now, soak.probes + 1
            if probe(nlp, fixed) != expected:
                soak.drifted.append(now)
    return soak


def annotate(nlp: Language, texts: list[str]) -> tuple[int, int]:
    """Number of words, and of documents that cannot be right."""
    words = wrong = 0
    for text, doc in zip(texts, nlp.pipe(texts), strict=True):
        words += len(doc)
        wrong += doc.text != text or not all(map(math.isfinite, doc.cats.values()))
    return words, wrong


def probe(nlp: Language, texts: list[str]) -> Fingerprint:
    """All that the pipeline says of the texts, and each task's probabilities, as bytes."""
    with nlp.memory_zone():
        docs = list(nlp.pipe(texts, batch_size=len(texts)))
        found = [json.dumps(annotation(doc, doc.text, tokens=True)).encode() for doc in docs]
        return found + probabilities(nlp, docs)


def probabilities(nlp: Language, docs: list[Doc]) -> Fingerprint:
    """Of each task and unit of the documents, which are a batch that the pipeline saw last."""
    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, MultiTask)]
    decoded = [one for pipe in pipes for one in pipe.predict(docs).values()]
    return [one.probabilities.tobytes() for one in decoded]


def resident_megabytes(process: int | str = "self") -> float:
    """Of a process, by its number."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def table(soak: Soak) -> str:
    """Markdown: memory over time."""
    step = max(1, (len(soak.samples) - 1) // (ROWS - 1))
    lines = [
        "| minutes | documents | words | resident MB | strings |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {sample.seconds / 60:.1f} | {sample.documents:,} | {sample.words:,} "
        f"| {sample.megabytes:.0f} | {sample.strings:,} |"
        for sample in [*soak.samples[:-1:step], soak.samples[-1]]
    ]
    fifths = ", ".join(f"{megabytes:.1f}" for megabytes in soak.megabytes)
    peak = max(sample.megabytes for sample in soak.samples)
    last = soak.samples[-1]
    lines += [
        "",
        f"Median MB in each fifth of the time: {fifths}; the most: {peak:.1f}. "
        f"{last.words / last.seconds:,.0f} words/s. The {PROBES} fixed texts were annotated "
        f"{soak.probes} times, {len(soak.drifted)} times with another result.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
