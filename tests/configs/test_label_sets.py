from collections import Counter
from pathlib import Path

import pytest

from spacy_mtl.configs.label_sets import label_set_notes
from spacy_mtl.corpora.coverage import Coverage, Layer, LayerCoverage

ENTS, TAG, MOOD, GROUP = Layer("ents"), Layer("tag"), Layer("cats", "mood"), Layer("spans", "x")


def coverage(layer: Layer, units: int = 100, **labels: int) -> Coverage:
    return Coverage(Path("x"), layers={layer: LayerCoverage(units, Counter(labels))})


def note(layer: Layer, **files: Coverage) -> str:
    """The one note about a task "t", or nothing."""
    return "".join(label_set_notes({"t": layer}, files))


@pytest.mark.parametrize("layer", [ENTS, GROUP, MOOD])
def test_labels_that_others_have(layer):
    found = note(
        layer,
        a=coverage(layer, PER=9, ORG=5),
        b=coverage(layer, LOC=9, PER=2),
        c=coverage(layer, PER=9, LOC=9, ORG=9),
        d=coverage(TAG, X=50),
    )
    message, declaration = found.split("\n\n", 1)
    assert "in t, a has no LOC and b has no ORG." in message
    assert declaration == (
        '[corpora.train.labels.a]\nt = ["ORG", "PER"]\n\n'
        '[corpora.train.labels.b]\nt = ["LOC", "PER"]'
    )


def test_no_note_where_labels_are_the_same():
    assert not note(ENTS, a=coverage(ENTS, PER=9, LOC=1), b=coverage(ENTS, PER=1, LOC=50))
    assert not note(ENTS, a=coverage(ENTS, PER=9), b=coverage(TAG, X=9))
    assert not note(ENTS)


@pytest.mark.parametrize("n, units, differs", [(2, 100, 0), (3, 100, 1), (3, 90, 0), (40, 8, 1)])
def test_rare_labels_are_missing_by_chance(n, units, differs):
    """At the rate of the other file there would be less than three."""
    other = coverage(ENTS, 100, PER=9, LOC=n)
    assert bool(note(ENTS, a=coverage(ENTS, units, PER=9), b=other)) == differs


def test_classes_that_a_file_denies_are_known_to_it():
    files = {"a": coverage(MOOD, glad=50, sad=50), "b": coverage(MOOD, glad=90, sad=0)}
    assert not note(MOOD, **files)


def test_tags_that_are_mostly_others():
    penn = coverage(TAG, 100, NN=60, VB=30, PUNCT=10)
    assert not note(TAG, a=penn, b=coverage(TAG, 100, NN=60, VB=20, JJ=20))
    found = note(TAG, a=penn, b=coverage(TAG, 100, NOUN=90, PUNCT=10))
    assert "a has no NOUN and b has no NN, VB." in found


def test_several_tasks_have_one_note():
    files = {"a": coverage(ENTS, PER=9), "b": coverage(ENTS, LOC=9)}
    files["a"].layers.update(coverage(MOOD, ä=9).layers)
    files["b"].layers.update(coverage(MOOD, o=9).layers)
    (found,) = label_set_notes({"ner": ENTS, "mood": MOOD}, files)
    assert "in ner, a has no LOC and b has no PER; in mood, a has no o and b has no ä." in found
    assert '[corpora.train.labels.a]\nner = ["PER"]\nmood = ["ä"]\n' in found


def test_long_lists_are_cut_in_the_message_alone():
    labels = {f"L{i}": 9 for i in range(12)}
    found = note(ENTS, a=coverage(ENTS, PER=9), b=coverage(ENTS, PER=9, **labels))
    assert "L0, L1, L10, L11, L2, L3, L4, L5, ..." in found
    found = note(ENTS, a=coverage(ENTS, X=9), b=coverage(ENTS, **labels))
    assert all(f'"{label}"' in found for label in labels)
