"""What `.spacy` files have: labelled units, how often each label occurs, texts in common."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy
from spacy.strings import get_string_id
from spacy.tokens import Doc, SpanGroup
from spacy.training.corpus import walk_corpus
from spacy.vocab import Vocab
from tqdm import tqdm

from ..errors import MTLError
from ..marks import INCORRECT_SPANS
from ..tasks.textcat import class_value
from .layers import LAYERS, count_units
from .stored import docs_of, read_doc_bin

_TAG_ATTRS = {"tag": "TAG", "pos": "POS", "morph": "MORPH"}


class Layer(NamedTuple):
    """A layer of annotation, or one group of it.

    kind: One of `LAYERS`.
    group: For `spans` the key in `Doc.spans`; for `cats` what stands before the "=" in the
        group's keys, "" for keys without one.
    """

    kind: str
    group: str = ""

    @property
    def unit(self) -> str:
        """What is labelled or not: "tokens" or "docs"."""
        return "docs" if self.kind in ("spans", "cats") else "tokens"

    def __str__(self) -> str:
        return f"{self.kind}[{self.group}]" if self.group else self.kind


# Spans that are known to be no entities, which no task predicts.
REJECTED = Layer("spans", INCORRECT_SPANS)


@dataclass
class LayerCoverage:
    """How far a layer is annotated, and with what.

    units: Number of labelled tokens, or Docs for `spans` and `cats`.
    labels: How often each label occurs: tokens, entities, spans, or Docs of a class. A class
        that is only ever said not to apply has 0.
    one_class: Number of Docs with exactly one class of the group.
    overlapping: Number of spans that overlap an earlier one of their group.
    shapes: Number of Docs by how many classes of the group they have, and of how many it is known
        whether they have them.
    """

    units: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    one_class: int = 0
    overlapping: int = 0
    shapes: Counter[tuple[int, int]] = field(default_factory=Counter)

    @property
    def exclusive(self) -> bool:
        """Whether every labelled Doc has exactly one class.

        Docs of which only some classes are known, that they have not, may have another one; they
        count so if most Docs are complete.
        """
        n_labels = len(self.labels)
        complete = self.shapes[1, n_labels]
        open_ = sum(n for (has, known), n in self.shapes.items() if not has and known < n_labels)
        if 2 * complete < self.units:
            open_ = 0
        return 0 < self.units == self.one_class + open_

    @property
    def imbalance(self) -> float | None:
        """How many times as often the most frequent label occurs as the rarest that does."""
        counts = [n for n in self.labels.values() if n]
        return max(counts) / min(counts) if len(counts) > 1 else None

    def add(self, other: LayerCoverage) -> None:
        """Add the counts of another."""
        self.units += other.units
        self.labels.update(other.labels)
        self.one_class += other.one_class
        self.overlapping += other.overlapping
        self.shapes.update(other.shapes)


@dataclass
class Coverage:
    """What a `.spacy` file, or a folder of them, has.

    path: The file or folder.
    docs, tokens: Numbers of them.
    sentences: Number of sentences in the Docs that know where theirs begin.
    duplicates: Number of Docs whose text was there before.
    layers: What is annotated, in the order of `LAYERS`; a layer that is not there is missing.
    texts: A hash of each text, without its whitespace, in which files differ by how they were
        tokenized.
    """

    path: Path
    docs: int = 0
    tokens: int = 0
    sentences: int = 0
    duplicates: int = 0
    layers: dict[Layer, LayerCoverage] = field(default_factory=dict)
    texts: set[int] = field(default_factory=set)

    def add(self, doc: Doc) -> None:
        """Count a Doc."""
        self.docs += 1
        self.tokens += len(doc)
        self.sentences += _count_sentences(doc)
        if text := "".join(doc.text.split()):
            text_id = get_string_id(text)
            self.duplicates += text_id in self.texts
            self.texts.add(text_id)
        for layer, found in _layers_of(doc):
            self.layers.setdefault(layer, LayerCoverage()).add(found)

    def share(self, layer: Layer) -> float:
        """How much of the file is labelled in a layer, from 0 to 1."""
        total = self.docs if layer.unit == "docs" else self.tokens
        return self.layers[layer].units / total if layer in self.layers else 0.0

    def texts_in_common(self, other: Coverage) -> int:
        """Number of different texts that are in both."""
        return len(self.texts & other.texts)


def measure(path: str | Path, progress: bool = False) -> Coverage:
    """Read a `.spacy` file, or all of a folder, Doc by Doc, and count what it has.

    progress: Whether to show a progress bar, if stderr is a terminal.
    RAISES (MTLError): If there is nothing to read, or it is not what spaCy writes.
    """
    coverage = Coverage(Path(path))
    for file in _files(coverage.path):
        for doc in _read(file, progress):
            coverage.add(doc)
    if not coverage.docs:
        raise MTLError(f"Expected at least one Doc in {path}, got none.")
    coverage.layers = _in_order(coverage.layers)
    return coverage


def measure_all(paths: Iterable[str | Path], progress: bool = False) -> list[Coverage]:
    """The coverage of each file; raises MTLError also if one is named twice."""
    files = [Path(path) for path in paths]
    twice = [path for path, n in Counter(path.resolve() for path in files).items() if n > 1]
    if twice:
        raise MTLError(f"Expected different files, got {twice[0]} more than once.")
    return [measure(path, progress) for path in files]


def files_of(paths: Iterable[str | Path]) -> list[Path]:
    """The paths, with the `.spacy` files of a folder in the place of the folder."""
    return [file for path in paths for file in _files(Path(path))]


def combine(coverages: Iterable[Coverage]) -> dict[Layer, LayerCoverage]:
    """What several files have together, in the order of `LAYERS`."""
    combined: dict[Layer, LayerCoverage] = {}
    for coverage in coverages:
        for layer, found in coverage.layers.items():
            combined.setdefault(layer, LayerCoverage()).add(found)
    return _in_order(combined)


def unseen_labels(
    known: Mapping[Layer, LayerCoverage], coverage: Coverage
) -> dict[Layer, dict[str, int]]:
    """How often each label occurs in a file that does not in the known layers.

    Layers of which nothing is known are left out.
    """
    unseen = {
        layer: {
            label: n for label, n in found.labels.items() if n and not known[layer].labels[label]
        }
        for layer, found in coverage.layers.items()
        if layer in known
    }
    return {layer: labels for layer, labels in unseen.items() if labels}


def short_names(paths: Sequence[Path]) -> list[str]:
    """The name of each file, behind as many of its folders as tell it from the others."""

    def ending(path: Path, n_parts: int) -> str:
        return "/".join(path.parts[-n_parts:])

    names = []
    for path in paths:
        n_parts = 1
        while n_parts < len(path.parts) and (
            sum(ending(other, n_parts) == ending(path, n_parts) for other in paths) > 1
        ):
            n_parts += 1
        names.append(ending(path, n_parts))
    return names


def _files(path: Path) -> list[Path]:
    """The files that `spacy.Corpus.v1` reads for this path."""
    if not path.exists():
        raise MTLError(f"Expected a .spacy file or a folder of them, but {path} does not exist.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are none, which the error below says
        files = walk_corpus(path, ".spacy")
    if not files:
        raise MTLError(
            f"Expected a .spacy file or a folder of them, got {path}. `spacy mtl convert` makes "
            "one out of annotated data in other formats."
        )
    return files


def _read(path: Path, progress: bool) -> Iterator[Doc]:
    doc_bin = read_doc_bin(path)
    yield from tqdm(
        docs_of(doc_bin, path, Vocab()),
        total=len(doc_bin),
        desc=f"Reading {path.name}",
        unit=" docs",
        leave=False,
        disable=None if progress else True,
    )


def _layers_of(doc: Doc) -> Iterator[tuple[Layer, LayerCoverage]]:
    """What one Doc has."""
    units = count_units(doc)
    for kind, attr in _TAG_ATTRS.items():
        if units[kind]:
            yield Layer(kind), LayerCoverage(units[kind], _count_values(doc, attr))
    if units["ents"]:
        labels = Counter(ent.label_ for ent in doc.ents)
        yield Layer("ents"), LayerCoverage(units["ents"], labels)
    for key, spans in doc.spans.items():
        labels = Counter(span.label_ for span in spans)
        overlapping = _count_overlapping(spans)
        yield Layer("spans", key), LayerCoverage(1, labels, overlapping=overlapping)
    groups: dict[str, Counter[str]] = {}
    for key, value in doc.cats.items():
        group, equals, _ = key.partition("=")
        present = int(class_value(key, value) >= 0.5)
        groups.setdefault(group if equals else "", Counter())[key] = present
    for name, labels in groups.items():
        shape = (labels.total(), len(labels))
        one_class = int(shape[0] == 1)
        yield (
            Layer("cats", name),
            LayerCoverage(1, labels, one_class=one_class, shapes=Counter([shape])),
        )


def _count_values(doc: Doc, attr: str) -> Counter[str]:
    values, counts = numpy.unique(doc.to_array([attr]), return_counts=True)
    strings = doc.vocab.strings
    return Counter(
        {
            strings[value]: n
            for value, n in zip(values.tolist(), counts.tolist(), strict=True)
            if value
        }
    )


def _count_overlapping(spans: SpanGroup) -> int:
    overlapping = end = 0
    for span in sorted(spans, key=lambda span: span.start):
        overlapping += span.start < end
        end = max(end, span.end)
    return overlapping


def _count_sentences(doc: Doc) -> int:
    if not len(doc) or not doc.has_annotation("SENT_START"):
        return 0
    return 1 + int(numpy.count_nonzero(doc.to_array(["SENT_START"])[1:] == 1))


def _in_order(layers: Mapping[Layer, LayerCoverage]) -> dict[Layer, LayerCoverage]:
    return dict(sorted(layers.items(), key=lambda item: (LAYERS.index(item[0].kind), item[0])))
