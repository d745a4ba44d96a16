"""A pipeline that parses beside other tasks."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.tasks.arcs import HEAD_FINDERS

from .helpers import make_nlp, multitask

TASKS: dict[str, dict[str, Any]] = {
    "tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1"},
    "parser": {"@mtl_tasks": "spacy_mtl.Parser.v1"},
    "topic": {"@mtl_tasks": "spacy_mtl.TextCat.v1", "ngram_rows": 64},
}
SENTS: dict[str, dict[str, Any]] = {"sents": {"@mtl_tasks": "spacy_mtl.SentenceStarts.v1"}}


def examples_of(nlp: Language, docs: list[Doc]) -> list[Example]:
    return [Example(nlp.make_doc(doc.text), doc) for doc in docs]


@pytest.fixture
def trained(read_treebank: Any) -> Any:
    def trained(tasks: dict[str, dict[str, Any]], steps: int = 60) -> tuple[Language, Any]:
        nlp = make_nlp(tasks)
        bank = read_treebank(nlp.vocab)
        examples = examples_of(nlp, bank.train)
        spacy.util.fix_random_seed(0)
        optimizer = nlp.initialize(lambda: examples)
        optimizer.learn_rate = 0.01
        for _ in range(steps):
            nlp.update(examples_of(nlp, bank.train), sgd=optimizer)
        return nlp, bank

    return trained


@pytest.mark.parametrize("decoder", sorted(HEAD_FINDERS))
def test_life(decoder: str, trained: Any, tmp_path: Path) -> None:
    nlp, bank = trained({**TASKS, "parser": {**TASKS["parser"], "decoder": decoder}})
    scores = nlp.evaluate(examples_of(nlp, bank.train))
    assert scores["dep_las"] > 0.9
    assert scores["parser_las"] == scores["dep_las"]
    assert scores["parser_sents_f"] == scores["sents_f"] > 0.9
    unseen = nlp.evaluate(examples_of(nlp, bank.dev))
    assert unseen["dep_uas"] > 0.4
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    texts = [doc.text for doc in bank.dev]
    before, after = ([doc.to_json() for doc in each.pipe(texts)] for each in (nlp, loaded))
    assert before == after


def test_sentence_starts(trained: Any) -> None:
    nlp, bank = trained(SENTS, steps=30)
    assert nlp.evaluate(examples_of(nlp, bank.train))["sents_f"] > 0.95


def test_at_most_one_writes_sentences() -> None:
    with pytest.raises(ValueError, match="is_sent_start"):
        make_nlp({**TASKS, **SENTS})


def test_a_relation_is_added(trained: Any) -> None:
    nlp, bank = trained(TASKS, steps=10)
    parser: Any = multitask(nlp).tasks["parser"]
    text = bank.dev[0].text
    before = [(token.head.i, token.dep_) for token in nlp(text)]
    multitask(nlp).add_label("parser:vocative")
    assert "vocative" in parser.labels
    after = [(token.head.i, token.dep_) for token in nlp(text)]
    assert [head for head, _ in before] == [head for head, _ in after]
    assert {dep for _, dep in after} - {"vocative"} <= {dep for _, dep in before}


def test_partly_labelled_batches(trained: Any, read_treebank: Any) -> None:
    """Documents with sentences alone, trees alone, tags alone, and nothing, in one batch."""
    nlp, bank = trained(TASKS, steps=1)
    docs = bank.train[:4]
    kept = [["SENT_START"], ["HEAD", "DEP"], ["TAG"], []]
    examples = []
    for doc, attrs in zip(docs, kept, strict=True):
        words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
        reference = Doc(nlp.vocab, words=words, spaces=spaces)
        if attrs:
            reference.from_array(attrs, doc.to_array(attrs))
        examples.append(Example(nlp.make_doc(doc.text), reference))
    losses = nlp.update(examples)
    assert losses["multitask_parser"] > 0
    assert losses["multitask_tagger"] > 0
    assert losses["multitask_topic"] == 0
    assert nlp.evaluate(examples[:1])["dep_las"] is None
    scores = nlp.evaluate(examples)
    assert scores["dep_las"] is not None
    assert scores["sents_f"] is not None
    assert scores["cats_score"] is None
