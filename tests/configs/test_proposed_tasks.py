from collections import Counter

import pytest

from spacy_mtl.configs.proposed_tasks import propose_tasks
from spacy_mtl.corpora.layer_coverage import REJECTED, Layer, LayerCoverage
from spacy_mtl.errors import MTLError

TAG, POS, MORPH, ENTS = Layer("tag"), Layer("pos"), Layer("morph"), Layer("ents")
BARE, MOOD = Layer("cats"), Layer("cats", "mood")
TWO = LayerCoverage(10, Counter(B=6, A=4), one_class=10)


def tasks(layers: dict[Layer, LayerCoverage]) -> dict[str, tuple]:
    return {
        task.name: (task.settings, task.labels, task.score)
        for task in propose_tasks(layers, layers)
    }


def test_token_tasks():
    assert tasks(dict.fromkeys([TAG, POS, MORPH, ENTS], TWO)) == {
        "tagger": ({"@mtl_tasks": "spacy_mtl.Tagger.v1"}, ["A", "B"], "tag_acc"),
        "pos": ({"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": "POS"}, ["A", "B"], "pos_acc"),
        "morph": ({"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": "MORPH"}, ["A", "B"], "morph_acc"),
        "ner": ({"@mtl_tasks": "spacy_mtl.NER.v1"}, ["A", "B"], "ents_f"),
    }


def test_lemmas_need_no_labels():
    block = {"@mtl_tasks": "spacy_mtl.Lemmatizer.v1"}
    assert tasks({Layer("lemma"): LayerCoverage(10)}) == {"lemmatizer": (block, [], "lemma_acc")}


def test_span_groups():
    found = tasks({Layer("spans", "sc"): TWO, Layer("spans", "my key"): TWO})
    settings = {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": "my key"}
    assert list(found) == ["spans_sc", "spans_my_key"]
    assert found["spans_my_key"] == (settings, ["A", "B"], "spans_my_key_f")


@pytest.mark.parametrize(
    ("lengths", "longest", "share"),
    [
        ({1: 50, 2: 49, 9: 1}, 2, "99.0%"),
        ({1: 90, 4: 10}, 4, "100.0%"),
        ({3: 8, 40: 2}, 25, "80.0%"),
    ],
)
def test_span_groups_that_overlap(lengths, longest, share):
    layer = Layer("spans", "sc")
    found = LayerCoverage(10, Counter(B=6, A=4), overlapping=3, lengths=Counter(lengths))
    (task,) = propose_tasks({layer: found}, {layer: found})
    assert task.settings == {
        "@mtl_tasks": "spacy_mtl.SpanCat.v1",
        "spans_key": "sc",
        "suggester": {
            "@misc": "spacy.ngram_range_suggester.v1",
            "min_size": 1,
            "max_size": longest,
        },
    }
    assert (task.name, task.score) == ("spans_sc", "spans_sc_f")
    assert task.comments["suggester.max_size"].startswith(share)


def test_spans_that_overlap_in_dev_alone():
    layer = Layer("spans", "sc")
    flat = LayerCoverage(10, Counter(A=10), lengths=Counter({2: 10}))
    both = LayerCoverage(12, Counter(A=15), overlapping=2, lengths=Counter({2: 10, 7: 5}))
    (task,) = propose_tasks({layer: flat}, {layer: both})
    assert task.settings["@mtl_tasks"] == "spacy_mtl.SpanCat.v1"
    assert task.settings["suggester"]["max_size"] == 2  # as in training


def test_class_groups():
    several = LayerCoverage(10, Counter(a=9, b=9), one_class=2)
    found = tasks({BARE: several, MOOD: TWO})
    assert [(name, *rest) for name, (_, *rest) in found.items()] == [
        ("textcat", ["a", "b"], "cats_score"),
        ("mood", ["A", "B"], "mood_score"),
    ]
    settings = [settings for settings, _, _ in found.values()]
    assert [each["@mtl_tasks"] for each in settings] == ["spacy_mtl.TextCat.v2"] * 2
    assert [each["exclusive"] for each in settings] == [False, True]


def test_exclusive_means_in_all_files():
    """But for documents of dev that have no class, which show what is refused."""
    for n_classes, exclusive in ((2, False), (0, True)):
        shapes = Counter({(1, 2): 15, (n_classes, 2): 5})
        both = LayerCoverage(20, Counter(A=15, B=10), one_class=15, shapes=shapes)
        (task,) = propose_tasks({MOOD: TWO}, {MOOD: both})
        assert task.settings["exclusive"] is exclusive


def test_names_of_groups_that_are_taken():
    groups = ["ner", "cats", "my.own group", "textcat"]
    found = tasks({ENTS: TWO, BARE: TWO, **{Layer("cats", name): TWO for name in groups}})
    named = {settings.get("group"): name for name, (settings, _, _) in found.items()}
    assert named["ner"] == "ner_2"
    assert named["cats"] == "cats_2"
    assert named["my.own group"] == "my_own_group"
    assert named["textcat"] == "textcat_2"


def test_nothing_to_learn_from_one_class_or_no_label():
    single = LayerCoverage(10, Counter(A=10), one_class=10)
    assert tasks({MOOD: single, ENTS: LayerCoverage(10)}) == {}
    flag = LayerCoverage(10, Counter(A=5), one_class=5)
    assert list(tasks({BARE: flag})) == ["textcat"]


def test_rejected_spans_have_no_task_but_that_of_the_entities():
    rejected = LayerCoverage(units=3, labels=Counter(PER=3))
    ents = LayerCoverage(units=50, labels=Counter(PER=9))
    proposed = tasks({Layer("ents"): ents, Layer("spans", "incorrect_spans"): rejected})
    assert list(proposed) == ["ner"]
    (task,) = propose_tasks(layers := {Layer("ents"): ents, REJECTED: rejected}, layers)
    assert task.settings["crf"] is True
    assert task.settings["incorrect_spans_key"] == "incorrect_spans"
    assert propose_tasks({REJECTED: rejected}, {REJECTED: rejected}) == []


def test_some_of_the_tasks():
    layers = dict.fromkeys([TAG, POS, ENTS, BARE, Layer("cats", "tagger")], TWO)
    everything = propose_tasks(layers, layers)
    names = [task.name for task in everything]
    assert names == ["tagger", "pos", "ner", "textcat", "tagger_2"]
    assert propose_tasks(layers, layers, names=names) == everything
    some = propose_tasks(layers, layers, names=["tagger_2", "ner"])
    assert [(task.name, task.layer) for task in some] == [
        ("ner", ENTS),
        ("tagger_2", everything[-1].layer),
    ]


def test_what_stands_beside_them_is_what_is_chosen():
    """Classes alone are learned otherwise than beside tasks of words."""
    long = LayerCoverage(10, Counter(B=6, A=4), one_class=10, docs=10, words=5000)
    layers = {TAG: TWO, MOOD: long}
    (alone,) = propose_tasks(layers, layers, names=["mood"])
    assert [alone] == propose_tasks({MOOD: long}, {MOOD: long})
    assert alone not in propose_tasks(layers, layers)


def test_unknown_names():
    layers = {TAG: TWO, MOOD: TWO}
    with pytest.raises(MTLError, match="tasks out of tagger, mood, as .*, got parser, moood"):
        propose_tasks(layers, layers, names=["parser", "mood", "moood"])
