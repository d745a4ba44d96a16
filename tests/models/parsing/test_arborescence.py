"""The best tree over a sentence's words, against all trees."""

from itertools import product

import numpy as np
import pytest

from spacy_mtl.models.parsing.arborescence import best_heads, best_tree, is_tree


def is_tree_by_walking(heads):
    roots = [word for word, head in enumerate(heads) if word == head]
    for word in range(len(heads)):
        for _ in heads:
            word = heads[word]
        if [word] != roots:
            return False
    return True


def all_trees(length):
    return [h for h in product(range(length), repeat=length) if is_tree_by_walking(h)]


@pytest.mark.parametrize("length", range(1, 5))
def test_all_heads(length):
    heads = np.asarray(list(product(range(length), repeat=length)))
    assert is_tree(heads).tolist() == [is_tree_by_walking(each) for each in heads.tolist()]


def test_long_chains():
    chain = np.maximum(np.arange(40) - 1, 0)[None]
    circle = (np.arange(40) - 1)[None] % 40
    assert is_tree(chain).tolist() == [True]
    assert is_tree(circle).tolist() == [False]


@pytest.mark.parametrize("length", range(1, 6))
def test_best_of_all_trees(length):
    trees = np.asarray(all_trees(length))
    words = np.arange(length)
    rng = np.random.default_rng(length)
    for _ in range(40):
        scores = rng.normal(size=(length, length))
        best = scores[words, trees].sum(axis=1).max()
        found = best_tree(scores)
        assert is_tree(found[None])[0]
        assert scores[words, found].sum() == pytest.approx(best)


@pytest.mark.parametrize("length", range(1, 5))
def test_best_heads_are_the_best_tree_if_they_are_one(length):
    rng = np.random.default_rng(length)
    scores = rng.normal(size=(50, length, length))
    heads = best_heads(np, scores)
    assert ((heads == np.arange(length)).sum(axis=1) == 1).all()
    trees = is_tree(heads)
    assert trees.any()
    for own, found in zip(scores[trees], heads[trees], strict=True):
        assert best_tree(own).tolist() == found.tolist()


def test_one_root_whatever_it_costs():
    scores = np.full((4, 4), -1e3)
    np.fill_diagonal(scores, 1e3)
    scores[2, 2] = 1e3 + 1
    assert is_tree(best_tree(scores)[None])[0]


def test_circles_in_circles():
    """Each contraction gives another circle."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(30, 30)) - 50.0 * np.eye(30)
    pairs = np.arange(30) ^ 1
    scores[np.arange(30), pairs] += 20.0
    found = best_tree(scores)
    assert is_tree(found[None])[0]
