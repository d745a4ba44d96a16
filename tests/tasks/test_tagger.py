import numpy as np
import pytest
from spacy.lang.en import English
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.tagger import Tagger

OPS = NumpyOps()
VALUES = {
    "TAG": ["DT", "NN", "VBZ"],
    "POS": ["DET", "NOUN", "VERB"],
    "MORPH": ["Definite=Def", "Number=Sing", "Number=Sing|Person=3"],
}
ARGUMENT = {"TAG": "tags", "POS": "pos", "MORPH": "morphs"}


def tagger(attr="TAG", **settings):
    task = Tagger(attr, **settings)
    task.set_labels(VALUES[attr])
    return task


def one_hot(columns, n=3):
    """Scores whose best columns these are."""
    scores = np.zeros((len(columns), n), dtype="f")
    scores[np.arange(len(columns)), columns] = 2.0
    return scores


def write(task, docs, columns, pack):
    for doc in docs:
        for label in task.columns:  # as the component does
            doc.vocab.strings.add(label)
    task.annotate(docs, task.decode(one_hot(columns), pack(docs), OPS))


def read(attr, doc):
    if attr == "MORPH":
        return [str(token.morph) for token in doc]
    return [getattr(token, attr.lower() + "_") for token in doc]


@pytest.mark.parametrize("attr", VALUES)
def test_targets(attr, make_doc):
    first, second, third = VALUES[attr]
    gold = {ARGUMENT[attr]: [third, "", first]} if attr != "MORPH" else {}
    reference = make_doc("a b c", **gold)
    if attr == "MORPH":  # `Doc` would take "" for the empty set of features
        reference[0].set_morph(third)
        reference[2].set_morph(first)
    examples = [
        Example(make_doc("a b c"), reference),
        Example(make_doc(""), make_doc("")),
        Example(make_doc("d e"), make_doc("d e")),
        Example(make_doc("f"), make_doc("f", **{ARGUMENT[attr]: [second]})),
    ]
    targets = tagger(attr).targets(examples, OPS)
    assert targets.mask.tolist() == [True, False, True, False, False, True]
    assert targets.classes[targets.mask].tolist() == [2, 0, 1]
    assert targets.n_units == 3


def test_targets_of_unknown_labels_are_masked(make_doc):
    reference = make_doc("a b", tags=["FW", "NN"])
    targets = tagger().targets([Example(make_doc("a b"), reference)], OPS)
    assert targets.mask.tolist() == [False, True]
    assert targets.n_units == 1


def test_targets_of_other_tokens(vocab):
    predicted = Doc(vocab, words=["ab", "c"], spaces=[True, False])
    spaces = [False, True, False]
    reference = Doc(vocab, words=["a", "b", "c"], spaces=spaces, tags=["DT", "DT", "NN"])
    targets = tagger().targets([Example(predicted, reference)], OPS)
    assert targets.classes.tolist() == [0, 1]
    reference[1].tag_ = "NN"
    targets = tagger().targets([Example(predicted, reference)], OPS)
    assert targets.mask.tolist() == [False, True]


def test_no_examples(make_doc, pack):
    for examples in ([], [Example(make_doc(""), make_doc(""))]):
        targets = tagger().targets(examples, OPS)
        assert targets.n_units == 0 and targets.mask.shape == (0,)


def test_empty_features_are_a_label(make_doc, pack):
    """A token without features is annotated; one that nobody looked at is not."""
    reference = make_doc("a b", morphs=["Number=Sing", ""])
    task = Tagger("MORPH")
    untouched = make_doc("d")
    labels = task.find_labels([Example(reference, reference), Example(untouched, untouched)], [])
    assert labels == ["Number=Sing", "_"]
    task.set_labels(labels)
    doc = make_doc("a b")
    write_columns = one_hot([1, 0], n=2)
    task.annotate([doc], task.decode(write_columns, pack([doc]), OPS))
    assert read("MORPH", doc) == ["", "Number=Sing"]
    assert doc.has_annotation("MORPH", require_complete=True)


def test_loss_of_tokens_without_tag_is_exactly_zero(make_doc, pack):
    docs = [make_doc("a b c"), make_doc("d")]
    references = [make_doc("a b c", tags=["NN", "", "DT"]), make_doc("d")]
    task = tagger()
    examples = [Example(x, y) for x, y in zip(docs, references, strict=True)]
    targets = task.targets(examples, OPS)
    scores = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
    loss, d_scores = task.loss(scores, targets, pack(docs))
    assert loss > 0
    assert not d_scores[[1, 3]].any()
    assert d_scores[[0, 2]].all()


