import numpy as np
import pytest
import spacy
from spacy.lang.en import English
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.marks import LABELS
from spacy_mtl.metrics.f_score import UNSEEN, SetCounts
from spacy_mtl.tasks.losses import softmax
from spacy_mtl.tasks.tagger import Tagger
from spacy_mtl.tasks.taggers import make_tagger

OPS = NumpyOps()
LABELLED = ["Case=Acc", "Case=Nom", "Number=Plur", "Number=Sing"]
# "Case=", "Case=Acc", "Case=Nom", "Number=", "Number=Plur", "Number=Sing"
NOM_SING, ACC_PLUR, PLUR = [2, 2], [1, 1], [0, 1]


def tagger(labels=LABELLED, **settings):
    task = make_tagger("MORPH", by_feature=True, **settings)
    task.set_labels(labels)
    return task


def scores_of(rows):
    """Scores of whose features these values are the best."""
    scores = np.zeros((len(rows), 6), dtype="f")
    for row, (case, number) in enumerate(rows):
        scores[row, [case, 3 + number]] = 3.0
    return scores


def doc_of(vocab, *morphs):
    """A document of tokens with these features, None where nothing is known."""
    doc = Doc(vocab, words=["x"] * len(morphs))
    for token, features in zip(doc, morphs, strict=True):
        if features is not None:
            token.set_morph(features)
    return doc


def example_of(vocab, *morphs):
    doc = doc_of(vocab, *morphs)
    return Example(Doc(vocab, words=["x"] * len(doc)), doc)


def morphs(doc):
    return [str(token.morph) for token in doc]


# Labels


def test_labels_are_features_with_their_values(vocab):
    task = tagger(["Number=Sing|Case=Nom", "_", "", "Number=Plur|Case=Nom"])
    assert task.labels == ("Case=Nom", "Number=Sing", "Number=Plur")
    assert task.columns == ["Case=", "Case=Nom", "Number=", "Number=Sing", "Number=Plur"]
    examples = [example_of(vocab, "Case=Nom|Number=Sing", None), example_of(vocab, "_", "Case=Acc")]
    assert task.find_labels(examples, []) == ["Case=Acc", "Case=Nom", "Number=Sing"]
    with pytest.raises(MTLError, match="Expected features like .* got 'Nom'"):
        tagger(["Nom"])


def test_several_values_of_a_feature_are_one():
    task = tagger(["PronType=Rel,Int"])
    assert task.columns == ["PronType=", "PronType=Int,Rel"]


def test_whole_strings_are_the_default():
    assert isinstance(make_tagger("MORPH"), Tagger)
    with pytest.raises(MTLError, match="`by_feature` of the attribute \"MORPH\" alone, .* 'POS'"):
        make_tagger("POS", by_feature=True)
    for by_feature in (False, True):
        with pytest.raises(MTLError, match="label_smoothing"):
            make_tagger("MORPH", label_smoothing=1.0, by_feature=by_feature)


# Targets and loss


def test_targets(vocab):
    examples = [
        example_of(vocab, "Case=Nom|Number=Sing", None, "_"),
        example_of(vocab),
        example_of(vocab, "Case=Gen|Number=Plur", "Number=Plur|Typo=Yes"),
    ]
    targets = tagger().targets(examples, OPS)
    assert targets.classes.tolist() == [[2, 2], [0, 0], [0, 0], [0, 1], [0, 1]]
    assert targets.cells.astype(int).tolist() == [[1, 1], [0, 0], [1, 1], [0, 1], [1, 1]]
    assert targets.mask.tolist() == [True, False, True, True, True]
    assert targets.n_units == tagger().n_labelled(examples) == 4
    assert tagger().targets([], OPS).n_units == 0


