import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_mtl.report.confusions import label_counts, most_confused, without_group
from spacy_mtl.report.content import Section
from spacy_mtl.report.material import Material
from spacy_mtl.tasks.confusion import Confusion
from spacy_mtl.tasks.span_scores import NO_ENTITY, NOT_FOUND
from spacy_mtl.tasks.tagger import NO_TAG, Tagger

Cells = dict[tuple[str, str], int]


def cells(found: Confusion | None) -> Cells:
    assert found is not None
    return {
        (gold, guess): int(found.counts[i, j])
        for i, gold in enumerate(found.rows)
        for j, guess in enumerate(found.columns)
        if found.counts[i, j]
    }


def test_entities_by_their_borders(material: Material) -> None:
    # Ana Lima is PER and got PER as "Ana"; Tom was missed; what is not annotated does not count.
    assert cells(material.judged("joint", "ner")[0].confusion) == {
        ("PER", NOT_FOUND): 2,
        ("LOC", "LOC"): 1,
        ("ORG", "LOC"): 1,
        (NO_ENTITY, "PER"): 1,
        (NO_ENTITY, "ORG"): 1,
    }


def test_tags_and_classes(material: Material) -> None:
    tagger, mood, traits = (
        material.judged("joint", name)[0].confusion for name in ("tagger", "mood", "traits")
    )
    assert cells(tagger) == {
        ("N", "N"): 7,
        ("N", "V"): 2,
        ("V", "V"): 3,
        ("P", "P"): 1,
        ("P", "N"): 1,
    }
    assert cells(mood) == {
        ("mood=good", "mood=good"): 1,
        ("mood=bad", "mood=good"): 1,
        ("mood=bad", "mood=bad"): 1,
    }
    assert traits is None


def test_white_space_gets_no_tag() -> None:
    tagger = Tagger()
    tagger.set_labels(["N", "S"])
    words, tags = ["a", "\n"], ["N", "S"]
    vocab = Vocab()
    examples = [
        Example(Doc(vocab, words, tags=guess), Doc(vocab, words, tags=tags))
        for guess in (["N", ""], ["S", ""])
    ]
    found = tagger.confusion(examples)
    assert cells(found) == {("N", "N"): 1, ("N", "S"): 1, ("S", NO_TAG): 2}
    assert NO_TAG not in found.rows
    assert tagger.confusion([]).counts.sum() == 0


def test_of_many_labels_the_most_confused() -> None:
    labels = [f"L{n:02}" for n in range(30)]
    counts = np.diag(np.full(30, 9))
    counts[3, 7] = 5
    counts[20, 4] = 2
    counts[29, 29] = 0  # never occurs
    found, left_out = most_confused(Confusion(labels, labels, counts), most=4)
    assert found.rows == found.columns == ["L03", "L04", "L07", "L20"]
    assert left_out == 25
    assert found.counts[0, 2] == 5 and found.counts[3, 1] == 2


def test_what_stands_for_none_is_shown_if_it_occurs() -> None:
    counts = np.asarray([[9, 0, 1, 0], [0, 9, 0, 0], [0, 0, 0, 0]])
    everything = Confusion(["A", "B", "nowhere"], ["A", "B", "(none)", "(never)"], counts)
    found, left_out = most_confused(everything, most=1)
    assert found.rows == ["A"] and found.columns == ["A", "(none)"] and left_out == 1


def test_section_says_what_it_leaves_out(sections: dict[str, Section]) -> None:
    section = sections["confusions"]
    assert [chart.title for chart in section.charts] == ["tagger", "ner", "mood"]
    assert "no matrix of traits" in section.intro[-1]
    # Both seeds; the second one makes no mistake.
    ner = section.charts[1]
    assert "5 of 10 are right" in ner.alt
    assert "PER taken for (not found) 2 times" in ner.alt


def test_group_is_not_repeated() -> None:
    counts = np.zeros((2, 2), dtype="int64")
    named = Confusion(["mood=a", "mood=b"], ["mood=a", "mood=b"], counts)
    assert without_group(named) == (["a", "b"], ["a", "b"])
    other = Confusion(["mood=a", "topic=b"], ["mood=a", "topic=b"], counts)
    assert without_group(other) == (other.rows, other.columns)


def test_scores_of_labels(material: Material, sections: dict[str, Section]) -> None:
    counts = label_counts(material.judged("joint", "ner"))
    # Of two PER, none was found by the first seed, which made one up, and both by the second.
    per = counts.per_label()["PER"]
    assert per == {"p": 2 / 3, "r": 2 / 4, "f": 4 / 7, "gold": 4}
    tables = {table.caption: table for table in sections["labels"].tables}
    row = next(r for r in tables["ner: 3 labels"].rows if r[0].text == "PER")
    assert [cell.text for cell in row] == ["PER", "2", "66.7", "50.0", "57.1", "100.0", "−42.9"]
    assert row[4].bar == 4 / 7
