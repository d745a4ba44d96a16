"""Dependency parses: what is learned, decoded, written and scored."""

import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.confidences import arc_confidences, dep_confidence
from spacy_mtl.errors import MTLError
from spacy_mtl.marks import LABELS
from spacy_mtl.models.parsing.arborescence import is_tree
from spacy_mtl.tasks.arcs import HEAD_FINDERS
from spacy_mtl.tasks.parser import Parser
from spacy_mtl.tasks.whitespace import attached_spaces

OPS = NumpyOps()
DECODERS = sorted(HEAD_FINDERS)
LABEL_SET = ("ROOT", "det", "nsubj", "obj", "punct")
CAT = {"heads": [1, 2, 2, 2], "deps": ["det", "nsubj", "ROOT", "obj"]}


@pytest.fixture(params=DECODERS)
def decoder(request):
    return request.param


pytestmark = pytest.mark.filterwarnings("ignore:Documents have labels of the task 'parser'")


def parser(decoder="biaffine", labels=LABEL_SET, **settings):
    task = Parser(decoder, **settings)
    task.set_labels(labels)
    return task


def random_scores(task, n_tokens, seed=0, scale=1.0, members=()):
    rng = np.random.default_rng(seed)
    return (scale * rng.normal(size=(*members, n_tokens, len(task.columns)))).astype("f")


def blank(doc):
    words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
    return Doc(doc.vocab, words=words, spaces=spaces)


def examples_of(docs):
    return [Example(blank(doc), doc) for doc in docs]


def fitted(task, examples, pack, steps=150):
    """Scores that the loss has pulled to the gold, from random ones."""
    targets, packed = task.targets(examples, OPS), pack([eg.predicted for eg in examples])
    scores = random_scores(task, int(packed.lengths.sum()))
    for _ in range(steps):
        loss, d_scores = task.loss(scores, targets, packed)
        scores -= 0.3 * d_scores
    return scores, packed, loss


def partly(doc, rng, share=0.2):
    """The document with the heads of some words removed."""
    copy = doc.copy()
    table = copy.to_array(["HEAD", "DEP"])
    table[rng.random(len(doc)) < share] = 0
    copy.from_array(["HEAD", "DEP"], table)
    return copy


def test_settings():
    with pytest.raises(MTLError, match="Expected `decoder` in"):
        Parser("shift-reduce")
    with pytest.raises(MTLError, match="Expected `rank` to be an even number of 2 or more, got 3"):
        Parser(rank=3)


def test_what_shapes_the_parameters():
    for rank in (4, 32):
        task = parser(hidden_width=8, rank=rank)
        assert len(task.columns) == 1 + 5 * rank + 2 + 6 * 4
        assert task.make_head().get_ref("output").maybe_get_dim("nI") in (None, 8)


def test_labels_and_columns(decoder, treebank):
    task = parser(decoder, ())
    labels = task.find_labels(examples_of(treebank.train), [])
    assert "ROOT" in labels
    assert "root" not in labels
    assert labels == sorted({token.dep_ for doc in treebank.train for token in doc})
    task.set_labels(labels)
    assert len(set(task.columns)) == len(task.columns)
    assert not any(column.endswith("-ROOT") for column in task.columns)


def test_relations_of_whitespace_are_no_labels(vocab):
    doc = Doc(vocab, words=["a", "\n", "b"], heads=[2, 0, 2], deps=["det", "dep", "ROOT"])
    assert parser().labels_in(doc) == {"det", "ROOT"}


def test_roots_have_one_relation_whatever_the_data_call_it(make_doc):
    doc = make_doc("a b", heads=[1, 1], deps=["x", "root"])
    assert parser().labels_in(doc) == {"ROOT", "x"}


@pytest.mark.parametrize("members", [(), (2,)])
def test_gradient(members, decoder, treebank, pack):
    task = parser(decoder, ("ROOT", "det", "nsubj"))
    examples = examples_of([treebank.dev[0][:9].as_doc(), treebank.dev[1][:7].as_doc()])
    targets, packed = task.targets(examples, OPS), pack([eg.predicted for eg in examples])
    scores = random_scores(task, 16, members=members).astype("float64")
    _, d_scores = task.loss(scores, targets, packed)
    rng = np.random.default_rng(0)
    for _ in range(3):
        direction = rng.normal(size=scores.shape)
        step = 1e-5 * direction
        rise = (
            task.loss(scores + step, targets, packed)[0]
            - task.loss(scores - step, targets, packed)[0]
        )
        assert rise / 2e-5 == pytest.approx(float((d_scores * direction).sum()), rel=1e-2)