def test_other_tokens_than_the_reference(vocab):
    predicted = Doc(vocab, words=["ab", "c"], spaces=[True, False])
    reference = Doc(vocab, words=["a", "b", "c"], spaces=[False, True, False])
    for token, features in zip(reference, ["Case=Nom", "Case=Nom", "Case=Acc"], strict=True):
        token.set_morph(features)
    targets = tagger().targets([Example(predicted, reference)], OPS)
    assert targets.classes[:, 0].tolist() == [2, 1]
    reference[1].set_morph("Case=Acc")
    targets = tagger().targets([Example(predicted, reference)], OPS)
    assert targets.mask.tolist() == [False, True]


@pytest.mark.parametrize(
    "declared", [["Case=Nom", "Case=Acc"], ["Case=Nom", "Case=Acc|Case=Nom", "_"]]
)
def test_features_that_a_corpus_does_not_know_are_masked(declared, vocab):
    """Declared as labels, or as whole strings."""
    task = tagger()
    example = example_of(vocab, "Case=Nom", "_")
    example.reference.user_data[LABELS] = {task.name: declared}
    targets = task.targets([example], OPS)
    assert targets.cells.tolist() == [[True, False], [True, False]]
    example.reference.user_data[LABELS] = {task.name: ["Case=Nom|Number=Sing"]}
    targets = task.targets([example, example_of(vocab, "Case=Acc")], OPS)
    assert targets.cells.all()
    scores = np.random.default_rng(0).normal(size=(3, 6)).astype("f")
    _, d_scores = task.loss(scores, targets, None)
    assert not d_scores[:2, [1, 4]].any()  # values that its corpus does not know
    assert d_scores[:2, [0, 2, 3, 5]].all() and d_scores[2].all()
    example.reference.user_data[LABELS] = {task.name: ["Case=Gen"]}
    with pytest.raises(MTLError, match="got Case=Gen"):
        task.targets([example], OPS)


def test_loss(vocab, pack, numeric_gradient):
    task = tagger(label_smoothing=0.0)
    examples = [example_of(vocab, "Case=Nom|Number=Sing", None), example_of(vocab, "Case=Gen")]
    targets = task.targets(examples, OPS)
    packed = pack([example.predicted for example in examples])
    scores = np.random.default_rng(0).normal(size=(3, 6))
    loss, d_scores = task.loss(scores, targets, packed)
    cases, numbers = softmax(scores[:, :3]), softmax(scores[:, 3:])
    assert loss == pytest.approx(-np.log([cases[0, 2], numbers[0, 2], numbers[2, 0]]).sum())
    assert not d_scores[1].any() and not d_scores[2, :3].any()
    numeric = numeric_gradient(lambda: task.loss(scores, targets, packed)[0], scores, 1e-4)
    np.testing.assert_allclose(d_scores, numeric, atol=1e-6)


def test_what_a_teacher_says(vocab, pack, numeric_gradient):
    """The divergence of each feature's values, added up."""
    task = tagger()
    examples = [example_of(vocab, "Case=Nom|Number=Sing", None), example_of(vocab, "_")]
    mask = task.targets(examples, OPS).mask
    packed = pack([example.predicted for example in examples])
    scores, taught = np.random.default_rng(0).normal(size=(2, 3, 6))
    loss, d_scores = task.distill(scores, taught, mask, packed, OPS)
    parts = [(softmax(taught[:, own]), softmax(scores[:, own])) for own in (slice(3), slice(3, 6))]
    divergence = sum((Q * np.log(Q / P))[mask].sum() for Q, P in parts)
    assert loss == pytest.approx(divergence) and not d_scores[1].any()
    numeric = numeric_gradient(
        lambda: task.distill(scores, taught, mask, packed, OPS)[0], scores, 1e-4
    )
    np.testing.assert_allclose(d_scores, numeric, atol=1e-6)


# Decoding


def write(task, docs, rows, pack):
    task.annotate(docs, task.decode(scores_of(rows), pack(docs), OPS))


