import json

import pytest

from spacy_mtl.corpora import present_layers, read_docs
from spacy_mtl.errors import FormatError, MTLError

from ..helpers import ents, iob, tags


@pytest.fixture
def read(write, nlp):
    """Reads objects from a file with one of them on each line."""

    def read(*objects, **options):
        lines = [o if isinstance(o, str) else json.dumps(o, ensure_ascii=False) for o in objects]
        return list(read_docs(write("a.jsonl", "\n".join(lines) + "\n"), nlp, **options))

    return read


def test_tokens_with_tags_and_label(read):
    first, second = read(
        {"tokens": ["play", "blue", "monday"], "ner_tags": ["O", "B-song", "I-song"], "label": "A"},
        {"tokens": ["hi"], "ner_tags": ["O"], "label": "B"},
    )
    assert ents(first) == [("blue monday", "song")]
    assert iob(second) == ["O"]
    assert first.cats == {"A": 1.0, "B": 0.0}
    assert first.has_unknown_spaces
    assert not any(token.is_sent_start for token in first[1:])


def test_all_token_layers(read):
    (doc,) = read(
        {
            "tokens": ["Ana", "saw", "it"],
            "tags": ["NNP", None, "_"],
            "pos": ["PROPN", None, ""],
            "morphs": ["Number=Sing", "", None],
            "ner_tags": ["B-PER", None, "O"],
        }
    )
    assert tags(doc) == ["NNP", "", ""]
    assert [token.pos_ for token in doc] == ["PROPN", "", ""]
    assert [str(token.morph) for token in doc] == ["Number=Sing", "", ""]
    assert [token.has_morph() for token in doc] == [True, True, False]
    assert iob(doc) == ["B-PER", "", "O"]


def test_text_is_tokenized(read):
    (doc,) = read({"text": "Ana doesn't care."})
    assert [token.text for token in doc] == ["Ana", "does", "n't", "care", "."]
    assert present_layers(doc) == set()


def test_text_and_tokens(read):
    (doc,) = read(
        {
            "text": "New  York-based\n",
            "tokens": ["New", "York", "-based"],
            "entities": [[0, 9, "L"]],
        }
    )
    assert [token.text_with_ws for token in doc] == ["New ", "York", "-based"]
    assert ents(doc) == [("New York", "L")]


@pytest.mark.parametrize("field", ["entities", "spans"])
@pytest.mark.parametrize("span", [[4, 7, "LOC"], {"start": 4, "end": 7, "label": "LOC"}])
def test_entities(read, field, span):
    (doc,) = read({"text": "See Rio", field: [span]})
    assert iob(doc) == ["O", "B-LOC"]


def test_no_entities_is_not_the_same_as_missing(read):
    none, missing, null = read(
        {"text": "Hm", "entities": []}, {"text": "Hm"}, {"text": "Hm", "entities": None}
    )
    assert [iob(doc) for doc in (none, missing, null)] == [["O"], [""], [""]]


def test_prodigy(read):
    tokens = [{"text": "See", "start": 0, "id": 0, "ws": True}, {"text": "Rio", "start": 4}]
    span = {"start": 4, "end": 7, "token_start": 1, "token_end": 1, "label": "LOC"}
    docs = read(
        {"text": "See Rio", "tokens": tokens, "spans": [span], "answer": "accept"},
        {"text": "See Ana", "spans": [], "answer": "reject"},
        {"text": "See Ana", "spans": [], "answer": "ignore"},
    )
    assert [ents(doc) for doc in docs] == [[("Rio", "LOC")]]


def test_span_groups_may_overlap_and_be_empty(read):
    first, second, third = read(
        {"text": "New York", "spans": {"sc": [[0, 3, "A"], [0, 8, "B"]]}, "entities": []},
        {"text": "Hm", "spans": {"sc": []}},
        {"text": "Hm"},
    )
    assert [(span.text, span.label_) for span in first.spans["sc"]] == [
        ("New", "A"),
        ("New York", "B"),
    ]
    assert present_layers(first) == {"spans", "ents"}
    assert present_layers(second) == {"spans"}
    assert present_layers(third) == set()


def test_labels(read):
    docs = read(
        {"text": "a", "labels": ["x", "y"]},
        {"text": "b", "labels": []},
        {"text": "c"},
        group_name="topic",
    )
    assert [doc.cats for doc in docs] == [
        {"topic=x": 1.0, "topic=y": 1.0},
        {"topic=x": 0.0, "topic=y": 0.0},
        {},
    ]


def test_cats_are_taken_as_they_are(read):
    first, second = read({"text": "a", "cats": {"x": 1, "y": 0.5}}, {"text": "b", "cats": {"z": 0}})
    assert first.cats == {"x": 1.0, "y": 0.5}
    assert second.cats == {"z": 0.0}