def test_what_is_not_labelled_gets_no_gradient(decoder, make_doc, pack):
    task = parser(decoder)
    words = "the cat eats fish"
    examples = [
        Example(make_doc("a b"), make_doc("a b")),
        Example(make_doc(words), make_doc(words, **CAT)),
        Example(make_doc("c d"), make_doc("c d", sent_starts=[True, True])),
    ]
    targets, packed = task.targets(examples, OPS), pack([eg.predicted for eg in examples])
    assert targets.n_units == 5
    loss, d_scores = task.loss(random_scores(task, 8), targets, packed)
    assert loss > 0
    assert not d_scores[:2].any()
    assert not d_scores[6].any()
    assert d_scores[7, 0]
    assert not d_scores[7, 1:].any()
    assert d_scores[2:6].any(axis=1).all()


def test_nothing_is_labelled(decoder, make_doc, pack):
    task = parser(decoder)
    examples = [Example(make_doc("a b"), make_doc("a b")), Example(make_doc(""), make_doc(""))]
    targets = task.targets(examples, OPS)
    assert targets.n_units == 0
    loss, d_scores = task.loss(random_scores(task, 2), targets, pack([make_doc("a b")]))
    assert loss == 0
    assert not d_scores.any()


def test_round_trip(decoder, treebank, pack):
    examples = examples_of(treebank.dev)
    task = parser(decoder, parser().find_labels(examples, []))
    scores, packed, _ = fitted(task, examples, pack)
    task.annotate(packed.docs, task.decode(scores, packed, OPS))
    found = task.score(examples)
    assert found["sents_f"] == 1.0
    assert found["dep_uas"] > (0.99 if decoder == "biaffine" else 0.97)  # lifted arcs
    assert found["dep_las"] > (0.99 if decoder == "biaffine" else 0.97)
    for eg in examples:
        assert [s.start for s in eg.predicted.sents] == [s.start for s in eg.reference.sents]
        assert eg.predicted[0].sent.root.dep_ == "ROOT"
        assert sum(token.n_lefts + token.n_rights for token in eg.predicted) > 0


def test_trees_in_part_teach_what_they_say(decoder, treebank, pack):
    """With a fifth of the heads removed, the known ones are learned, and the others free."""
    rng = np.random.default_rng(0)
    docs = [partly(doc, rng) for doc in treebank.train]
    n_known = sum(int((doc.to_array("DEP") != 0).sum()) for doc in docs)
    n_words = sum(map(len, docs))
    assert 0.7 * n_words < n_known < 0.9 * n_words
    examples = examples_of(docs)
    task = parser(decoder, parser().find_labels(examples, []))
    targets = task.targets(examples, OPS)
    assert targets.n_units == n_known
    scores, packed, loss = fitted(task, examples, pack)
    begin = task.loss(random_scores(task, n_words), targets, packed)[0]
    assert loss < 0.05 * begin
    if decoder == "four_bits":  # what is open of the tags is that of random scores
        return
    # Decoded within the sentences of the whole trees, the known arcs come out.
    for eg, whole in zip(examples, treebank.train, strict=True):
        for token in whole:
            eg.predicted[token.i].is_sent_start = token.is_sent_start
    heads = task.decode(scores, pack(packed.docs), OPS).heads
    known = targets.trees.heads >= 0
    assert (heads == targets.trees.heads)[known].mean() > 0.95


def test_most_tags_are_open_where_heads_are_missing(treebank):
    rng = np.random.default_rng(0)
    task = parser("four_bits")
    targets = task.targets(examples_of([partly(doc, rng) for doc in treebank.train]), OPS)
    assert not targets.trees.whole.all()
    assert targets.trees.starts.tolist() == [0] * len(targets.trees.starts)


@pytest.mark.parametrize("seed", range(3))
def test_one_root_in_each_sentence(decoder, seed, treebank, pack):
    task = parser(decoder)
    docs = [blank(doc) for doc in treebank.train]
    packed = pack(docs)
    parse = task.decode(random_scores(task, int(packed.lengths.sum()), seed, 3.0), packed, OPS)
    task.annotate(docs, parse)
    for doc in docs:
        for sent in doc.sents:
            heads = np.asarray([token.head.i - sent.start for token in sent])
            assert is_tree(heads[None])[0]
            assert [t.dep_ for t in sent if t.head.i == t.i] == ["ROOT"]


def test_presets_of_sentences_stay(decoder, make_doc, pack):
    task = parser(decoder)
    doc = make_doc("a b c d e", sent_starts=[True, True, False, None, None])
    scores = random_scores(task, 5)
    scores[:, 0] = [-1, -1, 1, 1, -1]
    task.annotate([doc], task.decode(scores, pack([doc]), OPS))
    assert [token.is_sent_start for token in doc] == [True, True, False, True, False]


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite(overwrite, make_doc, pack):
    task = parser(overwrite=overwrite)
    words = "the cat eats fish"
    docs = [make_doc(words, **CAT), make_doc(words)]
    scores = random_scores(task, 8)
    scores[:, 0] = 1  # each word a sentence of its own
    task.annotate(docs, task.decode(scores, pack(docs), OPS))
    heads = [[token.head.i for token in doc] for doc in docs]
    assert heads == [[0, 1, 2, 3] if overwrite else CAT["heads"], [0, 1, 2, 3]]


