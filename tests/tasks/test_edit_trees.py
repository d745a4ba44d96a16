import copy
import pickle

import pytest
from spacy.pipeline._edit_tree_internals.edit_trees import EditTrees
from spacy.strings import StringStore

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.edit_trees import TreeLabels

PAIRS = {
    ("walked", "walk"): '[0,2,null,["ed",""]]',
    ("Rome", "Rome"): "[0,0,null,null]",
    ("went", "go"): '["went","go"]',
    ("The", "the"): '[1,0,["T","t"],null]',
    ("gegangen", "gehen"): '[0,6,null,[4,0,["gang","h"],null]]',
    ("Über", "über"): '[1,0,["Ü","ü"],null]',
    ('3"', "3'"): '[0,1,null,["\\"","\'"]]',
}
OTHERS = [("talked", "talk"), ("went", "go"), ("Houses", "house"), ("", ""), ("a", "ba")]


def test_labels_of_pairs():
    trees = TreeLabels(())
    assert {pair: trees.label(*pair) for pair in PAIRS} == PAIRS


@pytest.mark.parametrize(
    "send", [lambda trees: trees, copy.deepcopy, lambda trees: pickle.loads(pickle.dumps(trees))]
)
def test_labels_there_and_back(send):
    trees = send(TreeLabels(PAIRS.values()))
    assert trees.labels == tuple(PAIRS.values())
    for column, (form, lemma) in enumerate(PAIRS):
        assert trees.column(form, lemma) == column
        assert trees.apply(column, form) == lemma


def test_they_are_the_trees_of_spacy():
    """Also of parts that other trees have already, whichever came first."""
    stock = EditTrees(StringStore())
    pairs = [*PAIRS, *OTHERS]
    numbers = [stock.add(*pair) for pair in pairs]
    labels = [TreeLabels(()).label(*pair) for pair in pairs]
    assert len(set(labels)) == len(set(numbers))
    distinct = dict.fromkeys(labels)
    trees = TreeLabels(reversed(distinct))
    for number, label in dict(zip(numbers, labels, strict=True)).items():
        column = trees.labels.index(label)
        for form, _ in pairs:
            assert trees.apply(column, form) == (stock.apply(number, form) or "")


def test_a_tree_that_is_no_label():
    trees = TreeLabels(['[0,2,null,["ed",""]]'])
    assert trees.column("went", "go") == trees.column("sings", "sing") == -1
    assert trees.column("talked", "talk") == 0
    assert trees.labels == ('[0,2,null,["ed",""]]',)


def test_forms_to_which_a_tree_does_not_apply():
    trees = TreeLabels(['[0,2,null,["ed",""]]'])
    assert trees.apply(0, "sings") == trees.apply(0, "d") == trees.apply(0, "") == ""
    assert trees.apply(0, "ed") == ""  # which leaves nothing


def test_the_same_tree_written_otherwise():
    assert TreeLabels(['[0, 2, null, ["ed", ""]]', '[0,2,null,["\\u0065d",""]]']).labels == (
        '[0,2,null,["ed",""]]',
    )


@pytest.mark.parametrize(
    "label",
    ["ed", "", "null", "3", "[]", "[1,2]", '["a","b","c"]', "[0,1,2,null]", "[-1,0,null,null]",
     "[true,0,null,null]", "[0.5,0,null,null]", "[4294967295,0,null,null]", "[0,0,null,[[]]]",
     "[" * 100_000],
)  # fmt: skip
def test_what_is_no_tree(label):
    with pytest.raises(MTLError, match=r"an edit tree such as .*, got `"):
        TreeLabels([label])
