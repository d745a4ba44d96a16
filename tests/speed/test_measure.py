import json
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_mtl.errors import MTLError
from spacy_mtl.speed.inputs import Pipeline, parse_system, read_words
from spacy_mtl.speed.measure import (
    FIGURES,
    Data,
    Report,
    Round,
    Settings,
    Speed,
    Summary,
    Throughput,
    measure,
    turns,
)
from spacy_mtl.speed.plot import check_plot, write_plot
from spacy_mtl.speed.worker import Worker, evenly, size_on_disk

# Prints where the answers go, and fails where a Doc is not as it was made from words and spaces.
PACKAGE = """
import os
from pathlib import Path

import spacy
from spacy.language import Language

print("loading")


@Language.component("strict")
def strict(doc):
    print("a document")
    os.write(1, b"of some words\\n")
    if doc.user_data or doc.has_annotation("TAG"):
        raise ValueError("the Doc is\\nnot fresh")
    if doc[0].text == "die":
        print("last words", flush=True)
        os._exit(3)
    if doc[0].text == "fail":
        raise ValueError("several\\nlines")
    doc.user_data["seen"] = True
    return doc


def load(**options):
    return spacy.load(Path(__file__).parent / "data", **options)
"""


def a_round(docs_seconds: float, text_seconds: float = 1.0, *latencies: float) -> Round:
    return Round(
        Throughput(10, 100, docs_seconds), Throughput(10, 90, text_seconds), list(latencies) or [1]
    )


def a_speed(name: str, *rounds: Round) -> Speed:
    return Speed(name, [Pipeline(name, {})], [["ner"]], [8], 1.0, 2.0, 3.0, 4.0, list(rounds))


def a_report(*systems: Speed) -> Report:
    environment = {"cpu": "A Processor", "accelerator": None}
    return Report(Settings(), Data("a.spacy", 10, 100, 1, 10), environment, list(systems))