def test_whitespace_heads_nothing(decoder, vocab, pack):
    task = parser(decoder)
    words = ["\n", "\n\n", "a", " ", "b", "\n", "\n\n", "c"]
    docs = [Doc(vocab, words=words), Doc(vocab, words=[" ", " "]), Doc(vocab)]
    scores = random_scores(task, 10)
    scores[:, 0] = [1, 1, -1, 1, -1, 1, 1, 1, 1, 1]
    task.annotate(docs, task.decode(scores, pack(docs), OPS))
    for token in docs[0]:
        assert not token.head.is_space or token.head is token
        if token.is_space:
            assert token.dep_ == "dep"
    assert [sent.start for sent in docs[0].sents] == [0, 7]
    assert [token.head.i for token in docs[1]] == [0, 0]
    assert len(list(docs[1].sents)) == 1


def test_spaces_are_attached_to_words():
    is_space = np.asarray([True, False, True, True, True, True])
    lengths, starts = np.asarray([4, 2]), np.asarray([True, False, False, False, True, False])
    found = attached_spaces(np.arange(6), is_space, starts, lengths)
    assert found.tolist() == [1, 1, 1, 1, 4, 4]
    starts[1] = True
    assert attached_spaces(np.arange(6), is_space, starts, lengths).tolist() == [0, 1, 1, 1, 4, 4]


def test_a_start_that_is_set_behind_whitespace_stays(decoder, vocab, pack):
    doc = Doc(vocab, words=["\n\n", " ", "Ana", "sleeps", "."])
    doc[2].is_sent_start = True
    task, packed = parser(decoder), pack([doc])
    task.annotate([doc], task.decode(random_scores(task, 5), packed, OPS))
    assert [token.is_sent_start for token in doc][:3] == [True, False, True]
    assert [token.head.i for token in doc[:2]] == [0, 0]
    assert sum(token.dep_ == "ROOT" for token in doc[2:]) == len(list(doc.sents)) - 1


def test_known_relations_of_a_corpus(decoder, make_doc, pack):
    """A corpus that knows some relations alone says nothing of the others."""
    task = parser(decoder)
    reference = make_doc("the cat eats fish", **CAT)
    reference.user_data[LABELS] = {task.name: ["det", "nsubj", "ROOT"]}
    targets = task.targets([Example(make_doc("the cat eats fish"), reference)], OPS)
    assert targets.relations.tolist() == [0, 1, -1, -1]
    assert targets.known.tolist() == [[True, True, False, False]] * 4
    _, d_scores = task.loss(random_scores(task, 4), targets, pack([reference]))
    unknown = [i for i, name in enumerate(task.columns) if name.endswith(("-obj", "-punct"))]
    assert not d_scores[:, unknown].any()


def test_unknown_relations_are_masked_and_said(make_doc):
    task = parser(labels=("ROOT", "det"))
    example = Example(make_doc("the cat eats fish"), make_doc("the cat eats fish", **CAT))
    with pytest.warns(UserWarning, match="nsubj, obj"):
        targets = task.targets([example], OPS)
    assert targets.relations.tolist() == [0, -1, -1, -1]
    assert (targets.trees.heads >= 0).all()


def test_no_relation_but_the_root(decoder, make_doc, pack):
    task = parser(decoder, ("ROOT",))
    docs = [make_doc("a b c")]
    scores = random_scores(task, 3)
    scores[1:, 0] = 1
    task.annotate(docs, task.decode(scores, pack(docs), OPS))
    assert [token.dep_ for token in docs[0]] == ["ROOT"] * 3


def test_confidences(decoder, treebank, pack):
    examples = examples_of(treebank.dev)
    task = parser(decoder, parser().find_labels(examples, []))
    scores, packed, _ = fitted(task, examples, pack, steps=5)
    parse = task.decode(scores, packed, OPS)
    assert ((parse.confidences > 0) & (parse.confidences <= 1)).all()
    confidences, right = task.outcomes(parse, task.targets(examples, OPS))
    assert len(confidences) == len(right) == packed.lengths.sum()
    assert confidences[right].mean() > confidences[~right].mean()
    task.temperature = 100.0
    flat = task.decode(scores, packed, OPS)
    assert (flat.heads == parse.heads).all()
    assert flat.confidences.mean() < parse.confidences.mean()


