"""The project's workflow, on files such as those of Universal Dependencies and Universal NER."""

from __future__ import annotations

import json
import shlex
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin

from .commands import ROOT, invoke

NAMES, VERBS = ["Ana", "Bob", "Cleo", "Dan"], ["visits", "likes", "left", "knows"]
PLACES, ENDS = ["Rome", "New York", "Oslo"], [".", "!"]
SIZES = {"train": (0, 48), "dev": (48, 72), "test": (72, 96)}
VARIABLES = shlex.split("--vars.corpus xx --vars.group 10 --vars.steps 10 --vars.eval_every 5")
TAGS = {".": ("PUNCT", ".", "_"), "!": ("PUNCT", ".", "_")}
TAGS |= dict.fromkeys(VERBS, ("VERB", "VBZ", "Tense=Pres|VerbForm=Fin"))
PROPER = ("PROPN", "NNP", "Number=Sing")

Token = tuple[str, str]  # a word and its entity tag


def sentences(split: str) -> list[list[Token]]:
    """Different short sentences in each split."""
    everything = sorted(product(NAMES, VERBS, PLACES, ENDS), key=lambda words: words[::-1])
    every_fifth = [everything[i * 5 % len(everything)] for i in range(len(everything))]
    start, end = SIZES[split]
    result = []
    for name, verb, place, mark in every_fifth[start:end]:
        first, *more = place.split()
        located = [(first, "B-LOC"), *((word, "I-LOC") for word in more)]
        result.append([(name, "B-PER"), (verb, "O"), *located, (mark, "O")])
    return result


def comments(split: str, number: int, sentence: list[Token]) -> list[str]:
    words = [word for word, _ in sentence]
    text = f"# text = {' '.join(words[:-1])}{words[-1]}"
    border = [f"# newdoc id = {split}-{number // 12}"] if number % 12 == 0 else []
    return [*border, f"# sent_id = {split}-{number}", text]


def conllu_row(number: int, word: str, n_words: int) -> str:
    """A line of a sentence: a name, a verb, a place of one or two words, a mark."""
    upos, xpos, feats = TAGS.get(word, PROPER)
    last = n_words - 1  # of the place
    arcs = {1: (2, "nsubj"), 2: (0, "root"), last: (2, "obj"), n_words: (2, "punct")}
    head, relation = arcs.get(number, (last, "compound"))
    misc = "SpaceAfter=No" if number == last else "_"
    columns = [number, word, word.lower(), upos, xpos, feats, head, relation, "_", misc]
    return "\t".join(map(str, columns))


def write_treebank(folder: Path) -> None:
    """The six files as they are published: tags in .conllu, entities in .iob2."""
    folder.mkdir()
    for split in SIZES:
        tags: list[str] = []
        entities: list[str] = []
        for number, sentence in enumerate(sentences(split)):
            tags += comments(split, number, sentence)
            entities += comments(split, number, sentence)
            for i, (word, entity) in enumerate(sentence, start=1):
                tags.append(conllu_row(i, word, len(sentence)))
                entities.append(f"{i}\t{word}\t{entity}\t-\t-")
            tags.append("")
            entities.append("")
        for suffix, lines in (("conllu", tags), ("iob2", entities)):
            path = folder / f"en_xx-ud-{split}.{suffix}"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_here(command: list[str], **options: Any) -> None:
    """A step's command in this process, where it is one of spaCy's: it starts much faster."""
    if command[1:3] != ["-m", "spacy"]:
        subprocess.run(command, check=True)
        return
    outcome = invoke(command[3:])
    assert outcome.code == 0, outcome.output


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project after the workflow; its last step builds no wheel, which would
    need the network, but all that goes into it."""
    folder = tmp_path_factory.mktemp("project")
    source = (ROOT / "project.yml").read_text(encoding="utf-8")
    assert "--build wheel" in source
    shortened = source.replace("--build wheel", "--build none")
    (folder / "project.yml").write_text(shortened, encoding="utf-8")
    (folder / "assets").mkdir()
    write_treebank(folder / "assets" / "xx")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("weasel.cli.run.run_command", run_here)
        outcome = invoke(["project", "run", "all", ".", *VARIABLES])
    assert outcome.code == 0, outcome.output
    return folder


def test_conversion(project: Path) -> None:
    vocab = spacy.blank("en").vocab
    docs = {
        path.stem: list(DocBin().from_disk(path).get_docs(vocab))
        for path in sorted((project / "corpus/xx/train").iterdir())
    }
    assert list(docs) == ["en_xx-ud-train_conllu", "en_xx-ud-train_iob2"]
    tagged, with_entities = docs.values()
    assert [len(list(doc.sents)) for doc in tagged] == [10, 2] * 4
    assert {doc.has_annotation("TAG") for doc in tagged} == {True}
    assert {doc.has_annotation("DEP", require_complete=True) for doc in tagged} == {True}
    assert {doc.has_annotation("ENT_IOB") for doc in tagged} == {False}
    assert {len(doc.ents) > 0 for doc in with_entities} == {True}
    assert {doc.has_annotation("TAG") for doc in with_entities} == {False}


def test_scores(project: Path) -> None:
    scores = json.loads((project / "reports/xx/scores.json").read_text(encoding="utf-8"))
    assert {"tag_acc", "pos_acc", "morph_acc", "ents_f"} <= set(scores)
    assert scores["tag_acc"] > 0.3


def test_page(project: Path) -> None:
    page = (project / "reports/xx/test.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 8


def test_training_is_not_repeated_for_its_card(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for step in ("train", "card", "evaluate", "package"):
        outcome = invoke(["project", "run", step, ".", *VARIABLES])
        assert outcome.code == 0 and f"Skipping '{step}'" in outcome.output


def test_package(project: Path) -> None:
    package = project / "packages/en_xx-0.1.0"
    card = (package / "README.md").read_text(encoding="utf-8")
    assert "# en_xx\n" in card and "| Version | `0.1.0` |" in card
    assert "| `ner` | F |" in card and "--vars.corpus xx --vars.lang en" in card
    nlp = spacy.load(package / "en_xx" / "en_xx-0.1.0")
    assert all(token.tag_ and token.pos_ for token in nlp("Ana visits Oslo."))
    meta = json.loads((package / "meta.json").read_text(encoding="utf-8"))
    assert any(requirement.startswith("spacy-mtl>=") for requirement in meta["requirements"])
    assert {"tag_acc", "tagger_accuracy_test", "ner_f_test_high"} <= set(meta["performance"])
    assert (package / "setup.py").exists()