def test_combinations_that_are_no_label_come_out(vocab, pack):
    task = tagger(["Case=Acc|Number=Sing", "Case=Nom|Number=Plur"])
    assert task.columns == [
        "Case=", "Case=Acc", "Case=Nom", "Number=", "Number=Sing", "Number=Plur",
    ]  # fmt: skip
    new = English().vocab  # which has no strings of features
    docs = [Doc(new, words=["x"] * n) for n in (3, 0, 1)]
    write(tagger(), docs, [NOM_SING, ACC_PLUR, [0, 0], PLUR], pack)
    assert morphs(docs[0]) == ["Case=Nom|Number=Sing", "Case=Acc|Number=Plur", ""]
    assert docs[2][0].morph.to_dict() == {"Number": "Plur"}
    assert docs[0].has_annotation("MORPH", require_complete=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite(overwrite, vocab, pack):
    doc = doc_of(vocab, "Case=Gen", None)
    task = tagger(overwrite=overwrite)
    decoded = task.decode(scores_of([PLUR, PLUR]), pack([doc]), OPS)
    (standing,) = task.standing([doc], decoded)
    task.annotate([doc], decoded)
    assert morphs(doc) == ["Number=Plur" if overwrite else "Case=Gen", "Number=Plur"]
    assert standing.tolist() == doc.to_array("MORPH").tolist()


def test_round_trip(vocab, pack):
    rows = [NOM_SING, [0, 0], ACC_PLUR, PLUR]
    doc = Doc(vocab, words=["x"] * 4)
    write(tagger(), [doc], rows, pack)
    assert tagger().targets([Example(doc.copy(), doc)], OPS).classes.tolist() == rows


def test_confidence_is_that_of_all_features(vocab, pack):
    task = tagger()
    example = example_of(vocab, "Case=Nom|Number=Sing", "Case=Gen|Number=Sing", None)
    scores = scores_of([NOM_SING, NOM_SING, NOM_SING])
    decoded = task.decode(scores, pack([example.predicted]), OPS)
    P = softmax(scores[:, :3])[0, 2], softmax(scores[:, 3:])[0, 2]
    np.testing.assert_allclose(decoded.confidences, [P[0] * P[1]] * 3, rtol=1e-6)
    confidences, right = task.outcomes(decoded, task.targets([example], OPS))
    np.testing.assert_allclose(confidences, [P[0] * P[1], P[1]], rtol=1e-6)
    assert right.tolist() == [True, True]  # of what is known of them
    task.temperature = 1000.0
    flat = task.decode(scores, pack([example.predicted]), OPS)
    np.testing.assert_allclose(flat.confidences, 1 / 9, rtol=0.02)


# Scores


def test_scores_are_those_of_the_tagger_of_whole_strings(vocab):
    gold = ["Case=Nom|Number=Sing", "Case=Acc", "_", "Case=Gen|Number=Sing", None, "Number=Sing"]
    guess = ["Case=Nom|Number=Sing", "Case=Nom", "_", "Case=Nom", "Case=Nom", "Number=Plur"]
    examples = [Example(doc_of(vocab, *guess), doc_of(vocab, *gold))]
    examples.append(Example(doc_of(vocab, "_"), doc_of(vocab, "Case=Nom|Typo=Yes")))
    examples.append(Example(doc_of(vocab, "Case=Nom"), doc_of(vocab, None)))
    whole = Tagger("MORPH")
    whole.set_labels(sorted({*whole.find_labels(examples, []), "Case=Nom", "Number=Plur"}))
    task = tagger()
    with pytest.warns(UserWarning, match="not initialized with: Case=Gen"):
        assert task.score(examples) == whole.score(examples)
    found = task.statistics(examples)
    assert isinstance(found, SetCounts) and len(found) == 3
    assert found.score() == pytest.approx(task.score(examples)["morph_acc"]) == pytest.approx(1 / 3)
    assert found.score() == whole.statistics(examples).score()
    assert {label: of["gold"] for label, of in found.per_label().items()} == {
        "Case=Acc": 1, "Case=Nom": 2, "Number=Plur": 0, "Number=Sing": 3, UNSEEN: 2,
    }  # fmt: skip
    assert found.per_label()["Case=Nom"] == {"p": 1 / 3, "r": 0.5, "f": 0.4, "gold": 2}
    assert task.confusion(examples) is None
    assert task.own_key("morph_per_feat") == "per_feat"
    assert len(task.statistics([])) == 0


def test_a_combination_that_is_unseen_and_right(vocab):
    """Counts as right, which a label that stands for all unseen ones would not tell."""
    both = "Case=Nom|Number=Sing"
    examples = [Example(doc_of(vocab, both), doc_of(vocab, both))]
    assert tagger(["Case=Nom", "Number=Sing"]).statistics(examples).score() == 1.0


def test_whitespace_counts_as_spacy_has_it(vocab):
    sides = [Doc(vocab, words=["x", "\n"]) for _ in range(2)]
    for doc in sides:
        for token in doc:
            token.set_morph("Case=Nom")
    examples, task = [Example(*sides)], tagger()
    assert task.statistics(examples).score() == pytest.approx(task.score(examples)["morph_acc"])


def test_other_tokens_are_refused(vocab):
    example = Example(Doc(vocab, words=["a", "b"]), doc_of(vocab, "Case=Nom"))
    with pytest.raises(MTLError, match="on the tokens of the reference"):
        tagger().statistics([example])


# In the component

# The encoder sees first letters and endings of three letters.
ENDINGS = {"onem": "Number=Sing", "ibus": "Number=Plur", "umque": "Number=Dual"}
STEMS = {
    **dict.fromkeys(["l", "lup", "lib", "luc"], "Gender=Masc"),
    **dict.fromkeys(["r", "ros", "rab", "rut"], "Gender=Fem"),
}
HELD_OUT = "ribus"  # no word that it learns is feminine and plural
WORDS = {
    stem + ending: f"{gender}|{number}"
    for stem, gender in STEMS.items()
    for ending, number in ENDINGS.items()
    if not (gender == "Gender=Fem" and number == "Number=Plur")
}


@pytest.fixture(scope="module")
def trained():
    nlp = spacy.blank("xx")
    tasks = {
        "morph": {"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": "MORPH", "by_feature": True},
    }
    encoder = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 32,
        "depth": 1,
        "embed_size": 500,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    }
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": encoder}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    fix_random_seed(0)
    references = [Doc(nlp.vocab, words=[word], morphs=[WORDS[word]]) for word in WORDS]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in references]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    return nlp