def test_the_likelihood_is_that_of_what_confidences_say(treebank, pack):
    """On documents that are parsed without a fault."""
    examples = examples_of(treebank.dev)
    task = parser(labels=parser().find_labels(examples, []))
    scores, packed, _ = fitted(task, examples, pack, steps=300)
    parse, targets = task.decode(scores, packed, OPS), task.targets(examples, OPS)
    right = task.outcomes(parse, targets)[1]
    assert right.all()
    nll = task.negative_log_likelihood(scores.astype("float64"), targets, packed)
    assert nll == pytest.approx(-np.log(parse.confidences).sum(), rel=1e-3)


def test_an_ensemble_is_as_likely_as_its_mean(decoder, treebank, pack):
    """Of equal members as each of them; of others, trees that are none of theirs, too."""
    examples = examples_of(treebank.dev)
    task = parser(decoder, parser().find_labels(examples, []))
    scores, packed, _ = fitted(task, examples, pack, steps=5)
    targets = task.targets(examples, OPS)
    one, same = task.decode(scores, packed, OPS), task.decode(np.stack([scores] * 3), packed, OPS)
    np.testing.assert_array_equal(one.heads, same.heads)
    np.testing.assert_array_equal(one.relations, same.relations)
    np.testing.assert_allclose(one.confidences, same.confidences, rtol=1e-3, atol=1e-5)
    nll = [
        task.negative_log_likelihood(each, targets, packed)
        for each in (scores, np.stack([scores, scores]))
    ]
    assert nll[1] == pytest.approx(nll[0], rel=1e-4)
    noise = [random_scores(task, len(scores), seed, scale=0.3) for seed in range(8)]
    noisy = np.stack([scores + each for each in noise])
    alone = [task.negative_log_likelihood(each, targets, packed) for each in noisy]
    assert task.negative_log_likelihood(noisy, targets, packed) < np.mean(alone)


def test_confidences_are_noted(decoder, treebank, pack):
    examples = examples_of(treebank.dev)
    task = parser(decoder, parser().find_labels(examples, []))
    scores, packed, _ = fitted(task, examples, pack, steps=5)
    parse = task.decode(scores, packed, OPS)
    task.note_confidences(packed.docs, parse)
    task.annotate(packed.docs, parse)
    noted = np.concatenate([arc_confidences(doc) for doc in packed.docs])
    np.testing.assert_array_equal(noted, parse.confidences)
    token = packed.docs[0][3]
    assert dep_confidence(token) == pytest.approx(float(parse.confidences[3]))
    outcomes = [each for eg in examples for each in task.noted_outcomes(eg)]
    assert len(outcomes) == packed.lengths.sum()
    token.dep_ = "other"
    assert dep_confidence(token) is None
    assert dep_confidence(blank(packed.docs[0])[0]) is None


@pytest.mark.parametrize("members", [(), (2,)])
def test_distillation_of_itself_is_nothing(members, decoder, treebank, pack):
    task = parser(decoder)
    packed = pack([blank(doc) for doc in treebank.dev])
    n = int(packed.lengths.sum())
    scores = random_scores(task, n, members=members).astype("float64")
    taught = random_scores(task, n, 1, members=members)
    mask = np.arange(n) % 3 > 0
    loss, d_scores = task.distill(taught, taught, mask, packed, OPS)
    assert loss == pytest.approx(0, abs=1e-3)
    np.testing.assert_allclose(d_scores, 0, atol=1e-5)
    loss, d_scores = task.distill(scores, taught, mask, packed, OPS)
    direction = np.random.default_rng(2).normal(size=scores.shape)
    up, down = (
        task.distill(scores + e * direction, taught, mask, packed, OPS)[0] for e in (1e-5, -1e-5)
    )
    assert (up - down) / 2e-5 == pytest.approx(float((d_scores * direction).sum()), rel=1e-2)


def test_statistics_are_those_of_the_score(decoder, treebank, pack):
    examples = examples_of(treebank.dev)
    task = parser(decoder, parser().find_labels(examples, []))
    scores, packed, _ = fitted(task, examples, pack, steps=3)
    task.annotate(packed.docs, task.decode(scores, packed, OPS))
    assert task.statistics(examples).score() == pytest.approx(task.score(examples)["dep_las"])
    confusion = task.confusion(examples)
    assert confusion.counts.sum() > 0


def test_long_documents_without_sentences_are_parsed(decoder, make_doc, pack, monkeypatch):
    monkeypatch.setattr("spacy_mtl.models.parsing.sentences.LONGEST", 100)
    task = parser(decoder)
    doc = make_doc(" ".join(["word"] * 250))
    scores = random_scores(task, 250)
    scores[:, 0] = -1
    task.annotate([doc], task.decode(scores, pack([doc]), OPS))
    assert [sent.start for sent in doc.sents] == [0, 100, 200]