def test_smoothed_targets(make_doc, pack):
    task = tagger(label_smoothing=0.2)
    reference = make_doc("a", tags=["NN"])
    targets = task.targets([Example(make_doc("a"), reference)], OPS)
    loss, d_scores = task.loss(np.zeros((1, 3), dtype="f"), targets, pack([reference]))
    assert loss == pytest.approx(np.log(3))
    np.testing.assert_allclose(d_scores, [[1 / 3 - 0.1, 1 / 3 - 0.8, 1 / 3 - 0.1]], rtol=1e-5)


@pytest.mark.parametrize("attr", VALUES)
def test_round_trip(attr, make_doc, pack):
    docs = [make_doc("a b c"), make_doc(""), make_doc("d e")]
    columns = [2, 0, 1, 1, 2]
    task = tagger(attr)
    write(task, docs, columns, pack)
    expected = [VALUES[attr][column] for column in columns]
    assert read(attr, docs[0]) + read(attr, docs[2]) == expected
    targets = task.targets([Example(doc.copy(), doc) for doc in docs], OPS)
    assert targets.classes.tolist() == columns


def test_annotation_in_a_new_vocabulary(make_doc, pack):
    """The labels' strings need not be in the vocabulary of the document."""
    task = tagger("MORPH")
    doc = Doc(English().vocab, words=["a", "b", "c"])
    write(task, [doc], [2, 1, 0], pack)
    assert doc[0].morph.to_dict() == {"Number": "Sing", "Person": "3"}


@pytest.mark.parametrize("attr", VALUES)
@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite(attr, overwrite, make_doc, pack):
    first, second, third = VALUES[attr]
    doc = make_doc("a b c")
    setter = {"TAG": "tag_", "POS": "pos_"}.get(attr)
    if setter:
        setattr(doc[1], setter, first)
    else:
        doc[1].set_morph(first)
    write(tagger(attr, overwrite=overwrite), [doc], [2, 2, 2], pack)
    assert read(attr, doc) == [third, third if overwrite else first, third]


def test_present_tag_that_the_task_does_not_know_is_kept(make_doc, pack):
    doc = make_doc("a b", tags=["FW", ""])
    write(tagger(), [doc], [1, 1], pack)
    assert read("TAG", doc) == ["FW", "NN"]


@pytest.mark.parametrize("attr", VALUES)
def test_other_annotation_survives(attr, make_doc, pack):
    doc = make_doc(
        "a b c",
        tags=["NN", "NN", "NN"],
        pos=["NOUN", "NOUN", "NOUN"],
        morphs=["Number=Plur", "Number=Plur", "Number=Plur"],
        lemmas=["x", "y", "z"],
        heads=[1, 1, 1],
        deps=["dep", "ROOT", "dep"],
        ents=["B-PER", "I-PER", "O"],
        sent_starts=None,
    )
    doc.set_ents([Span(doc, 0, 2, "PER", kb_id="Q1", span_id="e1")], blocked=[doc[2:3]])
    doc.cats = {"A": 1.0}
    doc.spans["x"] = [doc[0:2]]
    doc.user_data["key"] = "value"
    before = doc.to_json()
    write(tagger(attr, overwrite=True), [doc], [0, 1, 0], pack)
    changed = {key for key, value in doc.to_json().items() if value != before[key]}
    assert changed == {"tokens"}
    others = {"tag", "pos", "morph"} - {attr.lower()}
    for old, new in zip(before["tokens"], doc.to_json()["tokens"], strict=True):
        for key in [*others, "lemma", "dep", "head", "id", "start", "end"]:
            assert old[key] == new[key]
    assert [(ent.text, ent.kb_id_, ent.id_) for ent in doc.ents] == [("a b", "Q1", "e1")]
    assert doc[2].ent_iob_ == "B" and doc[2].ent_type == 0
    assert doc.user_data == {"key": "value"}


def test_sentence_starts_survive(make_doc, pack):
    doc = make_doc("a b c d", sent_starts=[True, False, True, False])
    write(tagger(), [doc], [0, 1, 2, 0], pack)
    assert [sent.text for sent in doc.sents] == ["a b", "c d"]


