import numpy as np
import pytest
import spacy
from spacy.lang.en import English
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.lemmatizer import Lemmatizer

OPS = NumpyOps()
SAME, WENT = "[0,0,null,null]", '["went","go"]'
ED, S = '[0,2,null,["ed",""]]', '[0,1,null,["s",""]]'
LABELS = [SAME, ED, WENT, S]


def lemmatizer(labels=LABELS, **settings):
    task = Lemmatizer(**settings)
    task.set_labels(labels)
    return task


def scores_of(rows):
    """Scores whose best columns these are, each row's from the best on."""
    scores = np.zeros((len(rows), len(LABELS)), dtype="f")
    for row, columns in enumerate(rows):
        scores[row, columns] = -np.arange(len(columns)) + 9.0
    return scores


def lemmas(doc):
    return [token.lemma_ for token in doc]


def examples_of(make_doc, *pairs):
    """Examples of words and their lemmas, "_" for none."""
    return [
        Example(
            make_doc(words),
            make_doc(words, lemmas=["" if x == "_" else x for x in known.split()]),
        )
        for words, known in pairs
    ]


# Labels and targets


def test_frequent_trees_are_the_labels(make_doc):
    examples = examples_of(
        make_doc,
        ("he walked and talked", "he walk and _"),
        ("they worked", "they work"),
        ("", ""),
        ("she called", "she call"),
        ("he went", "_ go"),
    )
    assert Lemmatizer().find_labels(iter(examples), []) == sorted([SAME, ED])
    assert Lemmatizer(min_tree_freq=1).find_labels(examples, []) == sorted([SAME, ED, WENT])
    assert Lemmatizer().find_labels(examples[2:3], []) == []
    assert lemmatizer().labels_in(examples[0].reference) == {SAME, ED}


def test_trees_that_are_all_too_rare(make_doc):
    examples = examples_of(make_doc, ("he went", "he go"))
    with pytest.raises(
        MTLError, match="3 tokens .* 2 labelled tokens with 2 edit trees.*`min_tree"
    ):
        Lemmatizer().find_labels(examples, [])


def test_targets(make_doc):
    examples = examples_of(make_doc, ("he walked went", "he walk _"), ("", ""), ("is ed", "be ed"))
    targets = lemmatizer().targets(examples, OPS)
    assert targets.mask.tolist() == [True, True, False, False, True]
    assert targets.classes[targets.mask].tolist() == [0, 1, 0]
    assert targets.n_units == lemmatizer().n_labelled(examples) == 3


def test_no_examples(make_doc):
    for examples in ([], [Example(make_doc(""), make_doc(""))]):
        targets = lemmatizer().targets(examples, OPS)
        assert targets.n_units == 0 and targets.mask.shape == (0,)


def test_whitespace_is_not_learned(vocab):
    doc = Doc(vocab, words=["a", "\n"], lemmas=["a", "\n"])
    targets = lemmatizer().targets([Example(doc.copy(), doc)], OPS)
    assert targets.mask.tolist() == [True, False]
    assert Lemmatizer(min_tree_freq=1).find_labels([Example(doc, doc)], []) == [SAME]
    blank = Doc(vocab, words=["\n"], lemmas=["\n"])
    assert not lemmatizer().is_labelled(Example(blank, blank))
    assert lemmatizer().is_labelled(Example(doc, doc))


def test_other_tokens_than_the_reference(vocab):
    """As `get_aligned` has it, with which spaCy's own component learns."""
    words, known = ["He", "walked", "home", "talked"], ["he", "walk", "home", "talk"]
    reference = Doc(vocab, words=words, lemmas=known, spaces=[True, False, True, False])
    words, spaces = ["He", "walkedhome", "talk", "ed"], [True, True, False, False]
    predicted = Doc(vocab, words=words, spaces=spaces)
    example = Example(predicted, reference)
    task = lemmatizer(['[1,0,["H","h"],null]', SAME])
    aligned = example.get_aligned("LEMMA", as_string=True)
    expected = [
        -1 if not lemma else task._trees.column(token.text, lemma)
        for token, lemma in zip(predicted, aligned, strict=True)
    ]
    targets = task.targets([example], OPS)
    assert np.where(targets.mask, targets.classes, -1).tolist() == expected == [0, -1, 1, -1]


def test_strings_of_each_document():
    """Whatever vocabulary they have."""
    examples = []
    for word, lemma in (("quaxed", "quax"), ("zorbs", "zorb")):
        reference = Doc(English().vocab, words=[word], lemmas=[lemma])
        examples.append(Example(Doc(English().vocab, words=[word]), reference))
    assert lemmatizer().targets(examples, OPS).classes.tolist() == [1, 3]


