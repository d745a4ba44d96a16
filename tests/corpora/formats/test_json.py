import json

import pytest

from spacy_mtl.corpora import present_layers, read_docs
from spacy_mtl.corpora.formats import is_annotated
from spacy_mtl.errors import FormatError

from ..helpers import ents, iob

RIO = {"text": "See Rio", "entities": [[4, 7, "LOC"]]}
PAIR = ["See Rio", {"entities": [[4, 7, "LOC"]]}]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([RIO]),
        json.dumps([RIO], indent=2),
        json.dumps(RIO),
        json.dumps([PAIR]),
        json.dumps(PAIR) + "\n",
        json.dumps({"data": [RIO]}),
        json.dumps({"classes": ["LOC"], "annotations": [None, PAIR]}),
        json.dumps(
            {
                "rasa_nlu_data": {
                    "common_examples": [
                        {"text": "See Rio", "entities": [{"start": 4, "end": 7, "entity": "LOC"}]}
                    ]
                }
            }
        ),
    ],
)
def test_the_same_in_several_ways(write, nlp, content):
    if content.startswith('["'):  # a line of JSONL, no list of records
        (doc,) = read_docs(write("a.jsonl", content), nlp)
    else:
        (doc,) = read_docs(write("a.json", content), nlp)
    assert ents(doc) == [("Rio", "LOC")]


def test_lines_in_a_json_file(write, nlp):
    text = '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n'
    docs = list(read_docs(write("a.json", text), nlp))
    assert [doc.cats for doc in docs] == [{"x": 1.0, "y": 0.0}, {"x": 0.0, "y": 1.0}]


def test_names_of_numbered_classes(write, nlp):
    rows = [
        {"tokens": ["Ana", "left"], "ner_tags": [1, 0], "label": 1},
        {"tokens": ["Hi", "Bo"], "ner_tags": [-100, 0], "label": -1},
        {"tokens": ["No"], "ner_tags": [0], "label": 0},
    ]
    names = write("names.json", json.dumps({"ner_tags": ["O", "B-PER"], "label": ["no", "yes"]}))
    docs = list(read_docs(write("a.json", json.dumps(rows)), nlp, names=names))
    assert [iob(doc) for doc in docs] == [["B-PER", "O"], ["", "O"], ["O"]]
    assert [doc.cats for doc in docs] == [{"no": 0.0, "yes": 1.0}, {}, {"no": 1.0, "yes": 0.0}]


def test_numbered_tags_that_are_entities(write, nlp):
    path = write("a.jsonl", '{"tokens": ["Ana", "left"], "tags": [1, 0]}')
    docs = read_docs(path, nlp, names=write("names.txt", "O\nB-PER\nI-PER\n"))
    assert [what.split(" (")[0] for what in docs.remarks] == [
        "field 'tags', as long as the tokens, was read as entity tags"
    ]
    assert ents(next(docs)) == [("Ana", "PER")]
    (doc,) = read_docs(path, nlp, names=write("names.txt", "NN\nVB\n"))
    assert [token.tag_ for token in doc] == ["VB", "NN"]


def test_docs_as_json(write, nlp):
    doc = nlp("Ana didn't go. ")
    doc[0].tag_ = "NNP"
    doc.ents = [doc.char_span(0, 3, "PER")]
    doc.cats = {"a": 1.0}
    (same,) = read_docs(write("a.json", json.dumps(doc.to_json())), nlp)
    assert [token.text for token in same] == [token.text for token in doc]
    assert ents(same) == [("Ana", "PER")]
    assert (same[0].tag_, same.cats) == ("NNP", {"a": 1.0})


@pytest.mark.parametrize(
    "content, line, message",
    [
        ('[\n{"text": "a"},\n{"text": 1}\n]', 3, "a string in 'text'"),
        ('[\n{"text": "a"},\n{"text": }\n]', 3, "Expected JSON"),
        ('[{"text": "a"}', None, r"Expected '\]'"),
        ('[{"paragraphs": [{"sentences": []}]}]', 1, "spaCy 2's training data.*spacy convert"),
        ('{"text": {"0": "a"}, "label": {"0": "x"}}', 1, "orient"),
        ('{"info": 1, "images": 2}', 1, "got an object with 'info', 'images'"),
        ('{"a": [{}], "b": [{}]}', 1, "an object with one"),
        ("[1]", 1, "Expected a JSON object, got 1"),
        ("[]", None, "at least one sentence or document"),
        ('[{"text": "a\\ud800"}]', 1, "lone surrogate"),
    ],
)
def test_errors(write, nlp, content, line, message):
    with pytest.raises(FormatError, match=message) as caught:
        list(read_docs(write("a.json", content), nlp))
    assert caught.value.line == line


def test_an_error_leaves_the_others(write, nlp):
    text = '[{"text": "a", "cats": {"x": 1}}, {"text": ""}, {"text": "b", "cats": {"x": 0}}, {'
    docs = read_docs(write("a.json", text), nlp, on_error="skip")
    assert [doc.text for doc in docs] == ["a", "b"]
    assert docs.errors == 2


# Label Studio


def region(start, end, *labels, name="label", **value):
    return {
        "from_name": name,
        "to_name": "text",
        "type": "labels",
        "value": {"start": start, "end": end, "labels": list(labels), **value},
    }


def choice(*choices, name="mood"):
    value = {"choices": list(choices)}
    return {"from_name": name, "to_name": "text", "type": "choices", "value": value}


def task(text, *results, **more):
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": list(results)}], **more}


