import numpy as np
import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.hierarchy import Hierarchy, names_above, with_parents

nan = np.nan
# Labels of two levels, and two leaves on the first.
LABELS = ("a", "a/x", "a/y", "b", "b/z", "c")
TREE = Hierarchy(LABELS, "/")


def cells(*rows, tree=TREE):
    """(n_docs, n_labels) where these labels are named."""
    return np.asarray([[label in row for label in tree.labels] for row in rows])


def said(values, tree=TREE):
    """Of each document, by value, the labels that have it."""
    return [
        {int(v): {k for k, x in zip(tree.labels, row, strict=True) if x == v} for v in (0, 1)}
        for row in values
    ]


def test_names_above():
    assert names_above("topic=a/b/c", "/", "topic=") == ["topic=a", "topic=a/b"]
    assert names_above("a", "/") == []
    assert names_above("a > b", " > ") == ["a"]
    assert names_above("and/or=a/b", "/", "and/or=") == ["and/or=a"]


@pytest.mark.parametrize("label", ["t=a//b", "t=a/", "t=/a", "t="])
def test_levels_without_a_name(label):
    with pytest.raises(MTLError, match=f'hierarchy = "/".*{label}'):
        Hierarchy([label], "/", "t=")


def test_missing_parents_stand_behind_the_labels_and_stay_there():
    found = with_parents(["a/x/1", "b", "a"], "/")
    assert found == ["a/x/1", "b", "a", "a/x"]
    assert with_parents(found, "/") == found


def test_tree():
    tree = Hierarchy(["t=a/x/1", "t=b", "t=a/x/2", "t=a/y"], "/", "t=")
    assert tree.labels == ("t=a/x/1", "t=b", "t=a/x/2", "t=a/y", "t=a", "t=a/x")
    assert tree.level.tolist() == [3, 1, 3, 2, 1, 2]
    assert tree.leaves == ("t=a/x/1", "t=b", "t=a/x/2", "t=a/y")
    assert np.flatnonzero(tree.paths[0]).tolist() == [0, 4, 5]
    sets = [
        {
            int(parent): set(row.tolist()) - {tree.padding}
            for parent, row in zip(*level, strict=True)
        }
        for level in ((each.parents, each.children) for each in tree.levels)
    ]
    assert sets == [{tree.root: {1, 4}}, {4: {3, 5}}, {5: {0, 2}}]
    assert not tree.is_flat and Hierarchy(["a", "b"], "/").is_flat and Hierarchy([], "/").is_flat
    assert tree.nearest("t=a/x/3") == 5 and tree.nearest("t=a/w/3") == 4
    assert tree.nearest("t=d/e") is None and tree.nearest("t=d") is None


def test_a_path_is_one_label_with_any_of_those_above_it():
    rows = [(), ("a",), ("a", "a/x"), ("a/x",), ("a/x", "a/y"), ("a/x", "b"), ("a", "c")]
    assert TREE.is_path(cells(*rows)).tolist() == [True] * 4 + [False] * 3


def test_what_follows_where_a_document_has_one_leaf():
    values = TREE.one_of(cells(("a/x",), ("a",), (), ("c",)), cells((), (), ("a",), ()))
    assert said(values) == [
        {1: {"a", "a/x"}, 0: {"a/y", "b", "b/z", "c"}},
        {1: {"a"}, 0: {"b", "b/z", "c"}},
        {1: set(), 0: {"a", "a/x", "a/y"}},
        {1: {"c"}, 0: {"a", "a/x", "a/y", "b", "b/z"}},
    ]


def test_denied_labels_beside_one_that_applies():
    """A dense document denies all labels but the one that it names."""
    applies = cells(("a/x",), ("a",), ("a",), ())
    denied = cells(set(LABELS) - {"a/x"}, set(LABELS) - {"a"}, ("a/x",), LABELS)
    assert said(TREE.one_of(applies, denied)) == [
        {1: {"a", "a/x"}, 0: {"a/y", "b", "b/z", "c"}},
        {1: {"a"}, 0: {"b", "b/z", "c"}},
        {1: {"a"}, 0: {"a/x", "b", "b/z", "c"}},
        {1: set(), 0: set()},
    ]


def test_denied_labels_that_leave_no_leaf_that_the_corpus_knows():
    known = cells(("a", "b", "b/z"))
    denied = cells(("b", "a"))
    assert said(TREE.one_of(cells(()), denied, known)) == [{1: set(), 0: set()}]
    assert said(TREE.one_of(cells(()), denied)) == [{1: set(), 0: set(LABELS) - {"c"}}]


def test_what_follows_where_a_document_has_any_labels():
    applies = cells(("a/x", "c"), ("a",), ("b/z",), ())
    denied = cells(("a/y",), ("b",), ("b", "a/x"), ("a/x",))
    assert said(TREE.any_of(applies, denied)) == [
        {1: {"a", "a/x", "c"}, 0: {"a/y"}},
        {1: {"a"}, 0: {"b", "b/z"}},
        {1: {"b", "b/z"}, 0: {"a/x"}},
        {1: set(), 0: {"a/x"}},
    ]


def test_a_corpus_that_knows_nothing_of_a_set_of_siblings_says_nothing_about_it():
    known = cells(("a", "b"), ("a", "a/x", "c"))
    names = {0: set(LABELS) - {"c"}, 1: {"a", "a/x", "c", "b/z"}}
    assert [set(np.asarray(LABELS)[row]) for row in TREE.choices(known)] == list(names.values())
    reachable = TREE.reachable(known)
    assert set(np.asarray(LABELS)[reachable[1]]) == {"a", "a/x", "c"}


def test_no_labels_and_no_documents():
    empty = Hierarchy([], "/")
    assert empty.levels == [] and empty.leaves == ()
    nothing = np.zeros((0, len(LABELS)), dtype=bool)
    assert TREE.one_of(nothing, nothing).shape == TREE.any_of(nothing, nothing).shape == (0, 6)
    assert empty.any_of(nothing[:, :0], nothing[:, :0]).shape == (0, 0)


def test_three_levels_of_unequal_width():
    """Sets of siblings that are filled up do not hear of each other."""
    names = ["a/b/x", "a/b/y", "a/c", "d/e/x", "d/e/y", "d/e/z", "d/f", "d/g"]
    tree = Hierarchy(names, "/")
    applies = np.zeros((1, len(tree.labels)), dtype=bool)
    applies[0, tree.place["a/b"]] = True
    around = tree.among_siblings(tree.upwards(applies))[0]
    assert {tree.labels[i] for i in np.flatnonzero(around)} == {"a", "d", "a/b", "a/c"}
    said = tree.one_of(applies, np.zeros_like(applies))[0]
    assert np.isnan(said[[tree.place["a/b/x"], tree.place["a/b/y"]]]).all()
    assert tree.choices(applies)[0, [tree.place[name] for name in names]].tolist() == [
        *(True, True, False),
        *[True] * 5,
    ]