def test_loss_of_tokens_without_lemma_is_exactly_zero(make_doc, pack, numeric_gradient):
    examples = examples_of(make_doc, ("he walked it", "he walk _"), ("is", "be"))
    task = lemmatizer()
    targets = task.targets(examples, OPS)
    packed = pack([example.predicted for example in examples])
    scores = np.random.default_rng(0).normal(size=(4, 4)).astype("f")
    loss, d_scores = task.loss(scores, targets, packed)
    assert loss > 0
    assert not d_scores[2:].any() and d_scores[:2].all()
    exact = scores.astype("float64")
    expected = numeric_gradient(lambda: task.loss(exact, targets, packed)[0], exact, 1e-4)
    np.testing.assert_allclose(d_scores, expected, atol=1e-4)


# Decoding


def write(task, docs, rows, pack):
    task.annotate(docs, task.decode(scores_of(rows), pack(docs), OPS))


def test_trees_are_applied(make_doc, pack):
    docs = [make_doc("he walked"), make_doc(""), make_doc("went talked walked")]
    write(lemmatizer(), docs, [[0], [1], [2], [1], [1]], pack)
    assert [lemmas(doc) for doc in docs] == [["he", "walk"], [], ["go", "talk", "walk"]]


@pytest.mark.parametrize("backoff, expected", [("orth", "Sings"), ("lower", "sings"), (None, "")])
def test_where_no_tree_applies(backoff, expected, make_doc, pack):
    doc = make_doc("Sings walked")
    write(lemmatizer(backoff=backoff), [doc], [[1], [1]], pack)
    assert lemmas(doc) == [expected, "walk"]


def test_backoff_is_of_the_token(pack):
    doc = English()("can't")
    write(lemmatizer(backoff="norm"), [doc], [[1], [1]], pack)
    assert lemmas(doc) == ["can", "not"]


@pytest.mark.parametrize("top_k, expected", [(1, "sings"), (2, "sings"), (3, "sing"), (99, "sing")])
def test_the_next_best_tree_that_applies(top_k, expected, make_doc, pack):
    doc = make_doc("sings walked")
    write(lemmatizer(top_k=top_k), [doc], [[1, 2, 3, 0], [1, 0, 2, 3]], pack)
    assert lemmas(doc) == [expected, "walk"]


def test_each_tree_is_applied_once_to_a_form(make_doc, pack, monkeypatch):
    task = lemmatizer(top_k=2)
    applied = []
    apply = task._trees.apply
    monkeypatch.setattr(task._trees, "apply", lambda *pair: applied.append(pair) or apply(*pair))
    docs = [make_doc("he sings he"), make_doc("walked he sings")]
    decoded = task.decode(scores_of([[0], [1, 3], [1, 0], [1], [0], [1, 3]]), pack(docs), OPS)
    task.annotate(docs, decoded)
    assert len(applied) == len(set(applied)) == 5
    assert [lemmas(doc) for doc in docs] == [["he", "sing", "he"], ["walk", "he", "sing"]]


def test_lemma_of_whitespace_is_its_text(vocab, pack):
    doc = Doc(vocab, words=["walked", "\n\n", "home"])
    task = lemmatizer(backoff=None)
    decoded = task.decode(scores_of([[1], [1], [1]]), pack([doc]), OPS)
    task.annotate([doc], decoded)
    assert lemmas(doc) == ["walk", "\n\n", ""]
    confidences = decoded.confidences.tolist()
    assert confidences[0] > 0.9 and np.isnan(confidences[1]) and confidences[2] == 0


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite(overwrite, make_doc, pack):
    doc = make_doc("he walked went", lemmas=["", "x", "y"])
    write(lemmatizer(overwrite=overwrite, backoff=None), [doc], [[0], [1], [1]], pack)
    assert lemmas(doc) == ["he", "walk" if overwrite else "x", "y"]


def test_annotation_in_a_new_vocabulary(pack):
    docs = [Doc(English().vocab, words=["quaxed"]) for _ in range(2)]
    write(lemmatizer(), docs, [[1], [1]], pack)
    assert [lemmas(doc) for doc in docs] == [["quax"], ["quax"]]


def test_what_will_stand(make_doc, pack):
    docs = [make_doc("walked", lemmas=["x"]), make_doc("walked")]
    task = lemmatizer()
    standing = task.standing(docs, task.decode(scores_of([[1], [1]]), pack(docs), OPS))
    strings = docs[0].vocab.strings
    assert [array.tolist() for array in standing] == [[strings["x"]], [strings["walk"]]]


