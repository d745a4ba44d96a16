from collections import Counter
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_mtl.corpora.coverage import (
    Coverage,
    Layer,
    LayerCoverage,
    combine,
    measure,
    measure_all,
    short_names,
    unseen_labels,
)
from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.tagger import Tagger


@pytest.fixture
def coverage_of(tmp_path):
    """The coverage of these documents, by way of a file."""

    def coverage_of(*docs: Doc, name: str = "a.spacy") -> Coverage:
        DocBin(docs=docs).to_disk(tmp_path / name)
        return measure(tmp_path / name)

    return coverage_of


def classified(doc: Doc, **cats: float) -> Doc:
    doc.cats = {key.replace("__", "="): value for key, value in cats.items()}
    return doc


def test_sizes(coverage_of, make_doc):
    coverage = coverage_of(
        make_doc("a b . c d", sent_starts=[True, False, False, True, False]),
        make_doc("e", sent_starts=[True]),
        make_doc("f g"),
    )
    assert (coverage.docs, coverage.tokens, coverage.sentences) == (3, 8, 3)


def test_what_is_not_annotated_is_missing(coverage_of, make_doc):
    assert coverage_of(make_doc("a b")).layers == {}


def test_token_layers(coverage_of, make_doc):
    coverage = coverage_of(
        make_doc("the cat sat", tags=["DT", "NN", ""], pos=["DET", "NOUN", "VERB"]),
        make_doc("cat", tags=["NN"], morphs=["Number=Sing"]),
    )
    assert coverage.layers[Layer("tag")] == LayerCoverage(3, Counter(DT=1, NN=2), docs=2, words=4)
    assert coverage.layers[Layer("pos")].labels == Counter(DET=1, NOUN=1, VERB=1)
    assert coverage.layers[Layer("morph")] == LayerCoverage(
        1, Counter({"Number=Sing": 1}), docs=1, words=1
    )
    assert coverage.share(Layer("tag")) == 3 / 4
    assert coverage.share(Layer("ents")) == 0.0


@pytest.mark.parametrize("attr", ["TAG", "POS", "MORPH"])
def test_labels_are_those_that_a_tagger_finds(coverage_of, make_doc, attr):
    doc = make_doc(
        "the cat !", tags=["DT", "NN", "!"], pos=["DET", "NOUN", "PUNCT"],
        morphs=["Definite=Def", "Number=Sing", ""],
    )  # fmt: skip
    found = coverage_of(doc).layers[Layer(attr.lower())].labels
    assert sorted(found) == Tagger(attr).find_labels([Example(doc, doc)], [])


def test_entities_are_counted_and_outside_is_labelled(coverage_of, make_doc):
    coverage = coverage_of(
        make_doc("Ana Bo saw Rio", ents=["B-PER", "I-PER", "O", "B-LOC"]),
        make_doc("no one", ents=["O", "O"]),
        make_doc("not looked at"),
    )
    assert coverage.layers[Layer("ents")] == LayerCoverage(
        6, Counter(PER=1, LOC=1), docs=2, words=6
    )


def test_span_groups_are_layers_of_their_own(coverage_of, make_doc):
    doc, empty = make_doc("a b c d"), make_doc("e")
    doc.spans["x"] = [Span(doc, 2, 4, "A"), Span(doc, 0, 3, "A"), Span(doc, 3, 4, "B")]
    doc.spans["y"] = [Span(doc, 0, 1, "C"), Span(doc, 1, 2, "C")]
    empty.spans["x"] = []
    coverage = coverage_of(doc, empty)
    assert list(coverage.layers) == [Layer("spans", "x"), Layer("spans", "y")]
    assert coverage.layers[Layer("spans", "x")] == LayerCoverage(
        2, Counter(A=2, B=1), overlapping=2, lengths=Counter({1: 1, 2: 1, 3: 1}), docs=2, words=5
    )
    assert coverage.layers[Layer("spans", "y")].overlapping == 0


def test_class_groups(coverage_of, make_doc):
    coverage = coverage_of(
        classified(make_doc("a"), mood__glad=1.0, mood__sad=0.0, spam=1.0, rude=1.0),
        classified(make_doc("b"), mood__glad=1.0, mood__sad=0.0),
        classified(make_doc("c"), spam=0.0),
    )
    mood, bare = coverage.layers[Layer("cats", "mood")], coverage.layers[Layer("cats")]
    assert (mood.units, mood.exclusive) == (2, True)
    assert mood.labels == {"mood=glad": 2, "mood=sad": 0}
    assert "mood=sad" in mood.labels
    assert (bare.units, bare.exclusive) == (2, False)
    assert bare.labels == {"spam": 1, "rude": 1}
    assert [str(layer) for layer in coverage.layers] == ["cats", "cats[mood]"]


def test_imbalance_is_that_of_labels_that_occur():
    assert LayerCoverage(9, Counter(a=8, b=2, c=0)).imbalance == 4.0
    assert LayerCoverage(8, Counter(a=8, b=0)).imbalance is None


def test_identical_texts(coverage_of, make_doc):
    a = coverage_of(make_doc("ca n't go"), make_doc("yes"), make_doc("yes"))
    b = coverage_of(make_doc("can't go"), make_doc("no"), name="b.spacy")
    assert a.duplicates == 1
    assert a.texts_in_common(b) == b.texts_in_common(a) == 1


def test_texts_without_anything_in_them_are_not_identical(coverage_of, vocab):
    a = coverage_of(Doc(vocab, words=[]), Doc(vocab, words=[]))
    assert (a.docs, a.duplicates, a.texts_in_common(a)) == (2, 0, 0)