def test_it_learns_words_and_makes_what_was_never_seen(trained):
    assert [morphs(trained(word)) for word in WORDS] == [[features] for features in WORDS.values()]
    assert morphs(trained(HELD_OUT)) == ["Gender=Fem|Number=Plur"]


def test_a_trained_one_is_saved(trained, tmp_path):
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert morphs(loaded(HELD_OUT)) == ["Gender=Fem|Number=Plur"]
    assert loaded.get_pipe("multitask").labels_for("morph") == (
        "Gender=Fem", "Gender=Masc", "Number=Dual", "Number=Plur", "Number=Sing",
    )  # fmt: skip


def test_features_are_added(trained, tmp_path):
    """Values of a feature stand beside each other, in whatever order they came."""
    trained.to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    component = nlp.get_pipe("multitask")
    assert component.add_label("morph:Gender=Neut") == component.add_label("morph:Case=Nom") == 1
    assert component.add_label("morph:Gender=Neut") == 0
    assert component.tasks["morph"].columns == [
        "Gender=", "Gender=Fem", "Gender=Masc", "Gender=Neut",
        "Number=", "Number=Dual", "Number=Plur", "Number=Sing", "Case=", "Case=Nom",
    ]  # fmt: skip
    assert [morphs(nlp(word)) for word in WORDS] == [[features] for features in WORDS.values()]
    reference = Doc(nlp.vocab, words=["bellum"], morphs=["Gender=Neut|Number=Sing"])
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    for _ in range(20):
        nlp.update([Example(nlp.make_doc("bellum"), reference)], sgd=optimizer)
    assert morphs(nlp("bellum")) == ["Gender=Neut|Number=Sing"]
