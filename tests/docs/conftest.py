from collections.abc import Iterator
from pathlib import Path
from shutil import copy, copytree

import pytest
from evaluation.in_process import measure_in_process, train_in_process
from report.made import make
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from thinc.api import get_current_ops, set_current_ops

from .commands import ROOT, run

DEMO = ["--train", "corpus/demo/train", "--dev", "corpus/demo/dev"]
# Files of the reader's own, as the pages call them.
OWN_FILES = {
    "tags.conllu": "treebank.conllu",
    "labels.csv": "reviews.csv",
    "dev.jsonl": "dev.jsonl",
}


@pytest.fixture(autouse=True)
def same_device() -> Iterator[None]:
    """Pages that ask for a GPU leave the others where they were."""
    before = get_current_ops()
    yield
    set_current_ops(before)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone's folder after the demonstration, with a pipeline that was trained for seconds."""
    folder = tmp_path_factory.mktemp("clone")
    copytree(ROOT / "assets/demo", folder / "assets/demo")
    copytree(ROOT / "configs", folder / "configs")
    (folder / "packages").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        classes = ["--cats-from", "sentiment", "--cats-from", "topic"]
        done = [
            run(["mtl", "convert", "assets/demo", "corpus/demo", *classes]),
            run(["mtl", "init-config", "training/demo/config.cfg", *DEMO]),
            run(["train", "training/demo/config.cfg", "--output", "training/demo"]),
        ]
    assert [outcome.code for outcome in done] == [0, 0, 0], done[-1].output
    copytree(folder / "training/demo/model-best", folder / "training/model-best")
    make(folder / "comparison")
    _call_tasks_as_the_demo_does(folder / "comparison")
    for name, own in OWN_FILES.items():
        copy(ROOT / "assets/demo" / name, folder / own)
    return folder


def _call_tasks_as_the_demo_does(folder: Path) -> None:
    for path in folder.rglob("*.json"):
        path.write_text(_renamed(path.read_text("utf-8")), "utf-8")
    for path in folder.rglob("*.spacy"):
        docs = list(DocBin().from_disk(path).get_docs(Vocab()))
        for doc in docs:
            doc.cats = {_renamed(label): score for label, score in doc.cats.items()}
        DocBin(docs=docs, store_user_data=True).to_disk(path)


def _renamed(text: str) -> str:
    return text.replace("mood", "sentiment").replace("traits", "topic")


@pytest.fixture
def clone(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working directory."""
    copytree(demo, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    train_in_process(monkeypatch)
    measure_in_process(monkeypatch)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")
    return tmp_path