def save_docs(path: Path, *texts: str) -> Path:
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=text.split(), tags=["X"] * len(text.split())) for text in texts]
    DocBin(docs=docs).to_disk(path)
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of two pipelines that run one after the other."""
    folder = tmp_path_factory.mktemp("speed")
    for name in ("sentencizer", "entity_ruler"):
        nlp = spacy.blank("en")
        nlp.add_pipe(name)
        nlp.to_disk(folder / name)
    data = save_docs(folder / "test.spacy", "I like Rio .", "", "don't ask", "And Bonn .")
    both = f"{folder}/sentencizer@nlp.batch_size=7+{folder}/entity_ruler"
    settings = Settings(rounds=2, min_words=20, latency_words=2, threads=2)
    return measure([both], data, settings=settings, names=["both"])


def test_what_was_given(report: Report):
    assert report.data == Data("test.spacy", 4, 9, 3, latency_documents=3)
    assert report.settings.threads == 2
    assert report.environment["packages"]["spacy"] == spacy.__version__
    assert report.environment["cpu"]


def test_every_round_goes_through_all_documents(report: Report):
    rounds = report.systems[0].rounds
    assert len(rounds) == 2
    for one in rounds:
        assert (one.docs.documents, one.docs.words) == (12, 27)
        assert (one.text.documents, one.text.words) == (12, 30)  # "do", "n't"
        assert len(one.latencies_ms) == 3
        assert min(one.docs.seconds, one.text.seconds, *one.latencies_ms) > 0


def test_a_system_of_two_pipelines(report: Report):
    (both,) = report.systems
    assert both.name == "both"
    assert both.components == [["sentencizer"], ["entity_ruler"]]
    assert both.batch_sizes == [7, 1000]
    assert [one.overrides for one in both.pipelines] == [{"nlp.batch_size": 7}, {}]
    assert both.disk_mb == sum(size_on_disk(one.path) for one in both.pipelines) > 0
    assert both.load_seconds > 0
    if sys.platform != "win32":
        assert both.memory_loaded_mb and both.memory_peak_mb
        assert 10 < both.memory_loaded_mb <= both.memory_peak_mb


def test_turns_rotate():
    assert [turn for _, turn in turns(3, 4)] == [0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]
    assert [number for number, _ in turns(2, 3)] == [0, 0, 1, 1, 2, 2]


def test_json_has_everything(report: Report):
    written = json.loads(report.to_json())
    assert written["settings"]["min_words"] == 20
    assert written["data"]["words"] == 9
    for system, speed in zip(written["systems"], report.systems, strict=True):
        assert set(system["figures"]) == set(FIGURES)
        assert set(system["ratios"]) == set(FIGURES)
        assert system["rounds"][1]["docs"]["seconds"] == speed.rounds[1].docs.seconds
        assert system["figures"]["words_per_second_docs"]["max"] == max(
            one["docs"]["words"] / one["docs"]["seconds"] for one in system["rounds"]
        )


def test_a_figure_is_the_median_of_the_rounds():
    speed = a_speed("a", a_round(2.0), a_round(1.0), a_round(4.0))
    assert speed.summary("words_per_second_docs") == Summary(50, 25, 100)
    assert speed.summary("documents_per_second_docs") == Summary(5, 2.5, 10)
    assert speed.summary("words_per_second_text") == Summary(90, 90, 90)
    assert speed.summary("documents_per_second_text") == Summary(10, 10, 10)


def test_latency():
    speed = a_speed("a", a_round(1, 1, *range(101)), a_round(1, 1, *range(0, 202, 2)))
    assert speed.summary("latency_ms_median") == Summary(75, 50, 100)
    assert speed.summary("latency_ms_p99") == Summary(148.5, 99, 198)


def test_ratios_are_those_of_the_same_rounds():
    base = a_speed("a", a_round(1.0), a_round(4.0), a_round(8.0))
    other = a_speed("b", a_round(0.5), a_round(1.0), a_round(1.0))
    assert other.ratio("words_per_second_docs", base) == Summary(4, 2, 8)
    assert base.ratio("words_per_second_docs", base) == Summary(1, 1, 1)
    written = json.loads(a_report(base, other).to_json())
    assert written["systems"][1]["ratios"]["words_per_second_docs"]["median"] == 4


@pytest.mark.parametrize(
    "text, expected",
    [
        ("en_core", [("en_core", {})]),
        ("a+b", [("a", {}), ("b", {})]),
        ("a@x.y=1", [("a", {"x.y": 1})]),
        ('a@x.y="p,q+r",z.w=null+b', [("a", {"x.y": "p,q+r", "z.w": None}), ("b", {})]),
        ("a@x.y=bf16,z.w=1e+2", [("a", {"x.y": "bf16", "z.w": 100.0})]),
        ("a@x.y=[1,2]+b@z=3.8.1", [("a", {"x.y": [1, 2]}), ("b", {"z": "3.8.1"})]),
        ("a@x.y=me@home=1", [("a", {"x.y": "me@home=1"})]),
    ],
)
def test_parse_system(text: str, expected: list[tuple[str, dict[str, Any]]]):
    assert parse_system(text) == [Pipeline(*one) for one in expected]


@pytest.mark.parametrize("text", ["", "a+", "+a", "a@", "a@x", "a@=1", "a@x=1,", "a@x=1,y", "@x=1"])
def test_what_names_no_system(text: str):
    with pytest.raises(MTLError, match="^Expected [^\n]*, got"):
        parse_system(text)


def test_a_path_is_taken_as_it_is(tmp_path: Path):
    path = tmp_path / "c++@home=1"
    path.mkdir()
    assert parse_system(str(path)) == [Pipeline(str(path), {})]


def test_read_words(tmp_path: Path):
    save_docs(tmp_path / "a.spacy", "Ana sings", "Bo too")
    text = tmp_path / "b.jsonl"
    text.write_text('{"text": "Don\'t ask."}\n{"text": "Rio"}\n', encoding="utf8")
    spaced = [(["Ana", "sings"], [True, True]), (["Bo", "too"], [True, True])]
    assert read_words(tmp_path / "a.spacy", "en", None) == spaced
    assert read_words(tmp_path, "en", 1) == spaced[:1]
    asked = (["Do", "n't", "ask", "."], [False, True, False, False])
    assert read_words(text, "en", None) == [asked, (["Rio"], [False])]


def test_data_without_words(tmp_path: Path):
    path = save_docs(tmp_path / "a.spacy", "", "")
    with pytest.raises(MTLError, match="with words in .*a.spacy, got 2 documents"):
        read_words(path, "en", None)
    with pytest.raises(MTLError, match="does not exist"):
        read_words(tmp_path / "b.spacy", "en", None)
    path.write_bytes(b"no Docs")
    with pytest.raises(MTLError, match="binary format"):
        read_words(path, "en", None)


def test_wrong_arguments(tmp_path: Path):
    with pytest.raises(MTLError, match="1 or more as rounds, got 0"):
        Settings(rounds=0)
    with pytest.raises(MTLError, match="0 or more as warmup, got -1"):
        Settings(warmup=-1)
    with pytest.raises(MTLError, match="got 2 and 1"):
        measure(["a", "b"], tmp_path, names=["a"])
    with pytest.raises(MTLError, match="got 0 and 0"):
        measure([], tmp_path)


def test_a_package_that_fails_prints_and_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "loud_model"
    package.mkdir()
    (package / "__init__.py").write_text(PACKAGE, encoding="utf8")
    metadata = tmp_path / "loud_model-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: loud_model\nVersion: 1.0\n", encoding="utf8")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("loud_model")
    nlp = spacy.blank("en")
    nlp.add_pipe("strict")
    nlp.to_disk(package / "data")

    def prepare(*words: str) -> None:
        spaces = [True] * len(words)
        worker.ask("prepare", documents=[(words, spaces)], repeats=2, latency_words=None)

    with Worker("loud", threads=1) as worker:
        given = {"threads": 1, "gpu_id": -1, "batch_size": 3}
        for path, overrides, reason in (
            ("no_model", {}, r"OSError: \[E050\] [^\n]*no_model"),
            ("loud_model", {"no.such.key": 1}, "ConfigValidationError: [^\n]*no -> such"),
        ):
            one = {"path": path, "overrides": overrides}
            with pytest.raises(
                MTLError, match=f"^Expected to be able to load loud, got {reason}[^\n]*$"
            ):
                worker.ask("load", pipelines=[one], **given)
        loaded = worker.ask("load", pipelines=[{"path": "loud_model", "overrides": {}}], **given)
        assert loaded["components"] == [["strict"]] and loaded["batch_sizes"] == [3]
        assert loaded["disk_mb"] == pytest.approx(size_on_disk(str(package)), rel=0.5)
        prepare("Ana", "sings")
        for _ in range(2):
            assert worker.ask("measure")["docs"]["words"] == 4
        prepare("fail")
        with pytest.raises(MTLError, match="measure loud, got ValueError: .*several lines$"):
            worker.ask("measure")
        prepare("die")
        with pytest.raises(MTLError, match="measure loud, .* exit code 3. .*: last words$"):
            worker.ask("measure")


def test_evenly():
    assert evenly(["a", "b"], 3) == ["a", "b"]
    assert evenly(list("abcdef"), 3) == ["a", "c", "e"]


def test_plot(tmp_path: Path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    report = a_report(a_speed("a", a_round(1.0)), a_speed("b+c", a_round(2.0), a_round(3.0)))
    write_plot(report, tmp_path / "new" / "speed.png")
    assert (tmp_path / "new" / "speed.png").read_bytes().startswith(b"\x89PNG")
    write_plot(report, tmp_path / "speed.svg")
    drawn = (tmp_path / "speed.svg").read_text(encoding="utf8")
    for text in ("from raw text", "A Processor", "b+", "100", "42"):
        assert f"<!-- {text}" in drawn or text in drawn


def test_a_plot_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    with pytest.raises(MTLError, match="png.*got .*speed.html"):
        check_plot(tmp_path / "speed.html")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MTLError, match=r"pip install spacy-mtl\[report\]"):
        check_plot(tmp_path / "speed.png")
