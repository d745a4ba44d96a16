import json

import pytest

from spacy_mtl.corpora.class_names import name_classes, read_class_names
from spacy_mtl.errors import FormatError, MTLError

TAGS = ["O", "B-PER", "I-PER"]
FEATURE = {"feature": {"names": TAGS, "_type": "ClassLabel"}, "_type": "Sequence"}
FEATURES = {
    "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
    "ner_tags": FEATURE,
    "label": {"names": ["no", "yes"], "_type": "ClassLabel"},
}
CARD = """---
license: mit
dataset_info:
  features:
  - name: id
    dtype: string
  - name: ner_tags
    sequence:
      class_label:
        names:
          '0': O
          '1': B-PER
          '2': I-PER
---
# A card
"""


@pytest.mark.parametrize(
    "content, expected",
    [
        ("O\nB-PER\n\nI-PER\n", {"": TAGS}),
        (TAGS, {"": TAGS}),
        ({"0": "O", "1": "B-PER", "2": "I-PER"}, {"": TAGS}),
        ({"O": 0, "I-PER": 2, "B-PER": 1}, {"": TAGS}),
        ({"id2label": {"1": "b", "0": "a"}, "hidden_size": 3}, {"": ["a", "b"]}),
        ({"names": ["a", "b"]}, {"": ["a", "b"]}),
        ({"ner_tags": TAGS, "label": {"0": "a"}}, {"ner_tags": TAGS, "label": ["a"]}),
        ({"features": FEATURES}, {"ner_tags": TAGS, "label": ["no", "yes"]}),
        ({"en": {"features": FEATURES}}, {"ner_tags": TAGS, "label": ["no", "yes"]}),
        (CARD, {"ner_tags": TAGS}),
        (CARD.replace("  features", "  - config_name: en\n    features"), {"ner_tags": TAGS}),
    ],
)
def test_reading(write, content, expected):
    text = content if isinstance(content, str) else json.dumps(content)
    assert read_class_names(write("names", text)) == expected


@pytest.mark.parametrize("text", ["", "{}", "[", '{"a": 1.5}', "[[1]]"])
def test_no_names(write, text):
    with pytest.raises(FormatError, match="Expected names of classes"):
        read_class_names(write("names", text))


def test_no_file(tmp_path):
    with pytest.raises(MTLError, match="Expected a file with names"):
        read_class_names(tmp_path / "none")


@pytest.mark.parametrize(
    "value, expected",
    [
        ([0, 1, -100, 2], ["O", "B-PER", None, "I-PER"]),
        (2, "I-PER"),
        ("1", "B-PER"),
        (-1, None),
        ([[0], "x"], [["O"], "x"]),
        (True, True),
        ("", ""),
    ],
)
def test_naming(value, expected):
    named = name_classes({"x": value, "text": "1"}, {"": TAGS}, ["x", "y"])
    assert named == {"x": expected, "text": "1"}


def test_names_that_are_numbers_stay():
    assert name_classes({"stars": "1"}, {"": ["1", "2"]}, ["stars"]) == {"stars": "1"}


def test_names_of_one_field_leave_others():
    names = {"ner_tags": TAGS}
    assert name_classes({"ner_tags": [1], "label": 1}, names, ["ner_tags", "label"]) == {
        "ner_tags": ["B-PER"],
        "label": 1,
    }


@pytest.mark.parametrize(
    "values, message",
    [
        ({"label": 3}, "from 0 to 2 in 'label'.* got 3"),
        ({"label": -2}, "got -2"),
        ({"label": 0, "ner_tags": [0]}, "numbers in 'label' and 'ner_tags'"),
    ],
)
def test_wrong_numbers(values, message):
    with pytest.raises(MTLError, match=message):
        name_classes(values, {"": TAGS}, ["label", "ner_tags"])
