"""The page of a command."""

from __future__ import annotations

import inspect
import re

from .commands import Command, shown_default
from .tables import settings_table

_VERBATIM = re.compile(r"\x08\n(?P<text>.*?)(?=\n\n|\Z)", re.S)


def command_page(command: Command) -> str:
    """The page of a command, as Markdown."""
    about, examples = help_text(command)
    parts = [f"# {' '.join(['spacy', *command.words])}", f"```bash\n{command.usage}\n```", about]
    for kind, known in (("Argument", command.arguments), ("Option", command.options)):
        if known:
            parts.append(f"## {kind}s\n\n" + settings_table(kind, known, shown_default))
    if examples:
        parts.append(f"## Examples\n\n```bash\n{examples}\n```")
    return "\n\n".join(parts) + "\n"


def help_text(command: Command) -> tuple[str, str]:
    """The help as Markdown, and its examples. A backspace begins a block that is verbatim."""
    examples: list[str] = []

    def verbatim(match: re.Match[str]) -> str:
        text = match["text"]
        if not text.startswith("Examples:\n"):
            return f"```text\n{text}\n```"
        lines = inspect.cleandoc(text.removeprefix("Examples:\n")).splitlines()
        examples.extend(f"python -m {line}" for line in lines)
        return ""

    about = _VERBATIM.sub(verbatim, inspect.getdoc(command.function) or "")
    return about.strip(), "\n".join(examples)
