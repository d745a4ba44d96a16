import dataclasses
import html
import re
from pathlib import Path
from typing import Any

import pytest
import srsly
from pipeline.helpers import make_nlp
from report.made import BLOCKS, LABELS, ODD, Made, make
from spacy.language import Language

from spacy_mtl.card.card import MARK, Words, check_readme, make_card, read_meta
from spacy_mtl.card.evaluate import Evaluation, evaluate, evaluated_tasks
from spacy_mtl.card.limits import limits
from spacy_mtl.card.sharing import comparison_of
from spacy_mtl.comparison.results import Results
from spacy_mtl.errors import MTLError
from spacy_mtl.pipeline.live import multitasks

from .made import make_pipeline

META = {
    "lang": "en",
    "name": "demo",
    "version": "1.2.3",
    "license": "CC BY 4.0",
    "author": "Ana <ana@example.org>",
    "description": "# Not a *title*",
}
WORDS = Words(limits="Not for *law*.", commands=["make corpus", "spacy mtl card model"])


@pytest.fixture(scope="module")
def results(made: Made, nlp: Language) -> Results:
    return comparison_of(made.folder, evaluated_tasks(nlp))


@pytest.fixture(scope="module")
def card(nlp: Language, tested: Evaluation, results: Results) -> str:
    return make_card(nlp, META, tested, results, WORDS)


def section(card: str, title: str) -> str:
    """What stands below a heading."""
    return card.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def front(card: str) -> Any:
    """The YAML at the beginning."""
    begin, content, _ = card.split("---\n", 2)
    assert begin == ""
    return srsly.yaml_loads(content)


def test_front_matter(card: str, tested: Evaluation) -> None:
    found = front(card)
    assert found["tags"] == ["spacy", "token-classification", "text-classification"]
    assert (found["language"], found["license"]) == (["en"], "cc-by-4.0")
    [model] = found["model-index"]
    assert model["name"] == "en_demo"
    assert [each["task"]["name"] for each in model["results"]] == list(BLOCKS)
    for each, result in zip(tested.tasks, model["results"], strict=True):
        assert each.score is not None
        [metric] = result["metrics"]
        assert metric["value"] == pytest.approx(each.score.value, abs=1e-4)
        assert metric["type"] == ("accuracy" if each.name == "tagger" else "f1")


def test_facts_and_tasks(card: str) -> None:
    head = card.partition("\n## ")[0]
    assert MARK in head.splitlines() and "# en_demo" in head.splitlines()
    assert "\\# Not a \\*title\\*" in head.splitlines()
    assert "| Version | `1.2.3` |" in head and "| Licence | CC BY 4.0 |" in head
    assert "Ana \\<ana\\@example.org\\>" in head
    assert "| `ner` | `multitask` | `doc.ents` | 3 |" in section(card, "Tasks")
    assert "`ner`: `LOC`, `ORG`, `PER`" in section(card, "Tasks")


def test_test_scores(card: str, tested: Evaluation) -> None:
    found = section(card, "Test scores")
    for each in tested.tasks:
        assert each.score is not None
        figures = [f"{100 * v:.1f}" for v in (each.score.value, each.score.low, each.score.high)]
        value, low, high = figures
        row = f"| `{each.name}` | {each.metric} | {value} | {low} to {high} |"
        assert row in found
    assert found.count("<details>") == len(tested.tasks)
    ner = found.partition("ner: each label")[2].partition("</details>")[0]
    assert re.search(r"^\| `PER` \| [\d.]+ \| [\d.]+ \| [\d.]+ \| 2 \|$", ner, re.M)


def test_data_and_sharing(card: str, results: Results) -> None:
    assert "| `ner` | 90 in 9 documents | 12 in 3 documents |" in section(card, "Data")
    found = section(card, "Alone or together")
    assert "| `ner` | F | costs | 80.0 ± 1.0 | 75.0 ± 1.0 | −5.0 | −9.0 to −1.0 | 0.010 |" in found
    assert "| `tagger` | accuracy | gains |" in found
    assert "(Delta_m): −0.60 % (−2.00 to +0.80)" in found
    assert "| one pipeline | 30 s | 9,000 | 8.0 MB |" in found
    assert "| 4 single-task pipelines | 80 s | 3,000 | 24.0 MB |" in found


def test_use_limits_and_commands(card: str) -> None:
    use = section(card, "Intended use")
    assert "English text with tags (`tagger`), entities (`ner`)" in use and "`train`" in use
    found = section(card, "Limits")
    assert found.strip().startswith("Not for *law*.")
    assert "`ner` is significantly worse than trained alone: −5.0 points (−9.0 to −1.0)." in found
    assert "was shown for `mood` and `traits`" in found
    assert "Not calibrated: the confidences and class scores of `tagger`, `ner`, `mood`" in found
    assert section(card, "How to repeat it").split("\n")[2:4] == list(WORDS.commands)


