from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
from conftest import Treebank
from spacy.tokens import Doc

from spacy_mtl.layers import LayerCoverage, layer_named
from spacy_mtl.layers import trees as module
from spacy_mtl.layers.trees import TreeCounts, Trees

Parsed = Callable[..., Doc]


@pytest.fixture(scope="module")
def parsed(make_doc: Callable[..., Doc]) -> Parsed:
    """A Doc with these heads, numbers of tokens from 0; None for a token without one."""

    def parsed(*heads: int | None, words: str = "") -> Doc:
        doc = make_doc(words or " ".join("a" * len(heads)))
        deps = [
            None if head is None else "ROOT" if head == i else "x" for i, head in enumerate(heads)
        ]
        layer_named("dep").set_parse(doc, [head or 0 for head in heads], deps)
        return doc

    return parsed


def dominated(heads: tuple[int, ...], token: int) -> Iterator[int]:
    """The token, and all on the way to its root."""
    yield token
    while heads[token] != token:
        token = heads[token]
        yield token


def roots(heads: tuple[int, ...]) -> set[int]:
    """Where all tokens lead to; nothing if it is to a circle."""
    reached = {*range(len(heads))}
    for _ in heads:
        reached = {heads[token] for token in reached}
    return reached if all(heads[token] == token for token in reached) else set()


def crossing_arcs(heads: tuple[int, ...]) -> int:
    """By the definition: arcs with a token inside that the head does not dominate."""
    return sum(
        any(
            head not in dominated(heads, between)
            for between in range(min(head, token) + 1, max(head, token))
        )
        for token, head in enumerate(heads)
    )


def count_trees(doc: Doc) -> TreeCounts:
    return Trees(doc).counts


@pytest.mark.parametrize("n_tokens", [1, 2, 3, 4, 5])
def test_all_trees_of_a_size(parsed: Parsed, n_tokens: int) -> None:
    trees = [heads for heads in product(range(n_tokens), repeat=n_tokens) if len(roots(heads)) == 1]
    assert len(trees) == n_tokens ** (n_tokens - 1)  # Cayley's formula, with any root
    for heads in trees:
        n_crossing = crossing_arcs(heads)
        assert count_trees(parsed(*heads)) == TreeCounts(
            1, int(n_crossing > 0), n_tokens - 1, n_crossing, 0
        )


def test_sentences_of_a_doc_are_counted_each(parsed: Parsed) -> None:
    crossed, plain = (1, 1, 4, 1, 1, 2), (1, 1, 1)
    n = len(crossed)
    heads = [*crossed, *(head + n for head in plain), *(head + n + 3 for head in crossed)]
    assert crossing_arcs(crossed) == 2
    assert count_trees(parsed(*heads)) == TreeCounts(3, 2, 12, 4, 0)


def test_roots_whose_trees_cross(parsed: Parsed) -> None:
    """Where they do not, spaCy begins a sentence at each root."""
    assert count_trees(parsed(0, 1)) == TreeCounts(2, 0, 0, 0, 0)
    assert count_trees(parsed(2, 1, 2, 1)) == TreeCounts(0, 0, 2, 2, 2)


def test_tokens_without_a_head(parsed: Parsed) -> None:
    assert count_trees(parsed(1, 1, None, 1)) == TreeCounts(0, 0, 2, 0, 0)
    assert count_trees(parsed(1, None, 1)) == TreeCounts(0, 0, 2, 0, 0)  # the root is not known
    assert count_trees(parsed(1, 1, None, 4, 4)) == TreeCounts(1, 0, 2, 0, 0)


def test_arcs_between_which_a_head_is_missing(parsed: Parsed) -> None:
    """They are not projective only if they are so whatever the head is."""
    assert count_trees(parsed(2, 1, None)).nonprojective_arcs == 1
    assert count_trees(parsed(2, None, 2)).nonprojective_arcs == 0
    assert count_trees(parsed(None, 3, 0, None)).nonprojective_arcs == 0


def test_whitespace_needs_no_head(make_doc: Callable[..., Doc], parsed: Parsed) -> None:
    doc = Doc(make_doc("a").vocab, words=["a", "\n", "a"], spaces=[False] * 3)
    layer_named("dep").set_parse(doc, [2, 0, 2], ["x", None, "ROOT"])
    assert count_trees(doc) == TreeCounts(1, 0, 1, 0, 0)
    assert count_trees(parsed(2, None, 2)).complete == 0


def test_circles_are_no_trees(make_doc: Callable[..., Doc]) -> None:
    doc = make_doc("a b c d")
    columns = np.asarray([[7, 2], [7, 0], [7, -2], [7, -2]], dtype="int64").astype("uint64")
    doc.from_array(["DEP", "HEAD"], columns)  # a and c head each other, b is a root
    assert count_trees(doc) == TreeCounts(0, 0, 3, 0, 1)
    columns = np.asarray([[7, 1], [7, -1]], dtype="int64").astype("uint64")
    doc = make_doc("a b")
    doc.from_array(["DEP", "HEAD"], columns)
    assert count_trees(doc) == TreeCounts(0, 0, 2, 0, 1)


def test_arcs_of_any_forest(parsed: Parsed) -> None:
    """Sentences whose trees cross have heads outside; each arc is judged as in the whole Doc."""
    n_tokens = 5
    for heads in product(range(n_tokens), repeat=n_tokens):
        if roots(heads):
            assert count_trees(parsed(*heads)).nonprojective_arcs == crossing_arcs(heads)


@pytest.mark.parametrize("name", ["dep", "sents"])
def test_the_layers_have_sentences(treebank: Treebank, name: str) -> None:
    found = LayerCoverage()
    for doc in treebank.train:
        for _, coverage in layer_named(name).coverages(doc):
            coverage.docs = 1
            found.add(coverage)
    assert found.sentences == 80
    assert found.sentences_per_doc == 80 / 18
    if name == "sents":
        assert found.trees is None
    else:
        assert found.trees is not None
        assert found.trees.counts == TreeCounts(80, 3, 627 - 80, 3, 0)


@pytest.mark.parametrize("many", [1, 3, 1000])
def test_docs_counted_at_once(parsed: Parsed, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """They are as those that are counted one by one, also where trees of two roots cross."""
    monkeypatch.setattr(module, "_MANY", many)
    everything = [
        parsed(*heads) for n in (1, 3, 4) for heads in product([None, *range(n)], repeat=n)
        if roots(tuple(i if head is None else head for i, head in enumerate(heads)))
    ]  # fmt: skip
    together, apart = Trees(), TreeCounts()
    for doc in everything:
        together.add(Trees(doc))
        apart += count_trees(doc)
    assert together.counts == apart
    assert apart.not_one_root > 0 and apart.nonprojective > 0


def test_adding_leaves_the_other_as_it_is(parsed: Parsed) -> None:
    one, other = LayerCoverage(trees=Trees(parsed(1, 1))), LayerCoverage()
    other.add(one)
    other.add(one)
    assert other.trees is not None and one.trees is not None
    assert other.trees.counts == TreeCounts(2, 0, 2, 0, 0)
    assert one.trees.counts == TreeCounts(1, 0, 1, 0, 0)
    other.add(one)
    assert other.trees.counts == TreeCounts(3, 0, 3, 0, 0)
