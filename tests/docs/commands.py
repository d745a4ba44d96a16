"""The shell commands in the documentation: checked, and those of spaCy's that are cheap run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import spacy.cli
import srsly
import typer
from typer.testing import CliRunner

import spacy_mtl.cli  # noqa: F401  adds the commands to spaCy's

ROOT = Path(__file__).parents[2]
# What is added to a command so that it takes seconds, and does not need the network.
SHORT = {
    ("train",): ["--training.max_steps", "4", "--training.eval_frequency", "2"],
    ("mtl", "affinity"): ["--steps", "4", "--every", "2"],
    ("mtl", "train"): ["--training.max_steps", "4", "--training.eval_frequency", "2"],
    ("mtl", "compare"): [
        "--steps",
        "2",
        "--seeds",
        "1",
        "--jobs",
        "1",
        "--training.eval_frequency",
        "2",
    ],
    ("package",): ["--build", "none"],
    ("pretrain",): ["--pretraining.max_epochs", "1"],
    ("benchmark", "speed"): ["--batch-size", "4", "--warmup", "0"],
}
# Commands about the reader's environment, of which nothing can be checked.
ENVIRONMENT = ("python -m venv ", ". .venv/", "source .venv/", "cd ", "git clone ")


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    output: str


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a block, each as its words."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words:
            yield words


def check(words: Sequence[str]) -> list[str]:
    """Check that there is such a command with these options.

    The arguments for spaCy's command line, if it is one of its that can be run here.
    """
    line = " ".join(words)
    if line.startswith(ENVIRONMENT):
        return []
    if words[0] == "pip" or line.startswith("python -m pip "):
        _check_pip(line)
    elif words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for target in words[1:]:
            assert "=" in target or re.search(rf"^{target}:", makefile, re.M), f"no {target}"
    elif line.startswith("python -m pytest"):
        _check_markers(words)
    elif line.startswith("python -m benchmarks."):
        app = typer.Typer()
        app.command()(import_module(words[2]).main)
        _check_options(words[3:], typer.main.get_command(app))
    else:
        return _check_spacy(words)
    return []


def run(args: Sequence[str]) -> Outcome:
    """Run a command of spaCy's in this process, shortened and on the CPU."""
    more = next((more for start, more in SHORT.items() if tuple(args[: len(start)]) == start), [])
    device = ["--gpu-id", "-1"] if "--gpu-id" in args else []
    return invoke([*args, *more, *device])


def invoke(args: Sequence[str]) -> Outcome:
    """Run a command of spaCy's in this process."""
    result = CliRunner().invoke(spacy.cli.app, list(args))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.output)


def _check_spacy(words: Sequence[str]) -> list[str]:
    if words[0] == "spacy":
        args = list(words[1:])
    else:
        assert list(words[:3]) == ["python", "-m", "spacy"], f"an unknown command: {words}"
        args = list(words[3:])
    _check_options(args, typer.main.get_command(spacy.cli.app))
    if args[:2] == ["project", "run"]:
        _check_project(args[2:])
        return []
    return args


def _check_options(args: Sequence[str], command: Any) -> None:
    """Every option is known; an override ("--training.max_steps") is checked by running it."""
    rest = list(args)
    while hasattr(command, "commands"):
        name = rest.pop(0)
        assert name in command.commands, f"no command {name!r} in spacy {' '.join(args)}"
        command = command.commands[name]
    known = {option for param in command.params for option in param.opts + param.secondary_opts}
    for arg in rest:
        name = arg.split("=")[0]
        if name.startswith("-") and "." not in name:
            assert name in known | {"--help"}, f"no option {name} in spacy {' '.join(args)}"


def _check_project(args: Sequence[str]) -> None:
    """There is such a workflow or command, and the variables that are set."""
    project = srsly.read_yaml(ROOT / "project.yml")
    names = {*project["workflows"], *(command["name"] for command in project["commands"])}
    assert args[0] in names, f"no {args[0]} in project.yml"
    assert len(args) == 1 or args[1] == ".", "the folder must come before the variables"
    for arg in args[2:]:
        if arg.startswith("--vars."):
            name = arg.removeprefix("--vars.").split("=")[0]
            assert name in project["vars"], f"no variable {name} in project.yml"
            assert "--" not in arg[2:], f"spaCy would take the dashes out of {arg}"


def _check_pip(line: str) -> None:
    """The extras of this package are in setup.cfg."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    for extras in re.findall(r"(?:\.|spacy-mtl)\[([^\]]+)\]", line):
        unknown = set(extras.split(",")) - set(config["options.extras_require"])
        assert not unknown, f"no extra {unknown} in setup.cfg"


def _check_markers(words: Sequence[str]) -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for flag, value in zip(words, words[1:], strict=False):
        if flag == "-m" and value != "pytest":
            assert f'"{value}:' in pyproject, f"no marker {value}"
