"""Trees as tags: every projective tree has its own, and the best valid ones are found."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from spacy_mtl.models.parsing.arborescence import is_tree
from spacy_mtl.models.parsing.four_bits import N_TAGS, decode, possible_tags, projective
from spacy_mtl.models.parsing.sentences import Sentences


def sentence(*lengths):
    nothing = np.zeros(0, dtype=bool)
    begins = np.concatenate([nothing, *(np.arange(length) == 0 for length in lengths)])
    return Sentences.of(begins, np.zeros(len(begins), dtype=bool))


def crosses(heads):
    """Whether arcs cross, with one from before the first word to the root."""
    arcs = [sorted([word, head]) if word != head else [-1, word] for word, head in enumerate(heads)]
    return any(a < c < b < d for (a, b), (c, d) in product(arcs, arcs))


@cache
def projective_trees(length):
    trees = product(range(length), repeat=length)
    return [h for h in trees if is_tree(np.asarray([h]))[0] and not crosses(h)]


def all_known(n):
    return np.ones(n, dtype=bool)


def tags_of(heads):
    possible = possible_tags(np.asarray(heads), sentence(len(heads)), all_known(len(heads)))
    assert (possible.sum(axis=1) == 1).all()
    return tuple(possible.argmax(axis=1).tolist())


@pytest.mark.parametrize("length", range(1, 6))
def test_each_projective_tree_has_its_own_tags(length):
    trees = projective_trees(length)
    assert len({tags_of(heads) for heads in trees}) == len(trees)
    for heads in trees:
        scores = np.eye(N_TAGS, dtype="f")[list(tags_of(heads))]
        assert decode(scores, sentence(length)).tolist() == list(heads)


@pytest.mark.parametrize("length", range(1, 5))
def test_best_of_all_trees(length):
    trees = projective_trees(length)
    tags = np.asarray([tags_of(heads) for heads in trees])
    rng = np.random.default_rng(length)
    for _ in range(30):
        scores = rng.normal(size=(length, N_TAGS)).astype("f")
        best = scores[np.arange(length), tags].sum(axis=1).argmax()
        assert decode(scores, sentence(length), beam=64).tolist() == list(trees[best])


def test_any_scores_give_trees():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 30, size=60)
    scores = (10 * rng.normal(size=(lengths.sum(), N_TAGS))).astype("f")
    for beam in (1, 8):
        heads = decode(scores, sentence(*lengths), beam)
        for part in np.split(np.arange(len(heads)), np.cumsum(lengths)[:-1]):
            own = heads[part] - part[0]
            assert is_tree(own[None])[0]
            assert not crosses(own.tolist())


def test_deep_stacks():
    """Each word wants to wait for the next one, for longer than a stack can be."""
    scores = np.zeros((80, N_TAGS), dtype="f")
    scores[:, 0b0011] = 5.0  # left dependents of heads of their own
    assert is_tree(decode(scores, sentence(80))[None])[0]
    scores = np.zeros((80, N_TAGS), dtype="f")
    scores[:, 0b1011] = 5.0  # with dependents to the right that they wait for
    assert is_tree(decode(scores, sentence(80))[None])[0]


def test_sentences_do_not_depend_on_each_other():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(12, N_TAGS)).astype("f")
    together = decode(scores, sentence(5, 7))
    apart = [decode(scores[:5], sentence(5)), decode(scores[5:], sentence(7)) + 5]
    assert together.tolist() == np.concatenate(apart).tolist()
    assert decode(scores[:0], sentence()).tolist() == []


@pytest.mark.parametrize("length", range(1, 6))
def test_only_possible_tags_are_possible(length):
    """Those of some tree that has the known heads are; where all is known, these alone."""
    trees = projective_trees(length)
    rng = np.random.default_rng(length)
    for _ in range(30):
        heads = np.asarray(trees[rng.integers(len(trees))])
        known = np.where(rng.random(length) < 0.6, heads, -1)
        found = possible_tags(known, sentence(length), all_known(length))
        agreeing = [t for t in trees if ((known < 0) | (known == np.asarray(t))).all()]
        for tree in agreeing:
            assert found[np.arange(length), tags_of(tree)].all()


def test_known_heads_say_as_much_as_they_can():
    # word 0 is the only one of which nothing is known
    found = possible_tags(np.asarray([-1, 1, 1]), sentence(3), all_known(3))
    assert found[0].sum() == 4  # it has no dependents
    assert found[1].tolist().count(True) == 2  # the root; it may have dependents to the left
    assert found[2].tolist().count(True) == 2
    assert possible_tags(np.asarray([1, 1, 1]), sentence(3), all_known(3)).sum() == 3


def test_heads_in_the_sentences_beside_may_be_missing():
    heads = np.asarray([-1, 1, 2, 3])
    found = [possible_tags(heads, sentence(2, 1, 1), np.full(4, whole)) for whole in (True, False)]
    assert [each[2].sum() for each in found] == [1, 2]
    assert [each[3].sum() for each in found] == [1, 1]


def test_crossing_arcs_are_lifted():
    heads = np.asarray([1, 1, 3, 1, 3, 1])
    assert projective(heads, sentence(6)).tolist() == heads.tolist()
    crossing = np.asarray([2, 3, 3, 3])  # 0 to 2, and 1 to 3
    assert projective(crossing, sentence(4)).tolist() == [3, 3, 3, 3]
    over_the_root = np.asarray([2, 1, 1])
    assert projective(over_the_root, sentence(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("length", range(2, 6))
def test_all_trees_become_projective(length):
    for heads in product(range(length), repeat=length):
        if is_tree(np.asarray([heads]))[0]:
            found = projective(np.asarray(heads), sentence(length))
            assert is_tree(found[None])[0]
            assert not crosses(found.tolist())
            if not crosses(heads):
                assert found.tolist() == list(heads)


def test_unknown_heads_stay_unknown():
    found = projective(np.asarray([2, -1, 2, 2, 5, 4, -1]), sentence(4, 3))
    assert found[[1, 6]].tolist() == [-1, -1]