def test_whitespace_tokens_are_tagged_like_others(pack):
    nlp = English()
    doc = nlp("a \n\n b")
    assert doc[1].is_space
    write(tagger("POS"), [doc], [0, 1, 2], pack)
    assert read("POS", doc) == ["DET", "NOUN", "VERB"]


def test_labels_are_found(make_doc):
    examples = [
        Example(make_doc("a b"), make_doc("a b", tags=["NN", ""], pos=["NOUN", "X"])),
        Example(make_doc("c"), make_doc("c")),
        Example(make_doc("d"), make_doc("d", tags=["$"], pos=["SPACE"])),
    ]
    assert Tagger("TAG").find_labels(examples, []) == ["$", "NN"]
    assert Tagger("POS").find_labels(iter(examples), []) == ["NOUN", "SPACE", "X"]
    assert Tagger("MORPH").find_labels(examples, []) == []
    assert Tagger("TAG").find_labels([], []) == []


def test_probabilities(make_doc, pack):
    decoded = tagger().decode(one_hot([2, 0]), pack([make_doc("a b")]), OPS)
    np.testing.assert_allclose(decoded.probabilities.sum(axis=1), 1.0, rtol=1e-6)
    assert decoded.probabilities.argmax(axis=1).tolist() == decoded.labels.tolist() == [2, 0]


@pytest.mark.parametrize("attr", VALUES)
def test_scores_are_those_of_spacy(attr, make_doc):
    first, second, third = VALUES[attr]
    key = ARGUMENT[attr]
    examples = [
        Example(make_doc("a b c", **{key: [first, second, first]}),
                make_doc("a b c", **{key: [first, second, third]})),
        Example(make_doc("d", **{key: [third]}), make_doc("d", **{key: [third]})),
    ]  # fmt: skip
    found = tagger(attr).score(examples)
    if attr == "MORPH":
        nlp = English()
        nlp.add_pipe("morphologizer")
        nlp_scores = nlp.get_pipe("morphologizer").scorer(examples)
        expected = {k: v for k, v in nlp_scores.items() if k.startswith("morph")}
        assert found["morph_per_feat"]["Person"]["f"] < 1
    else:
        expected = Scorer.score_token_attr(examples, attr.lower())
    assert found == expected
    assert found[f"{attr.lower()}_acc"] == 0.75


def test_missing_tags_are_left_out_of_the_score(make_doc):
    examples = [
        Example(make_doc("a b", tags=["NN", "DT"]), make_doc("a b", tags=["NN", ""])),
        Example(make_doc("c", tags=["NN"]), make_doc("c")),
    ]
    assert tagger().score(examples) == {"tag_acc": 1.0}


@pytest.mark.parametrize("attr", VALUES)
def test_component_gives_numbers_where_something_is_annotated(attr, make_doc):
    config = {"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": attr}
    component = English().add_pipe("multitask", config={"tasks": {"t": config}})
    gold = {"TAG": {"tags": ["", "NN"]}, "POS": {"pos": ["", "X"]}, "MORPH": {"morphs": ["", "_"]}}
    nothing, something = make_doc("a b"), make_doc("a b", **gold[attr])
    unlabelled = [Example(doc, nothing) for doc in (nothing, something)]
    keys = ("t_acc", f"{attr.lower()}_acc")
    assert all(component.score(unlabelled)[key] is None for key in keys)
    found = component.score([*unlabelled, Example(nothing, something)])
    assert all(found[key] == 0.0 for key in keys) and None not in found.values()


def test_own_keys():
    assert Tagger("TAG").own_key("tag_acc") == "acc"
    assert Tagger("MORPH").own_key("morph_micro_f") == "micro_f"


def test_impossible_settings():
    with pytest.raises(MTLError, match="'LEMMA'"):
        Tagger("LEMMA")
    with pytest.raises(MTLError, match="label_smoothing"):
        Tagger(label_smoothing=1.0)
    with pytest.raises(MTLError, match="universal part of speech .*'NN'"):
        Tagger("POS").set_labels(["NOUN", "NN"])


def test_features_in_another_order_are_the_same_label(make_doc):
    task = Tagger("MORPH")
    task.set_labels(["Person=3|Number=Sing"])
    reference = make_doc("a", morphs=["Number=Sing|Person=3"])
    assert task.targets([Example(make_doc("a"), reference)], OPS).n_units == 1
