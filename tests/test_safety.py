"""What the package never does: run code out of files, leave its folders, reach for the network."""

import ast
import pickle
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import torch
from pipeline.helpers import SENTENCES, TEXTS, make_nlp, train, trained
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

import spacy_mtl
from spacy_mtl.cli import app
from spacy_mtl.evaluation.visualize import render_page
from spacy_mtl.layers.proposals import identifier, unique

PACKAGE = Path(spacy_mtl.__file__).parent
# What runs code out of data, or unpacks it to where the data says.
MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "tarfile", "yaml"}
MODULES |= {"zipfile", "ftplib", "http", "requests", "socket", "telnetlib", "urllib", "httpx"}
ASKED = {"cluster/connection.py": {"import socket"}}  # to see if there is what --ray names
CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
ATTRIBUTES = {
    "load": {"torch", "yaml", "pickle", "joblib"},
    "save": {"torch"},
    "load_state_dict_from_url": {"torch", "hub"},
    "unpack_archive": {"shutil"},
    "system": {"os"},
    "popen": {"os"},
}
ANYWHERE = {"extractall", "extract_all", "pickle_loads", "pickle_dumps", "read_pickle", "to_pickle"}
MARKUP = "\"><script>alert(1)</script>&'<b>"


def offences(tree: ast.AST) -> Iterator[str]:
    """What a module must not have, by line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [] if node.level else [node.module or ""]
        else:
            names = []
        yield from (f"{line}: import {n}" for n in names if n.split(".")[0] in MODULES)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield f"{line}: {node.func.id}()"
        if isinstance(node, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in ANYWHERE or of in ATTRIBUTES.get(node.attr, ()):
                yield f"{line}: {of}.{node.attr}"
        if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell"):
            off = isinstance(node.value, ast.Constant) and node.value.value is False
            yield from () if off else (f"{line}: {node.arg}",)


def test_the_package_has_nothing_that_runs_code_out_of_data() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    found = {
        f"{path.relative_to(PACKAGE)}:{offence}"
        for path in files
        for offence in offences(ast.parse(path.read_text(encoding="utf-8")))
        if offence.partition(": ")[2] not in ASKED.get(str(path.relative_to(PACKAGE)), ())
    }
    assert len(files) > 50 and not found


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import urllib.request",
        "torch.load(p)",
        "torch.save(x, p)",
        "archive.extractall(p)",
        "eval(text)",
        "exec(text)",
        "yaml.load(f)",
        "np.load(p, allow_pickle=True)",
        "subprocess.run(c, shell=True)",
        "srsly.pickle_loads(b)",
    ],
)
def test_offences_are_found(code: str) -> None:
    assert len(list(offences(ast.parse(code)))) == 1


def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("this must not be called")

    for name in ("load", "loads", "dump", "dumps", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    for module, name in ((torch, "load"), (torch, "save"), (socket, "socket")):
        monkeypatch.setattr(module, name, refuse)
    for name in ("pickle_loads", "pickle_dumps"):
        monkeypatch.setattr(srsly, name, refuse)


@pytest.mark.parametrize("balanced", [False, True])
def test_a_pipeline_lives_without_pickle_and_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, balanced: bool
) -> None:
    nlp = make_nlp()
    if balanced:
        nlp.replace_pipe("tok2vec", "balanced_tok2vec", config={"model": encoder_of(nlp)})
    poison(monkeypatch)
    with pytest.raises(AssertionError, match="must not be called"):
        pickle.dumps(1)
    trained(nlp, 2)
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    train(loaded, 2)
    copy = make_from(loaded)
    texts = [doc.text for doc in copy.pipe(TEXTS)]
    assert texts == TEXTS and len(texts) == len(SENTENCES)
    written = [path.read_bytes()[:2] for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"} & set(written)


def encoder_of(nlp: Any) -> Any:
    return nlp.config["components"]["tok2vec"]["model"]


def make_from(nlp: Any) -> Any:
    return spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())


ODD_NAMES = ["../../out", "..", "/etc/passwd", "a/b\\c", "nul\x00l", "x" * 3000, "日" * 3000, "a:b"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_for_files_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    file = f"spans_{identifier(name)}.json"
    assert Path(file).name == file and "\x00" not in file
    (tmp_path / file).write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_names_that_differ_in_case_get_different_files() -> None:
    assert unique("Mood", {"mood"}) == "Mood_2" and unique("mood", {"topic"}) == "mood"


def run(*args: Any) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.output


def odd_corpus(path: Path) -> Path:
    """Documents whose groups have the names of files elsewhere."""
    nlp = spacy.blank("en")
    docs = []
    for text in ("Ana sings", "Bob reads", "Rio waits"):
        doc = nlp.make_doc(text)
        for name in (name for name in ODD_NAMES if "\x00" not in name):
            doc.spans[name] = [Span(doc, 0, 1, "X"), Span(doc, 1, 2, "Y")]
            doc.cats.update({f"{name}=a": float(text < "B"), f"{name}=b": float(text >= "B")})
        docs.append(doc)
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def test_init_config_writes_into_its_folder_alone(tmp_path: Path) -> None:
    train_file = odd_corpus(tmp_path / "data" / "..train.spacy")
    dev = odd_corpus(tmp_path / "data" / "dev.spacy")
    target = tmp_path / "deep" / "down" / "config.cfg"
    run("init-config", target, "--train", train_file, "--dev", dev)
    labels = target.with_name("config_labels")
    found = {path for path in tmp_path.rglob("*") if path.is_file()}
    inside = {path for path in found if path.parent == labels}
    assert found - inside == {train_file, dev, target}
    assert len(inside) == 2 * len([name for name in ODD_NAMES if "\x00" not in name])


def test_convert_writes_into_its_folder_alone(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    names = ["...csv", "a b.csv", "..dev.csv", "日" * 60 + ".csv", "-rf.csv", "%2e%2e%2f.csv"]
    for name in names:
        (source / name).write_text("text,label\nAna,a\n")
    run("convert", source, tmp_path / "out")
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    outside = [path for path in found if source not in path.parents]
    assert len(outside) == len(names)
    assert all(path.parent.parent == tmp_path / "out" for path in outside)


class Tags(HTMLParser):
    """The tags of a page, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_markup_is_shown_and_not_obeyed() -> None:
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=[MARKUP, "sings"], tags=[MARKUP, MARKUP], pos=["X", "X"])
    doc.set_ents([Span(doc, 0, 1, MARKUP)])
    doc.cats = {f"{MARKUP}={MARKUP}": 0.5, MARKUP: 0.5}
    doc.user_data["title"] = MARKUP
    page = Tags(render_page([doc], MARKUP))
    assert not {"script", "b"} & set(page.tags)
    assert page.text.count(MARKUP) >= 7


def test_the_name_of_a_pipeline_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.meta["name"] = MARKUP
    nlp.to_disk(tmp_path / "model")
    DocBin(docs=[nlp.make_doc(MARKUP)]).to_disk(tmp_path / "a.spacy")
    run("visualize", tmp_path / "model", tmp_path / "a.spacy", tmp_path / "new" / "page.html")
    page = Tags((tmp_path / "new" / "page.html").read_text(encoding="utf-8"))
    assert not {"script", "b"} & set(page.tags) and MARKUP in page.text
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


@pytest.mark.parametrize("what", ["model", "data"])
def test_visualize_refuses_in_one_line(tmp_path: Path, what: str) -> None:
    spacy.blank("en").to_disk(tmp_path / "model")
    (tmp_path / "a.spacy").write_bytes(b"none")
    if what == "model":
        (tmp_path / "model" / "config.cfg").write_text("[nlp")
    args = [tmp_path / "model", tmp_path / "a.spacy", tmp_path / "page.html"]
    result = CliRunner().invoke(app, ["visualize", *map(str, args)])
    assert result.exit_code == 1 and result.output.startswith("✘ Expected")
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "page.html").exists()
