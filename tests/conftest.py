"""What most tests need: documents, packed batches, reference gradients, valid tag sequences."""

# ruff: noqa: E402
import os

# Linear algebra has one thread, also in processes of tests and of pytest-xdist: threads in all of
# them would wait for each other, and other numbers of them round otherwise. Read when it is loaded.
for library in ("OMP", "OPENBLAS", "MKL", "BLIS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import catalogue
import numpy as np
import pytest
from numpy.typing import NDArray
from spacy.lang.en import English
from spacy.tokens import Doc, Token
from spacy.vocab import Vocab

from spacy_mtl.corpora import read_docs
from spacy_mtl.layers import DocExtension, table
from spacy_mtl.models.packed import Packed, doc_lengths
from spacy_mtl.registry import registry

# Of English's special cases those that texts of tests have.
SPECIAL_CASES = (
    *(" ", "\t", "\n", "I'm", "I'll", "I'd", "I've", "We'll", "We're", "It's", "it's", "What's"),
    *("That's", "can't", "couldn't", "didn't", "doesn't", "don't", "Don't", "hasn't", "haven't"),
    *("isn't", "wasn't", "won't", "wouldn't", "cannot", ":)", ":(", "'ll", "'s", "'re", "'d"),
    *("Bros.", "Mr.", "Mrs.", "Ms."),
)


def pytest_configure() -> None:
    """Do not wait for what tests do not need."""
    catalogue.AVAILABLE_ENTRY_POINTS = KnownEntryPoints()
    catalogue.Registry.get_all = _all_of_a_registry  # type: ignore[method-assign]
    # Each pipeline enters all 1,347 into its vocabulary: more than half of the time of a small test
    cases = English.Defaults.tokenizer_exceptions
    English.Defaults.tokenizer_exceptions = {case: cases[case] for case in SPECIAL_CASES}
    os.fsync = _no_waiting  # whether a test's files outlive a power cut is nothing to wait for


def _no_waiting(descriptor: int) -> None: ...


class KnownEntryPoints:
    """The installed ones, each group looked for once: a registry does it at every call, which
    takes a fifth of the time of a small training."""

    def __init__(self) -> None:
        self.select = cache(catalogue.AVAILABLE_ENTRY_POINTS.select)


def _all_of_a_registry(registry: catalogue.Registry) -> dict[str, Any]:
    """The same as catalogue's own, which takes a quarter of the time of a small training."""
    found = registry.get_entry_points() if registry.entry_points else {}
    namespace = tuple(registry.namespace)
    length = len(namespace)
    for key, value in catalogue.REGISTRY.copy().items():
        if key[:length] == namespace and len(key) == length + 1:
            found[key[-1]] = value
    return found


@pytest.fixture(autouse=True)
def same_registries() -> Iterator[None]:
    """Layers and formats that a test makes known, as by --code, are gone after it."""
    before = _own_parts()
    yield
    for key in _own_parts() - before:
        del catalogue.REGISTRY[key]
        for owner in (Token, Doc):
            if key[1] == "mtl_layers" and owner.has_extension(key[2]):
                owner.remove_extension(key[2])


@pytest.fixture(scope="module")
def levels() -> Iterator[None]:
    """The layers of the tasks in `metrics.regressor`."""
    names = ("level", "order", "mute", "void")
    for name in names:
        registry.mtl_layers.register(name, func=DocExtension(name))
    table()  # makes the attributes known
    yield
    for name in names:
        catalogue.REGISTRY.pop(("spacy", "mtl_layers", name))
        Doc.remove_extension(name)


def _own_parts() -> set[tuple[str, ...]]:
    return {key for key in catalogue.REGISTRY if key[1] in ("mtl_layers", "mtl_formats")}


@pytest.fixture(scope="session")
def vocab() -> Vocab:
    return English().vocab


@pytest.fixture(scope="session")
def make_doc(vocab: Vocab) -> Callable[..., Doc]:
    """A document from words in one string, and what else `Doc` takes."""

    def make_doc(words: str, **annotation: Any) -> Doc:
        return Doc(vocab, words=words.split(), **annotation)

    return make_doc


class Treebank(NamedTuple):
    """Whole documents of `data/treebank.conllu`, in the order of the file: 80 and 20 sentences."""

    train: list[Doc]
    dev: list[Doc]


@pytest.fixture(scope="session")
def read_treebank() -> Callable[[Vocab], Treebank]:
    """Reads the small treebank, every layer of it, with a vocab such as a pipeline's."""

    def read_treebank(vocab: Vocab) -> Treebank:
        path = Path(__file__).parent / "data" / "treebank.conllu"
        docs = list(read_docs(path, vocab, group=0, cats_from=["topic"]))
        return Treebank(docs[:-4], docs[-4:])

    return read_treebank


@pytest.fixture
def treebank(read_treebank: Callable[[Vocab], Treebank], vocab: Vocab) -> Treebank:
    """The small treebank, in Docs that the test may change."""
    return read_treebank(vocab)


@pytest.fixture(scope="session")
def pack() -> Callable[..., Packed]:
    """A packed batch of these documents with random vectors."""

    def pack(docs: Sequence[Doc], width: int = 4, seed: int = 0) -> Packed:
        lengths = doc_lengths(list(docs))
        X = np.random.default_rng(seed).normal(size=(int(lengths.sum()), width))
        return Packed(X.astype("float32"), lengths, list(docs))

    return pack


@pytest.fixture(scope="session")
def numeric_gradient() -> Callable[..., NDArray]:
    """The gradient of a scalar function of the array's content, by central differences."""

    def numeric_gradient(f: Callable[[], float], x: NDArray, eps: float = 1e-2) -> NDArray:
        gradient = np.zeros(x.shape)
        for i in np.ndindex(*x.shape):
            before = x[i]
            x[i] = before + eps
            above = f()
            x[i] = before - eps
            gradient[i] = (above - f()) / (2 * eps)
            x[i] = before
        return gradient

    return numeric_gradient


def column_names(n_types: int) -> list[str]:
    return ["O"] + [f"{prefix}{kind}" for prefix in "BILU" for kind in range(n_types)]


def is_valid(names: Sequence[str]) -> bool:
    """Whether these tags, such as B0 L0 O, are whole entities and what is between them."""
    return re.fullmatch(r"(O|U\d|B(\d)(I\2)*L\2)*", "".join(names)) is not None


@pytest.fixture(scope="session")
def valid_tags() -> Callable[[Sequence[int], int], bool]:
    """Whether these columns are a valid BILUO sequence."""

    def valid_tags(columns: Sequence[int], n_types: int) -> bool:
        names = column_names(n_types)
        return is_valid([names[column] for column in columns])

    return valid_tags


@pytest.fixture(scope="session")
def valid_paths() -> Callable[[int, int], NDArray]:
    """(n_paths, length) the columns of all valid BILUO sequences of a length."""

    @cache
    def valid_paths(n_types: int, length: int) -> NDArray:
        names = column_names(n_types)
        paths = [
            path
            for path in product(range(len(names)), repeat=length)
            if is_valid([names[column] for column in path])
        ]
        return np.asarray(paths, dtype="int64").reshape(len(paths), length)

    return valid_paths
