"""Configs in files, and paths in configs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from spacy.language import Language
from thinc.api import Config

from .errors import MTLError


def config_text(config: Config) -> str:
    """What to write to a file that spaCy loads as this config.

    `Config.to_str` writes $ as $$. spaCy loads a file without undoing that, as it fills in the
    variables only later, from a text of its own.
    """
    return _as_loaded(f"{config.to_str()}\n")


def with_comments(text: str, comments: Mapping[str, str]) -> str:
    """The text of a config with comments in lines of their own above settings.

    comments: by the dotted path of the setting, as "training.patience"; without the setting, there
        is no comment.
    """
    lines: list[str] = []
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        comment = comments.get(f"{section}.{line.partition(' = ')[0]}")
        if comment is not None and " = " in line:
            lines += textwrap.wrap(comment, 98, initial_indent="# ", subsequent_indent="# ")
        lines.append(line)
    return "\n".join(lines) + "\n"


def save_pipeline(nlp: Language, folder: Path) -> None:
    """Write a pipeline to a folder, with a config that can be trained from."""
    nlp.to_disk(folder)
    file = folder / "config.cfg"
    text = file.read_text(encoding="utf8")
    if "$$" in text:
        file.write_text(_as_loaded(text), encoding="utf8")


def _as_loaded(text: str) -> str:
    return text.replace("$$", "$")


def path_setting(path: Path) -> str:
    """A path as the value of a setting.

    RAISES (MTLError): If a config would take a part of it for a variable.
    """
    if "${" in str(path):
        raise MTLError(
            f"Expected a path without '${{', which begins a variable in a config, got {path}. "
            "Rename the file or folder, or make a link to it and name that."
        )
    return path.as_posix()