def test_without_a_comparison(nlp: Language, tested: Evaluation) -> None:
    task = dataclasses.replace(tested.tasks[0], score=None, labelled=False)
    less = dataclasses.replace(tested, tasks=[task, *tested.tasks[1:]])
    nlp.get_pipe("multitask").tasks["ner"].temperature = 1.5  # type: ignore[attr-defined]
    try:
        card = make_card(nlp, META, less, None, Words("For *reviews*.", commands=["x"]))
    finally:
        nlp.get_pipe("multitask").tasks["ner"].temperature = 1.0  # type: ignore[attr-defined]
    assert "Of the test documents alone" in section(card, "Data")
    assert "| `traits` | 3 in 2 documents |" in section(card, "Data")
    assert "\n## Alone" not in card
    assert section(card, "Intended use").strip() == "For *reviews*."
    assert "| `tagger` | accuracy | – | nothing labelled | 0 |" in section(card, "Test scores")
    found = section(card, "Limits")
    assert "says nothing about it" not in found and "say nothing about it: `tagger`." in found
    assert "was not compared" in found and "of `ner` were calibrated" in found
    assert "tagger" not in [r["task"]["name"] for r in front(card)["model-index"][0]["results"]]


def test_names_and_labels_are_no_markup(tmp_path: Path) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    markup = ODD.replace(".", "")  # which the name of a task cannot have
    odd = make(tmp_path / "folder<i>", markup, fractions=[1.0])
    nlp = make_pipeline(odd)
    found = comparison_of(odd.folder, evaluated_tasks(nlp))
    meta = {**META, "name": ODD, "description": ODD, "author": ODD, "license": ODD}
    card = make_card(nlp, meta, evaluate(nlp, odd.test, 20), found, WORDS)
    assert front(card)["model-index"][0]["name"] == f"en_{ODD}"
    body = card.split("---\n", 2)[2]
    page = markdown_it.MarkdownIt("commonmark").enable("table").render(body)
    assert not {"script", "img", "a", "i"} & set(re.findall(r"<(\w+)", page))
    codes = set(map(html.unescape, re.findall(r"<code>([^<]*)</code>", page)))
    for task, labels in LABELS.items():
        assert {f"{name}{markup}" for name in (task, *labels)} <= codes


def test_a_comparison_of_other_tasks_is_refused(
    made: Made, nlp: Language, results: Results, tmp_path: Path
) -> None:
    tasks = evaluated_tasks(nlp)
    fewer = {name: task for name, task in tasks.items() if name != "ner"}
    with pytest.raises(MTLError, match=r"\(tagger, mood, traits\), got one of tagger, ner, mood"):
        comparison_of(made.folder, fewer)
    info = dataclasses.replace(results.tasks["ner"], labels=["LOC"])
    dataclasses.replace(results, tasks={**results.tasks, "ner": info}).save(tmp_path)
    with pytest.raises(MTLError, match="in which ner had other labels"):
        comparison_of(tmp_path, tasks)
    with pytest.raises(MTLError, match="the results of `spacy mtl compare`"):
        comparison_of(tmp_path / "none", tasks)


@pytest.mark.parametrize("content", ["[]", '{"performance": 1}', "{", None])
def test_what_is_no_pipeline_is_refused(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "meta.json").write_text(content)
    with pytest.raises(MTLError, match="^Expected .*meta.json"):
        read_meta(tmp_path)


def test_a_readme_of_others_is_kept(tmp_path: Path) -> None:
    check_readme(tmp_path)
    (tmp_path / "README.md").write_text(f"---\n---\n\n{MARK}\n\n# x\n")
    check_readme(tmp_path)
    (tmp_path / "README.md").write_text("# My own\n")
    with pytest.raises(MTLError, match="--force replaces it"):
        check_readme(tmp_path)


def test_how_tasks_decide(nlp: Language, tested: Evaluation) -> None:
    """By thresholds of labels, and not at all of what is refused."""
    blocks = {
        "topic": {"@mtl_tasks": "spacy_mtl.TextCat.v2", "exclusive": False},
        "intent": {"@mtl_tasks": "spacy_mtl.TextCat.v2"},
    }
    other = make_nlp(blocks)
    tasks = multitasks(other)["multitask"].tasks
    tasks["topic"].set_labels(["topic=a", "topic=b"])
    tasks["intent"].set_labels(["intent=a", "intent=b"])

    def lines() -> list[str]:
        each = [dataclasses.replace(tested.tasks[0], task=task) for task in tasks.values()]
        found = limits(dataclasses.replace(tested, tasks=each), None).splitlines()
        return [line for line in found if "threshold" in line or "without a class" in line]

    assert lines() == []
    tasks["topic"].label_thresholds = {"topic=a": 0.2}
    tasks["intent"].refuse_above = 1.0
    by_threshold, refusing = lines()
    assert "of `topic` counts as assigned from a threshold of its own, from 0.20 to 0.50" in (
        by_threshold
    )
    assert refusing.startswith("- `intent` can leave a text without a class")
