"""Classes of two levels in a pipeline, from documents that name a leaf, its path, or a parent."""

import random

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_mtl.evaluation.temperature import labelled_scores

from .helpers import bare, make_nlp, multitask, step

WORDS = {
    "topic=sport/golf": ["hole", "green", "caddie"],
    "topic=sport/chess": ["pawn", "rook", "mate"],
    "topic=food/bread": ["dough", "oven", "crust"],
    "topic=food/fruit": ["plum", "pear", "melon"],
}
# Words of documents that name the first level alone.
ABOVE = {"topic=sport": ["medal", "referee"], "topic=food": ["hungry", "menu"]}
FILLING = ["the", "a", "of", "we", "saw"]
BLOCK = {
    "@mtl_tasks": "spacy_mtl.TextCat.v2",
    "hierarchy": "/",
    "ngram_size": 1,
    "ngram_share": None,
    "ngram_rows": 512,
    "label_smoothing": 0.1,
}


def text(rng, words):
    chosen = [rng.choice(words), rng.choice(words), *rng.choices(FILLING, k=4)]
    rng.shuffle(chosen)
    return chosen


def corpus(nlp, seed, exclusive):
    """Documents that name the leaf, the leaf and its parent, and the parent alone."""
    rng, examples = random.Random(seed), []
    for _ in range(6):
        for leaf, words in WORDS.items():
            parent = leaf.partition("/")[0]
            for cats in ([leaf], [leaf, parent]):
                examples.append((text(rng, words), cats))
        for parent, words in ABOVE.items():
            examples.append((text(rng, words), [parent]))
    docs = []
    for words, cats in examples:
        doc = Doc(nlp.vocab, words=words)
        doc.cats = dict.fromkeys(cats, 1.0)
        if not exclusive:
            others = ABOVE if cats[0] in ABOVE else WORDS
            doc.cats.update({label: 0.0 for label in others if label not in cats})
        docs.append(doc)
    return [Example(bare(doc), doc) for doc in docs]


@pytest.fixture(scope="module", params=[True, False], ids=["exclusive", "any"])
def trained(request):
    fix_random_seed(0)
    nlp = make_nlp({"topic": {**BLOCK, "exclusive": request.param}})
    examples = corpus(nlp, 0, request.param)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(20):
        step(nlp, optimizer, examples)
    return nlp


def test_both_levels_are_learned(trained):
    task = multitask(trained).tasks["topic"]
    assert task.labels == tuple(sorted([*WORDS, *ABOVE]))
    scores = trained.evaluate(corpus(trained, 1, task.exclusive))
    assert scores["topic_acc_level_1"] == scores["topic_acc_level_2"] == scores["topic_acc"] == 1.0
    assert scores["topic_macro_f_level_1"] == scores["cats_macro_f_level_2"] == 1.0


def test_words_of_the_first_level_alone_decide_nothing_below_it(trained):
    doc = trained("the referee saw a medal")
    golf, chess = doc.cats["topic=sport/golf"], doc.cats["topic=sport/chess"]
    assert doc.cats["topic=sport"] > 0.9
    assert max(golf, chess) < 0.9 * doc.cats["topic=sport"]
    if multitask(trained).tasks["topic"].exclusive:
        assert golf + chess == pytest.approx(doc.cats["topic=sport"], rel=1e-5)
        assert sum(doc.cats[leaf] for leaf in WORDS) == pytest.approx(1.0, rel=1e-5)


def test_saved_and_loaded(trained, tmp_path):
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert multitask(loaded).labels == multitask(trained).labels
    assert multitask(loaded).tasks["topic"].hierarchy == "/"
    for example in corpus(trained, 2, True)[:8]:
        words = example.reference.text
        assert loaded(words).cats == trained(words).cats


def test_a_new_label_brings_those_above_it(trained):
    nlp = spacy.blank("en").from_config(trained.config).from_bytes(trained.to_bytes())
    component = multitask(nlp)
    assert component.add_label("topic:topic=art/music/jazz") == 1
    assert component.labels_for("topic")[-3:] == (
        "topic=art/music/jazz",
        "topic=art",
        "topic=art/music",
    )
    assert component.add_label("topic:topic=art") == 0
    before, after = trained("we saw a pawn").cats, nlp("we saw a pawn").cats
    assert len(after) == len(before) + 3
    assert after["topic=sport/chess"] > after["topic=sport/golf"]


def test_calibrated(trained):
    nlp = spacy.blank("en").from_config(trained.config).from_bytes(trained.to_bytes())
    examples = corpus(nlp, 3, multitask(nlp).tasks["topic"].exclusive)
    for wrong in range(0, len(examples), 10):
        examples[wrong].reference.cats = examples[wrong + 2].reference.cats
    (scored,) = labelled_scores(nlp, examples)
    multitask(nlp).tasks["topic"].temperature = 4.0
    before = scored.measure()
    scored.fit()
    after = scored.measure()
    assert after.nll < before.nll and after.n_units == before.n_units == scored.n_units
    assert after.reliability.n == before.reliability.n > 0


def test_labels_from_the_config(trained):
    nlp = make_nlp({"topic": BLOCK})
    examples = corpus(nlp, 0, True)
    nlp.config["initialize"]["components"] = {"multitask": {"labels": {"topic": list(WORDS)}}}
    nlp.initialize(lambda: examples)
    assert multitask(nlp).label_data["topic"] == [*WORDS, *ABOVE]