def test_fields_as_class_groups(read):
    docs = read(
        {"text": "a", "stars": 3, "ok": True, "label": "unused"},
        {"text": "b", "stars": 5},
        cats_from=["stars", "ok"],
    )
    assert [doc.cats for doc in docs] == [
        {"stars=3": 1.0, "stars=5": 0.0, "ok=true": 1.0},
        {"stars=3": 0.0, "stars=5": 1.0},
    ]


def test_blank_lines_count(write, nlp):
    path = write("a.jsonl", '\n{"text": "a"}\n\n{"text": 1}\n')
    with pytest.raises(FormatError, match=r"a\.jsonl:4: Expected a string in 'text', got 1"):
        list(read_docs(path, nlp))


def test_each_line_is_a_doc_whatever_the_group(read):
    assert len(read({"tokens": ["a"]}, {"tokens": ["b"]}, group=10)) == 2


@pytest.mark.parametrize(
    "source, message",
    [
        ('{"text": "a"', "Expected a JSON object on one line, got: Expecting"),
        ('["a"]', r'Expected a JSON object, got \["a"\]'),
        ('{"body": "a"}', "Expected a field 'text' or 'tokens', got 'body'"),
        ('{"text": ""}', "Expected a text, got an empty one"),
        ('{"text": "\\ud800"}', r"lone surrogate U\+D800"),
        ('{"text": "a\\u0000"}', "NUL character in column 2"),
        ('{"text": "a", "entities": [[0, 1, "\\ud800"]]}', "lone surrogate"),
        ('{"tokens": []}', "Expected tokens, got none"),
        ('{"tokens": ["a", ""]}', "Expected a token, got an empty one"),
        ('{"tokens": "a b"}', "Expected a list in 'tokens', got \"a b\""),
        ('{"tokens": [1]}', "list of strings or of objects with a 'text' in 'tokens', got 1"),
        ('{"tokens": ["a"], "ner_tags": [3]}', "names, not their ids.* got 3"),
        ('{"tokens": ["a"], "tags": ["X", "Y"]}', "Expected 1 tags, as many .* got 2"),
        ('{"tokens": ["a"], "pos": []}', "Expected 1 pos, as many .* got 0"),
        ('{"text": "a", "ner_tags": ["O"]}', "Expected 'tokens' beside 'ner_tags'"),
        ('{"tokens": ["a"], "entities": []}', "Expected a field 'text' that character offsets"),
        ('{"text": "a b", "tokens": ["a", "c"]}', "the token 'c' at character 2 .* got 'b'"),
        ('{"text": "a b", "tokens": ["a"]}', "end with the last token at character 1, got ' b'"),
        ('{"text": "London", "entities": [[0, 4, "L"]]}', r"got \[0, 4\] 'L' \('Lond'\)"),
        ('{"text": "London", "entities": [[0, 9, "L"]]}', r"borders of tokens, got \[0, 9\]"),
        ('{"text": "London", "entities": [[6, 0, "L"]]}', r"borders of tokens, got \[6, 0\]"),
        ('{"text": "London", "entities": [[0, 6]]}', r"Expected \[start, end, label\]"),
        ('{"text": "London", "entities": [[0, 6, ""]]}', "a label for each span"),
        ('{"text": "a b", "entities": [[0, 3, "A"], [2, 3, "B"]]}', "do not overlap, got 'a b'"),
        ('{"text": "a", "entities": [], "spans": []}', "in one field, got entities and spans"),
        ('{"text": "a", "label": "x", "labels": ["y"]}', "'label' or 'labels', got both"),
        ('{"text": "a", "label": "x", "cats": {"y": 1}}', "'cats' or labels, got both"),
        ('{"text": "a", "label": {"x": 1}}', "a label or a list of labels in 'label'"),
        ('{"text": "a", "cats": ["x"]}', "an object with a number from 0 to 1"),
        ('{"text": "a", "cats": {"x": 2}}', "a number from 0 to 1 for 'x' in 'cats', got 2"),
        ('{"text": "a", "cats": {"x": -0.5}}', "a number from 0 to 1 for 'x'"),
    ],
)
def test_errors_have_the_line(read, source, message):
    with pytest.raises(FormatError, match=message) as caught:
        read({"text": "fine"}, source)
    assert caught.value.line == 2


def test_a_text_needs_a_tokenizer(write, nlp):
    with pytest.raises(MTLError, match="Expected a pipeline to tokenize"):
        list(read_docs(write("a.jsonl", '{"text": "a"}'), nlp.vocab))


def test_a_text_that_is_too_long(read, nlp, monkeypatch):
    monkeypatch.setattr(nlp, "max_length", 10)
    with pytest.raises(FormatError, match="at most 10 characters"):
        read({"text": "a" * 11})
