"""The values of layers, checked against their types."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from spacy.vocab import Vocab

from spacy_mtl.corpora import read_docs
from spacy_mtl.errors import FormatError, MTLError
from spacy_mtl.layers import AnnotationLayer, DocExtension, TokenExtension, table
from spacy_mtl.layers.json_types import check_json

RANGE = {"start": 0, "end": 1}
SPAN = {**RANGE, "label": "A"}


@pytest.mark.parametrize(
    "json_type, value",
    [
        ("string", "a"),
        ("integer", numpy.int64(3)),
        ("number", 0.5),
        ("number", 2),
        ("strings", ["a", None]),
        ("integers", [1, None]),
        ("numbers", [0.5, None, 1]),
        ("numbers", ()),
        ("ranges", [RANGE]),
        ("spans", [SPAN]),
        ("span_groups", {"x": [SPAN], "y": []}),
        ("classes", {"a": 1, "b": 0.5}),
        ("", {"any": ["thing"]}),
    ],
)
def test_right_values(json_type: str, value: Any) -> None:
    check_json(json_type, value)


@pytest.mark.parametrize(
    "json_type, value, message",
    [
        ("string", 1, "Expected a string, got 1."),
        ("integer", True, "Expected a whole number, got True."),
        ("integer", 0.5, "Expected a whole number, got 0.5."),
        ("number", float("nan"), "Expected a number, got nan."),
        ("numbers", "high", "Expected a list of numbers and nulls, got 'high'."),
        ("numbers", 0.5, "Expected a list of numbers and nulls, got 0.5."),
        ("numbers", ["a", 1], "Expected a list of numbers and nulls, got 'a' in it."),
        ("strings", ["a", 1], "Expected a list of strings and nulls, got 1 in it."),
        ("ranges", [[0, 1]], "'start' and 'end', got [0, 1] in it."),
        ("spans", [RANGE], "'start', 'end' and 'label', got {'start': 0, 'end': 1} in it."),
        ("span_groups", {"x": 1}, "a list of spans for each group, got 1 in it."),
        ("classes", ["a"], "an object with a number for each label, got ['a']."),
    ],
)
def test_wrong_values(json_type: str, value: Any, message: str) -> None:
    with pytest.raises(MTLError) as error:
        check_json(json_type, value)
    assert str(error.value).endswith(message)


class Shares(DocExtension):
    """Numbers from 0 to 1, of which one at least is known."""

    def count(self, doc: Any) -> int:
        return int(any(value is not None for value in doc._.get(self.name) or ()))

    def from_json(self, doc: Any, value: Any) -> None:
        super().from_json(doc, value)
        if max(filter(None, value), default=0) > 1:
            raise MTLError(f"Expected {self.title} from 0 to 1, got {max(value)}.")


@pytest.mark.parametrize(
    "layer, value, message",
    [
        (DocExtension("level", json_type="numbers"), ["a"], "list of numbers and nulls, got 'a'"),
        (TokenExtension("level", json_type="numbers"), ["a"], "list of numbers and nulls, got 'a'"),
        (Shares("level", json_type="numbers"), "a", "list of numbers and nulls, got 'a'"),
        (Shares("level", json_type="numbers"), [1, 2], "Expected level from 0 to 1, got 2"),
    ],
)
def test_convert_names_the_line(
    tmp_path: Path, register: Any, layer: AnnotationLayer, value: Any, message: str
) -> None:
    register("level", layer)
    table()  # makes the attribute known
    rows = [{"tokens": ["x"], "level": None}, {"tokens": ["x"], "level": value}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(FormatError, match=f"a.jsonl:2: In 'level', of the layer .*{message}"):
        list(read_docs(path, Vocab()))


def test_a_class_may_say_what_is_labelled(register: Any, make_doc: Any) -> None:
    layer = Shares("level")
    register("level", layer)
    table()  # makes the attribute known
    for value, known in ((None, False), ([None, None], False), ([None, 0.5], True)):
        doc = make_doc("a b")
        if value is not None:
            layer.from_json(doc, value)
        assert (layer.present(doc), layer.count(doc)) == (known, int(known))
        assert layer.to_json(doc) == (value if known else None)


def test_the_type_on_the_hub() -> None:
    assert DocExtension("a").hub_type == "text-classification"
    assert TokenExtension("a").hub_type == "token-classification"
    assert DocExtension("a", hub_type="text-ranking").hub_type == "text-ranking"
