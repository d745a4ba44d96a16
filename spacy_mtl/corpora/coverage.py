"""What `.spacy` files have: labelled units, how often each label occurs, texts in common."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.training.corpus import walk_corpus
from spacy.vocab import Vocab
from tqdm import tqdm

from ..errors import MTLError
from ..layers import LayerCoverage, table
from ..layers.entities import count_broken_entities
from ..layers.extensions import unknown_attributes
from ..layers.sentences import count_sentences
from .layer_coverage import Layer, layers_of
from .repeats import Repeated, text_id
from .stored import docs_of, read_doc_bin


@dataclass
class Coverage:
    """What a `.spacy` file, or a folder of them, has.

    path: The file or folder.
    docs, tokens: Numbers of them.
    sentences: Number of sentences in the Docs that know where theirs begin.
    duplicates: Number of Docs whose text was there before.
    layers: What is annotated, in the order of the table of layers; one that is not there is
        missing.
    texts: A hash of each text, without its whitespace, in which files differ by how they were
        tokenized.
    repeated: What texts have that are there several times, in all of the files that
        `measure_all` has measured together.
    broken_entities: Number of tokens whose ENT_IOB and ENT_TYPE contradict each other.
    unknown: Attributes that have values and that nobody made known, as "doc._.level".
    has_user_data: Whether all of it was saved with `Doc.user_data`, in which some layers are.
    known_values: Keys of `doc.cats` that were known to be values before it was read.
    values_elsewhere: Keys that look like classes here, and are values by what another file has.
    """

    path: Path
    docs: int = 0
    tokens: int = 0
    sentences: int = 0
    duplicates: int = 0
    layers: dict[Layer, LayerCoverage] = field(default_factory=dict)
    texts: set[int] = field(default_factory=set)
    repeated: dict[int, Repeated] = field(default_factory=dict)
    broken_entities: int = 0
    unknown: set[str] = field(default_factory=set)
    has_user_data: bool = True
    known_values: frozenset[str] = frozenset()
    values_elsewhere: frozenset[str] = frozenset()

    def add(self, doc: Doc) -> None:
        """Count a Doc."""
        self.docs += 1
        self.tokens += len(doc)
        self.sentences += count_sentences(doc)
        self.broken_entities += count_broken_entities(doc)
        text = text_id(doc)
        if text in self.texts:
            self.duplicates += 1
            self.repeated.setdefault(text, Repeated())
        elif text is not None:
            self.texts.add(text)
        self.unknown.update(unknown_attributes(doc))
        for layer, found in layers_of(doc):
            coverage = self.layers.setdefault(layer, LayerCoverage())
            coverage.add(found)
            coverage.docs += 1
            coverage.words += len(doc)

    @property
    def values(self) -> set[str]:
        """The keys of `doc.cats` that are values in this file."""
        return {layer.group for layer in self.layers if layer.kind == "values"}

    @property
    def classes(self) -> set[str]:
        """Those that are classes."""
        cats = (found for layer, found in self.layers.items() if layer.kind == "cats")
        return {key for found in cats for key in found.labels}

    def share(self, layer: Layer) -> float:
        """How much of the file is labelled in a layer, from 0 to 1."""
        total = self.docs if layer.unit == "docs" else self.tokens
        return self.layers[layer].units / total if layer in self.layers else 0.0

    def texts_in_common(self, other: Coverage) -> int:
        """Number of different texts that are in both."""
        return len(self.texts & other.texts)


def measure(path: str | Path, progress: bool = False, values: Collection[str] = ()) -> Coverage:
    """Read a `.spacy` file, or all of a folder, Doc by Doc, and count what it has.

    progress: Whether to show a progress bar, if stderr is a terminal.
    values: Keys of `doc.cats` that are values, beside those that are in one of its files.
    RAISES (MTLError): If there is nothing to read, or it is not what spaCy writes.
    """
    coverage = Coverage(Path(path), known_values=frozenset(values))
    for file in _files(coverage.path):
        doc_bin = read_doc_bin(file)
        coverage.has_user_data &= None not in doc_bin.user_data
        for doc in _docs(doc_bin, file, progress, values):
            coverage.add(doc)
    if not coverage.docs:
        raise MTLError(f"Expected at least one Doc in {path}, got none.")
    coverage.layers = _in_order(coverage.layers)
    return coverage


def measure_all(
    paths: Iterable[str | Path], progress: bool = False, values: Collection[str] = ()
) -> list[Coverage]:
    """The coverage of each file; a key of `doc.cats` that is a value in one is so in all.

    Files with texts that stand several times, in one or in several files, are read twice, and so
    are those in which a key could as well be a class.
    values: Keys of `doc.cats` that are values, whatever their numbers.
    RAISES (MTLError): If one cannot be read, or is named twice, or none has a key of `values`.
    """
    files = [Path(path) for path in paths]
    twice = [path for path, n in Counter(path.resolve() for path in files).items() if n > 1]
    if twice:
        raise MTLError(f"Expected different files, got {twice[0]} more than once.")
    coverages = _with_same_values([measure(path, progress, values) for path in files], progress)
    _check_there(values, coverages)
    seen: set[int] = set()
    shared: set[int] = set()
    for coverage in coverages:
        shared |= seen & coverage.texts
        seen |= coverage.texts
    for coverage in coverages:
        coverage.repeated.update((text, Repeated()) for text in coverage.texts & shared)
        if coverage.repeated:
            _compare_repeated(coverage, progress)
    return coverages


def files_of(paths: Iterable[str | Path]) -> list[Path]:
    """The paths, with the `.spacy` files of a folder in the place of the folder."""
    return [file for path in paths for file in _files(Path(path))]


def combine(coverages: Iterable[Coverage]) -> dict[Layer, LayerCoverage]:
    """What several files have together, in the order of the table of layers."""
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


def _with_same_values(coverages: Sequence[Coverage], progress: bool) -> list[Coverage]:
    """The coverages, measured again where a key was a class that is a value elsewhere."""
    values = set().union(*(coverage.values for coverage in coverages))
    found = []
    for coverage in coverages:
        if elsewhere := coverage.classes & values:
            coverage = measure(coverage.path, progress, values)
            coverage.values_elsewhere = frozenset(elsewhere)
        found.append(coverage)
    return found


def _check_there(values: Iterable[str], coverages: Sequence[Coverage]) -> None:
    there = set().union(*(coverage.values for coverage in coverages))
    if absent := [key for key in values if key not in there]:
        keys = sorted(there.union(*(coverage.classes for coverage in coverages)))
        raise MTLError(
            f"Expected as values keys that the files have in doc.cats ({', '.join(keys) or 'none'})"
            f", got {', '.join(absent)}."
        )


def _compare_repeated(coverage: Coverage, progress: bool) -> None:
    for file in _files(coverage.path):
        for doc in _docs(read_doc_bin(file), file, progress, coverage.known_values):
            text = text_id(doc)
            if text in coverage.repeated:
                coverage.repeated[text].add(doc)


def _docs(doc_bin: DocBin, path: Path, progress: bool, values: Collection[str]) -> Iterator[Doc]:
    yield from tqdm(
        docs_of(doc_bin, path, Vocab(), values),
        total=len(doc_bin),
        desc=f"Reading {path.name}",
        unit=" docs",
        leave=False,
        disable=None if progress else True,
    )


def _in_order(layers: Mapping[Layer, LayerCoverage]) -> dict[Layer, LayerCoverage]:
    order = [*table()]
    return dict(sorted(layers.items(), key=lambda item: (order.index(item[0].kind), item[0])))