@pytest.fixture
def read(write, nlp):
    def read(*values, **options):
        return read_docs(write("a.json", json.dumps(values)), nlp, **options)

    return read


def test_tasks(read):
    first, second, third = read(
        task("See Rio", region(4, 7, "LOC", text="Rio"), choice("good")),
        task("Hmm", choice("bad")),
        task("Hi") | {"annotations": []},
    )
    assert ents(first) == [("Rio", "LOC")]
    assert first.cats == {"bad": 0.0, "good": 1.0}
    assert present_layers(second) == {"ents", "cats"} and not second.ents
    assert present_layers(third) == set()


def test_several_controls(read):
    docs = read(
        task("See Rio", region(4, 7, "LOC"), choice("good"), choice("a", "b", name="topic")),
        task("To Rio", region(0, 2, "P", name="words")),
    )
    first, second = docs
    assert {key: len(first.spans[key]) for key in first.spans} == {"label": 1, "words": 0}
    assert {key: len(second.spans[key]) for key in second.spans} == {"label": 0, "words": 1}
    assert first.cats == {"mood=good": 1.0, "topic=a": 1.0, "topic=b": 1.0}
    assert not second.cats
    (doc, _) = read(
        task("a", choice("x"), choice("y", name="topic")), task("b"), cats_from=["mood"]
    )
    assert doc.cats == {"mood=x": 1.0}


def test_what_tasks_have_beside(read):
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "labels": ["in"]}
    rating = {"type": "rating", "from_name": "r", "value": {"rating": 4}}
    twice = task("Bo", region(0, 2, "A"))
    twice["annotations"].append({"result": [region(0, 2, "B")], "ground_truth": True})
    cancelled = task("No")
    cancelled["annotations"][0]["was_cancelled"] = True
    guessed = task("So") | {"annotations": [], "predictions": [{"result": []}]}
    docs = read(task("Ana", relation, rating), twice, cancelled, guessed)
    said = " ".join(docs.remarks)
    for word in ("'relation'", "'rating'", "several annotations", "predictions"):
        assert word in said
    assert [ents(doc) for doc in docs] == [[], [("Bo", "B")], []]
    assert docs.rejected == 1


def test_offsets_in_utf_16(read):
    text = "\U0001f600 See Rio"
    (doc,) = read(task(text, region(7, 10, "LOC", text="Rio")))
    assert ents(doc) == [("Rio", "LOC")]


def test_names_of_the_text(read):
    (doc,) = read({**task("x", choice("a")), "data": {"review": "Good"}})
    assert doc.text == "Good"
    several = {**task("x", choice("a")), "data": {"review": "Good", "title": "T"}}
    (doc,) = read(several, text_column="title")
    assert doc.text == "T"
    with pytest.raises(FormatError, match="--text-column"):
        read(several)


@pytest.mark.parametrize(
    "result, message",
    [
        (region(4, 7, "LOC", text="Oslo"), r"Expected 'Oslo' at \[4, 7\]"),
        (region("0", "3", "LOC"), "Expected a region of a text"),
    ],
)
def test_wrong_regions(read, result, message):
    with pytest.raises(FormatError, match=message):
        read(task("See Rio", result))


def test_regions_with_several_labels(read):
    (doc,) = read(task("See Rio", region(4, 7, "LOC", "CITY")), overlaps="sc")
    assert [span.label_ for span in doc.spans["sc"]] == ["LOC", "CITY"]


def test_json_min(read):
    spans = [{"start": 4, "end": 7, "text": "Rio", "labels": ["LOC"]}]
    first, second, third = read(
        {"text": "See Rio", "id": 1, "label": spans, "mood": "good", "annotation_id": 1},
        {"text": "Hi", "id": 2, "mood": {"choices": ["good", "bad"]}, "annotation_id": 2},
        {"text": "Bo", "id": 3, "annotation_id": 3},
        cats_from=["mood"],
    )
    assert ents(first) == [("Rio", "LOC")]
    assert first.cats == {"mood=bad": 0.0, "mood=good": 1.0}
    assert second.cats == {"mood=bad": 1.0, "mood=good": 1.0}
    assert present_layers(third) == {"ents"}


def test_json_min_with_several_fields_of_spans(read):
    span = [{"start": 0, "end": 2, "labels": ["A"]}]
    first, second = read(
        {"text": "Hi", "a": span, "annotation_id": 1}, {"text": "Bo", "b": span, "annotation_id": 2}
    )
    assert [len(first.spans[key]) for key in ("a", "b")] == [1, 0]
    assert [len(second.spans[key]) for key in ("a", "b")] == [0, 1]


def test_tasks_in_jsonl_need_the_format(write, nlp):
    path = write("a.jsonl", json.dumps(task("Hi", choice("a"))) + "\n")
    with pytest.raises(FormatError, match="Label Studio.*--format json"):
        read_docs(path, nlp)
    (doc,) = read_docs(path, nlp, format="json")
    assert doc.cats == {"a": 1.0}


@pytest.mark.parametrize(
    "content, expected",
    [
        ([RIO], True),
        (RIO, True),
        ([PAIR], True),
        ({"data": [RIO]}, True),
        ("[{", True),
        (["O", "B-PER"], False),
        ({"ner_tags": ["O", "B-PER"]}, False),
        ({"features": {"text": {"dtype": "string"}}, "splits": {"train": {}}}, False),
    ],
)
def test_files_of_a_folder_that_are_annotated(write, content, expected):
    text = content if isinstance(content, str) else json.dumps(content)
    assert is_annotated(write("a.json", text)) is expected
