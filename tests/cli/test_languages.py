"""Languages that need a package, and codes of none, in every command that meets one."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.util import load_config, load_config_from_str, registry
from typer.testing import CliRunner

from spacy_mtl.cli import app

NEEDS = "Klingon needs tlhIngan. Install it with `pip install tlh`."


@registry.tokenizers("klingon.v1")
def klingon_tokenizer() -> Any:
    def make(nlp: Language) -> Any:
        raise ImportError(NEEDS)

    return make


class KlingonDefaults(Language.Defaults):
    config = load_config_from_str('[nlp]\n[nlp.tokenizer]\n@tokenizers = "klingon.v1"')


@registry.languages("tlh")
class Klingon(Language):
    lang = "tlh"
    Defaults = KlingonDefaults


@pytest.fixture
def files(corpora: Path) -> None:
    """For each code, a config and a pipeline of it."""
    Path("words.txt").write_text("Qapla'\tX\n")
    assert mtl("init-config", "c.cfg", *DATA).exit_code == 0
    spacy.blank("en").to_disk("blank")
    for code in ("tlh", "qq"):
        config = load_config("c.cfg")
        config["nlp"].update(lang=code, tokenizer={"@tokenizers": "klingon.v1"})
        config.to_disk(f"{code}.cfg")
        shutil.copytree("blank", f"{code}_model")
        text = Path("blank/config.cfg").read_text(encoding="utf8")
        text = text.replace('lang = "en"', f'lang = "{code}"')
        text = text.replace("spacy.Tokenizer.v1", "klingon.v1")
        Path(f"{code}_model/config.cfg").write_text(text, encoding="utf8")


DATA = ("--train", "moods.spacy", "--dev", "dev.spacy")
COMMANDS = [
    (
        "convert",
        "words.txt",
        "o.spacy",
        "--format",
        "columns",
        "--columns",
        "form,tag",
        "-l",
        "CODE",
    ),
    ("init-config", "new.cfg", *DATA, "--lang", "CODE"),
    ("train", "CODE.cfg", "--output", "out"),
    ("compare", "CODE.cfg", "--output", "cmp", "--test", "dev.spacy"),
    ("affinity", "CODE.cfg", "--output", "aff"),
    ("annotate", "CODE_model", "words.txt", "out.jsonl", "--input-format", "text"),
    ("calibrate", "CODE_model", "dev.spacy"),
    ("card", "CODE_model", "--test", "dev.spacy"),
    ("convert-weights", "CODE_model", "faster"),
    ("visualize", "CODE_model", "dev.spacy", "docs.html"),
]


def mtl(*args: str) -> Any:
    return CliRunner().invoke(app, args)


@pytest.mark.parametrize(("code", "expected"), [("tlh", NEEDS), ("qq", "qq")])
def test_told_in_every_command(files, code, expected):
    for command in COMMANDS:
        result = mtl(*(part.replace("CODE", code) for part in command))
        assert isinstance(result.exception, SystemExit), (command, result.exception)
        assert result.exit_code == 1, result.output
        assert result.stderr.lstrip().startswith("✘"), result.stderr
        assert expected in " ".join(result.stderr.split())