def test_other_annotation_survives(make_doc, pack):
    doc = make_doc(
        "he went home",
        tags=["A", "B", "C"],
        pos=["PRON", "VERB", "ADV"],
        morphs=["Number=Plur", "_", ""],
        heads=[1, 1, 1],
        deps=["dep", "ROOT", "dep"],
        ents=["B-PER", "I-PER", "O"],
    )
    doc.cats, doc.user_data["key"] = {"A": 1.0}, "value"
    before = doc.to_json()
    write(lemmatizer(overwrite=True), [doc], [[0], [2], [0]], pack)
    after = doc.to_json()
    assert [token.pop("lemma") for token in after["tokens"]] == ["he", "go", "home"]
    for token in before["tokens"]:
        token.pop("lemma", None)
    assert after == before and doc.user_data == {"key": "value"}


@pytest.mark.parametrize("top_k", [1, 3, 25])
@pytest.mark.parametrize("backoff", ["orth", None])
def test_lemmas_are_those_of_the_stock_component(top_k, backoff, pack):
    """Given the same trees and the same scores, of any tokens."""
    nlp = spacy.blank("en")
    config = {"top_k": top_k, "backoff": backoff, "min_tree_freq": 1}
    stock = nlp.add_pipe("trainable_lemmatizer", config=config)
    words = ["walked", "talked", "went", "Houses", "houses", "is", "feet", "home", "The", "I"]
    gold = ["walk", "talk", "go", "house", "house", "be", "foot", "home", "the", "I"]
    example = Example(nlp.make_doc(" "), Doc(nlp.vocab, words=words, lemmas=gold))
    nlp.initialize(lambda: [example])
    pairs = dict(
        zip(map(stock._pair2label, words, gold), zip(words, gold, strict=True), strict=True)
    )
    task = lemmatizer((), top_k=top_k, backoff=backoff)
    task.set_labels([task._trees.label(*pairs[column]) for column in range(len(stock.labels))])
    rng = np.random.default_rng(0)
    vocabulary = [*words, "walls", "Fished", "reed", "unseen", "went"]
    docs = [Doc(nlp.vocab, words=rng.choice(vocabulary, size=n).tolist()) for n in (40, 0, 1, 59)]
    scores = rng.normal(size=(100, len(task.columns))).astype("f")
    stock.model = _Scores(np.split(scores.copy(), np.cumsum([len(doc) for doc in docs])[:-1]))
    own = [doc.copy() for doc in docs]
    stock.set_annotations(docs, stock.predict(docs))
    task.annotate(own, task.decode(scores, pack(own), OPS))
    assert [lemmas(doc) for doc in own] == [lemmas(doc) for doc in docs]
    assert len({lemma for doc in own for lemma in lemmas(doc)}) > len(vocabulary)


class _Scores:
    """A model that gives these scores."""

    ops = OPS

    def __init__(self, scores):
        self.scores = scores

    def predict(self, docs):
        return self.scores


# How sure it is


def test_confidence_is_the_probability_of_the_tree(make_doc, pack):
    doc = make_doc("sings walked")
    task = lemmatizer(top_k=2)
    scores = scores_of([[1, 3], [1, 0]])
    decoded = task.decode(scores, pack([doc]), OPS)
    P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert decoded.labels.tolist() == [3, 1]
    np.testing.assert_allclose(decoded.confidences, [P[0, 3], P[1, 1]], rtol=1e-5)
    task.note_confidences([doc], decoded)
    task.annotate([doc], decoded)
    assert [t._.lemma_confidence for t in doc] == pytest.approx(decoded.confidences.tolist())
    gold = make_doc("sings walked", lemmas=["sing", "walked"])
    found = [*task.noted_outcomes(Example(doc, gold))]
    assert [right for _, right in found] == [True, False]
    doc[0].lemma_ = "other"
    assert doc[0]._.lemma_confidence is None


def test_outcomes(make_doc, pack):
    examples = examples_of(make_doc, ("he walked it went", "he walk _ go"))
    task = lemmatizer()
    targets = task.targets(examples, OPS)
    packed = pack([example.predicted for example in examples])
    decoded = task.decode(scores_of([[0], [3], [0], [1]]), packed, OPS)
    confidences, right = task.outcomes(decoded, targets)
    assert right.tolist() == [True, False, False]
    assert confidences[0] > 0.9 and confidences[1:].tolist() == [0, 0]  # neither applied


# Scores


def test_scores_are_those_of_spacy(vocab):
    words = ["he", "walked", "\n", "home", "went"]
    gold = [["he", "walk", "\n", "", "go"], ["he", "walk", "", "", ""], [""] * 5]
    guess = [["he", "walked", "\n", "x", "go"], ["x", "walk", "\n", "home", ""], ["x"] * 5]
    examples = [
        Example(Doc(vocab, words=words, lemmas=y), Doc(vocab, words=words, lemmas=x))
        for x, y in zip(gold, guess, strict=True)
    ]
    task = lemmatizer()
    assert task.score(examples) == Scorer.score_token_attr(examples, "lemma")
    assert task.score(examples[1:]) == {"lemma_acc": 0.5}
    found = task.statistics(examples)
    assert found.array.tolist() == [[2, 3], [1, 2], [0, 0]]  # without whitespace
    assert task.statistics(examples[1:]).score() == 0.5
    assert len(task.statistics([])) == 0
    assert task.own_key(task.main_score) == "acc"


