"""Tasks, layers, topologies, a balancer, a sampler and a format of another package."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from report.browser import Browser, find_chromium
from report.test_browser import REQUIRED
from spacy.tokens import DocBin
from training.runs import log, models

from .conftest import Ran

pytestmark = pytest.mark.slow
OWN = ("distance", "pairs")
TASKS = {*OWN, "tagger", "ner", "topic"}


def user_data(path: Path) -> list[dict[str, Any]]:
    """By document, the values of our layers: those of tokens by their places in the text."""
    docs = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    return [{(key[1], key[2]): value for key, value in doc.user_data.items()} for doc in docs]


# Data


def test_inspect(ran: Ran) -> None:
    said = ran.output("inspect")
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.strip()}
    assert rows["distance"][:3] == ["tokens", "15", "(13.2%)"]
    assert rows["pairs"][:4] == ["docs", "missing", "12", "(100.0%)"]
    assert rows["lives_in"] == rows["likes"] == ["12", "6"]


def test_inspect_names_a_file_without_user_data(ran: Ran) -> None:
    said = ran.output("inspect bare")
    assert "bare.spacy" in said and "store_user_data" in said
    assert "store_user_data" not in ran.output("inspect")


def test_init_config(ran: Ran) -> None:
    ran.output("init-config")
    config = spacy.util.load_config(ran.folder / "made.cfg")
    (component,) = (c for c in config["components"].values() if c["factory"] == "multitask")
    named = {task["@mtl_tasks"]: name for name, task in component["tasks"].items()}
    assert named["foreign.Distance.v1"] == "distance" and named["foreign.Pairs.v1"] == "pairs"
    assert {"distance_score", "pairs_f"} <= {*config["training"]["score_weights"]}
    layers = config["corpora"]["train"]["layers"]
    assert layers["mentions"] == ["distance"] and {*layers["names"]} == {"ents", "pairs"}


def test_convert(ran: Ran) -> None:
    said = ran.output("convert")
    assert re.search(r"distance +\d", said) and re.search(r"pairs +\d", said)
    records = list(srsly.read_jsonl(ran.folder / "data/labelled.jsonl"))
    for found, record in zip(user_data(ran.folder / "converted.spacy"), records, strict=True):
        assert [[*pair] for pair in found.pop(("pairs", None))] == record["pairs"]
        assert [*found.values()] == [value for value in record["distance"] if value is not None]


def test_a_format(ran: Ran) -> None:
    ran.output("convert slashes")
    (doc,) = DocBin().from_disk(ran.folder / "tagged.spacy").get_docs(spacy.blank("en").vocab)
    assert [(t.text, t.tag_) for t in doc][:2] == [("Ana", "NNP"), ("lives", "VBZ")]


# Training


def test_spacy_train(ran: Ran) -> None:
    ran.output("spacy train")
    performance = ran.read("stock/model-last/meta.json")["performance"]
    assert 0 < performance["distance_score"] < 1 and 0 < performance["pairs_f"] <= 1


@pytest.mark.parametrize(("whole", "parts"), [("whole", "parts"), ("stacked", "stacked parts")])
def test_resumed_to_the_same_bytes(ran: Ran, whole: str, parts: str) -> None:
    name = "train" if whole == "whole" else "train stacked"
    ran.output(name)
    assert ran.said[f"{name} killed"]["killed"], ran.said[f"{name} killed"]
    assert "Resuming from" in ran.output(f"{name} resumed")
    assert models(ran.folder / parts) == models(ran.folder / whole)
    assert log(ran.folder / parts) == log(ran.folder / whole)


def test_the_same_by_either_way(sessions: dict[str, Ran]) -> None:
    for ran in sessions.values():
        ran.output("train")
    one, other = (models(ran.folder / "whole") for ran in sessions.values())
    different = {name for name in one if one[name] != other[name]}
    assert {Path(name).name for name in different} <= {"config.cfg"}  # which has the folder


def test_every_task_learns(ran: Ran) -> None:
    first, *_, last = log(ran.folder / "whole")
    assert {*last["losses"]} >= {f"multitask_{task}" for task in TASKS}
    assert last["scores"]["distance_score"] > first["scores"]["distance_score"]


# Comparing


def test_compare(ran: Ran) -> None:
    said = ran.output("compare")
    results = ran.read("comparison/results.json")
    assert {*results["tasks"]} == TASKS
    assert "mean absolute error in tokens" in said and "lower is better" in said


def test_affinity(ran: Ran) -> None:
    ran.output("affinity")
    assert {*ran.read("affinity/affinity.json")["tasks"]} == TASKS


def test_report(ran: Ran) -> None:
    ran.output("report")
    page = (ran.folder / "comparison/report.html").read_text("utf8")
    for task in TASKS:
        assert task in page
    assert "mean absolute error in tokens" in page


def test_report_in_a_browser(ran: Ran, tmp_path: Path) -> None:
    chromium = find_chromium()
    if chromium is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, but there is no Chromium")
        pytest.skip("needs Chromium")
    ran.output("report")
    with Browser(chromium, tmp_path) as browser:
        heard = browser.open(ran.folder / "comparison/report.html", 1280)
        assert heard.urls == [] and heard.messages == []
        text = browser.evaluate("document.body.innerText")
        assert all(task in text for task in TASKS)
        assert browser.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


# A trained pipeline


def test_evaluate(ran: Ran) -> None:
    ran.output("evaluate")
    scores = ran.read("scores.json")
    assert scores["distance_mae"] > 0 and scores["pairs_f"] > 0
    said = ran.output("mtl evaluate")
    assert "mean absolute error in tokens" in said and "lives_in" in said


def test_card(ran: Ran) -> None:
    ran.output("card")
    card = (ran.folder / "pipeline/README.md").read_text("utf8")
    assert "mean absolute error in tokens" in card and "`pairs`" in card
    performance = ran.read("pipeline/meta.json")["performance"]
    assert any(key.startswith("distance_") and key.endswith("_test") for key in performance)


def test_calibrate_says_what_it_cannot(ran: Ran) -> None:
    said = ran.output("calibrate")
    for task in OWN:  # a regression, and a task without probabilities
        assert re.search(rf"^.*\b{task}\b.*\b(no|none|not)\b", said, re.MULTILINE), said
    assert (ran.folder / "calibrated/config.cfg").exists()


def test_annotate(ran: Ran) -> None:
    ran.output("annotate jsonl")
    rows = list(srsly.read_jsonl(ran.folder / "out.jsonl"))
    texts = list(srsly.read_jsonl(ran.folder / "data/texts.jsonl"))
    assert [row["text"] for row in rows] == [row["text"] for row in texts]
    for row in rows:
        assert all(distance >= 1 for distance in row["distance"])
        assert isinstance(row["pairs"], list)
    parquet = pytest.importorskip("pyarrow.parquet")
    ran.output("annotate parquet")
    table = parquet.read_table(ran.folder / "out.parquet")
    assert {*OWN} <= {*table.column_names}
    for row, other in zip(table.to_pylist(), rows, strict=True):
        assert row["distance"] == pytest.approx(other["distance"], rel=1e-6)


def test_in_a_fresh_process(ran: Ran) -> None:
    """From the folder if the parts are installed, else as a package that has them."""
    ran.output("package")
    if ran.code:
        (package,) = (ran.folder / "packages").iterdir()
        shutil.copy(package / "meta.json", package / "en_foreign")  # as its setup.py does
        found = ran.load("en_foreign", str(package))
    else:
        found = ran.load("pipeline")
    assert found["together"] == found["alone"]
    rows = list(srsly.read_jsonl(ran.folder / "out.jsonl"))
    for doc, row in zip(found["alone"], rows, strict=True):
        assert doc["distance"] == pytest.approx(row["distance"], rel=1e-6)
        assert doc["pairs"] == row["pairs"] and doc["tags"]