def test_combine_and_unseen_labels(coverage_of, make_doc):
    tags = coverage_of(make_doc("a b", tags=["X", "Y"]))
    more = coverage_of(make_doc("c", tags=["X"], ents=["B-A"]), name="more.spacy")
    dev = coverage_of(make_doc("d e f", tags=["Z", "Z", "X"], pos=["X"] * 3), name="dev.spacy")
    known = combine([more, tags])
    assert known[Layer("tag")] == LayerCoverage(3, Counter(X=2, Y=1), docs=2, words=3)
    assert list(known) == [Layer("tag"), Layer("ents")]
    assert tags.layers[Layer("tag")].units == 2
    assert unseen_labels(known, dev) == {Layer("tag"): {"Z": 2}}


def test_a_folder_is_read_as_spacy_reads_it(tmp_path, make_doc):
    (tmp_path / "all" / "more").mkdir(parents=True)
    DocBin(docs=[make_doc("a")]).to_disk(tmp_path / "all" / "1.spacy")
    DocBin(docs=[make_doc("b")]).to_disk(tmp_path / "all" / "more" / "2.spacy")
    (tmp_path / "all" / "notes.txt").write_text("c")
    assert measure(tmp_path / "all").docs == 2


def test_the_same_file_twice(tmp_path, make_doc):
    DocBin(docs=[make_doc("a")]).to_disk(tmp_path / "a.spacy")
    with pytest.raises(MTLError, match="more than once"):
        measure_all([tmp_path / "a.spacy", tmp_path / ".." / tmp_path.name / "a.spacy"])


@pytest.mark.parametrize("name", ["absent.spacy", "a.conllu", "."])
def test_nothing_to_read(tmp_path, name):
    (tmp_path / "a.conllu").write_text("1\ta\n")
    with pytest.raises(MTLError, match="Expected a .spacy file or a folder"):
        measure(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"text", DocBin().to_bytes()[:-3]])
def test_something_else_in_the_file(tmp_path, content):
    (tmp_path / "a.spacy").write_bytes(content)
    with pytest.raises(MTLError, match="binary format"):
        measure(tmp_path / "a.spacy")


def test_no_docs(coverage_of):
    with pytest.raises(MTLError, match="at least one Doc"):
        coverage_of()


def test_short_names():
    paths = ["en/ud/train.spacy", "de/ud/train.spacy", "de/ner/train.spacy", "news.spacy"]
    assert short_names([Path(path) for path in paths]) == [
        "en/ud/train.spacy",
        "de/ud/train.spacy",
        "ner/train.spacy",
        "news.spacy",
    ]


def shaped(*cats):
    total = LayerCoverage()
    for each in cats:
        doc = Doc(Vocab(), words=["a"])
        doc.cats = each
        coverage = Coverage(Path("x"))
        coverage.add(doc)
        total.add(coverage.layers[Layer("cats")])
    return total


def test_documents_of_which_classes_were_rejected_may_have_another_one():
    a, b = {"A": 1.0, "B": 0.0, "C": 0.0}, {"A": 0.0, "B": 1.0, "C": 0.0}
    assert shaped(a, b, {"A": 0.0}).exclusive
    assert shaped(a, b, {"A": 0.0, "B": 0.0}).exclusive
    assert not shaped(a, b, dict.fromkeys("ABC", 0.0)).exclusive  # has none
    assert not shaped(a, b, {"A": 1.0, "C": 1.0}).exclusive
    assert not shaped(a, {"A": 0.0}, {"B": 0.0}).exclusive  # mostly questions one by one
    assert not shaped({"A": 1.0}, {"B": 0.0}, {"C": 1.0}).exclusive


@pytest.mark.parametrize("attrs", [["ENT_TYPE"], ["ENT_IOB"]])
def test_entities_that_are_saved_by_halves(tmp_path, make_doc, attrs):
    doc = make_doc("Ana Bo saw Rio", ents=["B-PER", "I-PER", "O", "B-LOC"])
    DocBin(docs=[doc], attrs=attrs).to_disk(tmp_path / "a.spacy")
    coverage = measure(tmp_path / "a.spacy")
    assert coverage.broken_entities == 3
    assert sum(found.labels.total() for found in coverage.layers.values()) == 0


def test_whole_entities_are_not_broken(coverage_of, make_doc):
    doc = make_doc("Ana Bo saw Rio", ents=["B-PER", "B-PER", "O", "B-LOC"])
    assert coverage_of(doc, make_doc("a b", ents=["O", ""])).broken_entities == 0


def test_entities_at_blanks_and_across_sentences(coverage_of, make_doc):
    doc = Doc(
        make_doc("x").vocab,
        words=["Ana", "\n", "Rio", "Oslo"],
        ents=["B-PER", "I-PER", "B-LOC", "I-LOC"],
        sent_starts=[True, False, False, True],
    )
    doc.spans["x"] = [doc[1:2], doc[2:4]]
    coverage = coverage_of(doc)
    ents = coverage.layers[Layer("ents")]
    assert (ents.at_blanks, ents.across_sentences) == (1, 1)
    assert coverage.layers[Layer("spans", "x")].at_blanks == 1


def test_classes_that_do_not_apply(coverage_of, make_doc):
    docs = [make_doc("a"), make_doc("b")]
    docs[0].cats = {"mood=glad": 0.0, "mood=sad": 1.0}
    docs[1].cats = {"mood=glad": 0.4}
    assert coverage_of(*docs).layers[Layer("cats", "mood")].negatives == {"mood=glad": 2}