def test_other_tokens_are_scored_as_spacy_does_or_refused(vocab):
    gold = Doc(vocab, words=["New", "York"], lemmas=["New", "York"])
    example = Example(Doc(vocab, words=["New York"], lemmas=["x"]), gold)
    assert lemmatizer().score([example]) == Scorer.score_token_attr([example], "lemma")
    with pytest.raises(MTLError, match="on the tokens of the reference"):
        lemmatizer().statistics([example])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"min_tree_freq": 0}, "`min_tree_freq` of 1 or more, got 0"),
        ({"top_k": -1}, "`top_k` of 1 or more, got -1"),
        ({"backoff": "tag"}, "`backoff` out of .*'orth'.* or null, got 'tag'"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(MTLError, match=message):
        Lemmatizer(**settings)
    with pytest.raises(MTLError, match="Expected as a label an edit tree"):
        lemmatizer(["walk"])


# In the component


SENTENCES = [
    ("she walked home", "she walk home"),
    ("he jumps and talks", "he jump and talk"),
    ("they talked and laughed", "they talk and laugh"),
    ("cats chase birds", "cat chase bird"),
    ("she laughs and walks", "she laugh and walk"),
    ("dogs chase cats", "dog chase cat"),
    ("they jumped home", "they jump home"),
    ("he went home", "he go home"),
    ("she went and looked", "she go and look"),
    ("birds looked home", "bird look home"),
]


@pytest.fixture(scope="module")
def trained():
    nlp = spacy.blank("en")
    tasks = {"lemmatizer": {"@mtl_tasks": "spacy_mtl.Lemmatizer.v1", "min_tree_freq": 2}}
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
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks, "confidences": True})
    fix_random_seed(0)
    examples = corpus(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    return nlp


def settings_of(nlp):
    return {k: v for k, v in nlp.get_pipe_config("multitask").items() if k != "factory"}


def corpus(nlp):
    """Of every third document only the first lemma is known."""
    examples = []
    for number, (words, gold) in enumerate(SENTENCES):
        known = [x if number % 3 or i == 0 else "" for i, x in enumerate(gold.split())]
        reference = Doc(nlp.vocab, words=words.split(), lemmas=known)
        examples.append(Example(nlp.make_doc(words), reference))
    return examples


def test_it_learns(trained):
    assert trained.evaluate(corpus(trained))["lemma_acc"] > 0.98
    assert trained.evaluate(corpus(trained))["lemmatizer_acc"] > 0.98
    assert lemmas(trained("they guffawed\nand went")) == ["they", "guffaw", "\n", "and", "go"]
    doc = trained("birds")
    assert 0.5 < doc[0]._.lemma_confidence <= 1


def test_a_trained_one_is_saved(trained, tmp_path):
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    again = spacy.blank("en")
    again.add_pipe("multitask", config=settings_of(trained))
    again.from_bytes(trained.to_bytes())
    text = "they guffawed and went home"
    for nlp in (loaded, again):
        assert lemmas(nlp(text)) == lemmas(trained(text))
        assert nlp.get_pipe("multitask").labels == trained.get_pipe("multitask").labels


def test_it_runs_in_processes(trained):
    texts = [words for words, _ in SENTENCES]
    docs = trained.pipe(texts, n_process=2, batch_size=5)
    assert [lemmas(doc) for doc in docs] == [lemmas(trained(text)) for text in texts]


def test_labels_are_added(trained):
    nlp = spacy.blank("en")
    nlp.add_pipe("multitask", config=settings_of(trained))
    nlp.from_bytes(trained.to_bytes())
    component = nlp.get_pipe("multitask")
    assert component.add_label(f"lemmatizer:{SAME}") == 0
    assert component.add_label('lemmatizer:["am","be"]') == 1
    assert component.labels_for("lemmatizer")[-1] == '["am","be"]'
    assert lemmas(nlp("they jumped")) == ["they", "jump"]
    with pytest.raises(MTLError, match="an edit tree such as"):
        component.add_label("lemmatizer:be")
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    doc = Doc(nlp.vocab, words=["I", "am"], lemmas=["", "be"])
    for _ in range(20):
        nlp.update([Example(nlp.make_doc("I am"), doc)], sgd=optimizer)
    assert nlp("I am")[1].lemma_ == "be"
