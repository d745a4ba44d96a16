from collections import Counter
from dataclasses import replace

import spacy
from spacy.tokens import Doc

from spacy_mtl.report.entities import (
    BORDERS,
    EXTRA,
    FOUND,
    LABEL,
    MISSED,
    Marked,
    _document,
    compare_spans,
    entity_section,
    excerpt,
)
from spacy_mtl.report.material import Material

DOC = Doc(spacy.blank("en").vocab, words=["a", "b", "c", "d", "e", "f", "g", "h"])


def compare(gold: set[tuple[str, int, int]], guess: set[tuple[str, int, int]]) -> list[Marked]:
    return compare_spans(DOC, gold, guess)


def test_kinds() -> None:
    assert compare({("X", 0, 2)}, {("X", 0, 2)}) == [Marked(0, 2, FOUND, "X")]
    assert compare({("X", 0, 2)}, set()) == [Marked(0, 2, MISSED, "X")]
    assert compare(set(), {("X", 0, 2)}) == [Marked(0, 2, EXTRA, "X")]
    assert compare({("X", 0, 2)}, {("Y", 0, 2)}) == [Marked(0, 2, LABEL, "Y → X")]
    assert compare({("X", 0, 3)}, {("Y", 1, 3)}) == [Marked(0, 3, BORDERS, "Y “b c” → X")]
    assert compare(set(), set()) == []


def test_neighbours_are_apart_and_what_overlaps_is_together() -> None:
    assert compare({("X", 0, 2)}, {("X", 2, 3)}) == [
        Marked(0, 2, MISSED, "X"),
        Marked(2, 3, EXTRA, "X"),
    ]
    one_for_two = compare({("X", 0, 2), ("Y", 2, 4)}, {("Z", 1, 3)})
    assert one_for_two == [Marked(0, 4, BORDERS, "Z “b c” → X “a b”, Y “c d”")]


def test_of_long_documents_a_part_with_the_first_mistake() -> None:
    found, missed = Marked(5, 6, FOUND, "X"), Marked(500, 502, MISSED, "X")
    assert excerpt(150, [found, missed]) == (0, 150)
    assert excerpt(1000, [found, missed]) == (470, 620)
    assert excerpt(1000, [found]) == (0, 150)
    assert excerpt(510, [found, missed]) == (360, 510)
    assert excerpt(1000, [Marked(100, 400, MISSED, "X")]) == (70, 400)


def test_parts_are_marked_at_their_place(material: Material) -> None:
    doc = Doc(material.nlp.vocab, words=[f"w{n}" for n in range(1000)])
    document = _document("Document 1", doc, [Marked(500, 502, MISSED, "X")], material)
    assert document.title == "Document 1, tokens 471 to 620 of 1,000"
    assert '<mark class="missed">w500 w501<' in document.html
    assert "w470 " in document.html and "w469" not in document.html and "w620" not in document.html


def test_documents_with_mistakes_come_first(material: Material) -> None:
    section = entity_section(material, 20)
    assert "1 found, 1 missed, 1 wrong label, 1 wrong borders, 1 extra" in section.intro[0]
    assert [document.title for document in section.documents] == [
        "Document 1",
        "Document 2",
        "Document 3",
    ]
    kinds = Counter(
        kind
        for document in section.documents
        for kind, _ in section.legend
        if f'<mark class="{kind}">' in document.html
    )
    assert kinds == {kind: 1 for kind in (FOUND, MISSED, LABEL, BORDERS, EXTRA)}
    assert "PER “Ana” → PER" in section.documents[0].html
    assert len(entity_section(material, 1).documents) == 1
    assert "1 document of 3" in entity_section(material, 1).intro[0]
    assert entity_section(material, 1).intro[0].endswith("mistakes first.")
    twice = replace(material, tasks={**material.tasks, "again": material.tasks["ner"]})
    assert "6 with entities" in entity_section(twice, 20).intro[0]
    assert entity_section(twice, 20).intro[0].endswith("first; one counts anew for each task.")


def test_kinds_differ_by_words_too(material: Material) -> None:
    html = "".join(document.html for document in entity_section(material, 20).documents)
    for words in ("found", "missed", "wrong label", "wrong borders", "extra"):
        assert f'<span class="hidden">{words}: </span>' in html
