import json
import re
import sys
from pathlib import Path

import pytest
import spacy
from evaluation.in_process import measure_in_process
from typer.testing import CliRunner

from spacy_mtl.cli import app


def benchmark(*args: str):
    return CliRunner().invoke(app, ["benchmark", *args])


def test_benchmark(corpora: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    measure_in_process(monkeypatch)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk("plain")
    result = benchmark(
        *("plain", "plain@nlp.batch_size=5", "--name", "first", "--name", "second"),
        *("--data", "moods.spacy", "--limit", "4", "--min-words", "50", "--latency-words", "3"),
        *("--rounds", "2", "--warmup", "0", "--output", "out/speed.json", "--plot", "speed.png"),
    )
    assert result.exit_code == 0, result.output
    lines = [re.sub(" {2,}", " | ", line.strip()) for line in result.stdout.splitlines()]
    assert "Data | moods.spacy: 4 documents, 20 words, 3 times in a round" in lines
    assert "Rounds | 2 after 0 of warmup: median (min-max)" in lines
    assert any(line.endswith("4 documents one by one, the first 3 words") for line in lines)
    assert any(line.endswith("threads: 1") for line in lines)
    assert "Times as fast as first" in result.stdout
    assert len([line for line in lines if line.startswith("first | ")]) == 2
    seconds = [line.split(" | ") for line in lines if line.startswith("second | ")]
    assert [len(cells) for cells in seconds] == [6, 7, 5]
    assert seconds[0][1] == "5"
    written = json.loads(Path("out/speed.json").read_text(encoding="utf8"))
    ratio = written["systems"][1]["ratios"]["words_per_second_docs"]
    assert seconds[2][1] == "{median:.3f} ({min:.3f}-{max:.3f})".format(**ratio)
    assert Path("speed.png").read_bytes().startswith(b"\x89PNG")


def test_errors_are_one_line(corpora: Path):
    result = benchmark("plain", "--name", "a", "--name", "b", "--data", "dev.spacy")
    assert result.exit_code == 1
    assert result.stderr == "✘ Expected models and as many names, got 1 and 2.\n"


def test_a_missing_extra_is_found_before_measuring(corpora: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = benchmark("plain", "--data", "dev.spacy", "--plot", "speed.png")
    assert result.exit_code == 1
    assert "extra `report`" in result.stderr and "plain" not in result.stderr
