"""Make the model card of a pipeline's folder, and put it there with its test scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language

from ..comparison.results import Results
from ..errors import MTLError, one_line
from ..files import write_all_whole
from .evaluate import Evaluation
from .front_matter import front_matter
from .limits import intended_use, limits
from .markdown import code_block, text
from .measured import coverages, data, facts, scores, tasks
from .sharing import sharing

README, META = "README.md", "meta.json"
MARK = (
    "<!-- Written by `spacy mtl card`, which replaces this file. "
    "Without this line, it leaves it alone. -->"
)


@dataclass(frozen=True)
class Words:
    """What the author adds, as Markdown.

    intended_use: in place of what follows from the data. limits: beside those that are known.
    commands: what made the pipeline, comparison and card, in their order.
    """

    intended_use: str = ""
    limits: str = ""
    commands: Sequence[str] = ()


def read_meta(model: Path) -> dict[str, Any]:
    """The `meta.json` of a pipeline's folder.

    RAISES (MTLError): If it is not one, or what is there cannot be added to.
    """
    try:
        meta = json.loads((model / META).read_text(encoding="utf-8"))  # srsly's is less exact
    except (OSError, ValueError) as error:
        raise MTLError(
            f"Expected the folder of a trained pipeline, got {model}, whose {META} cannot be read: "
            f"{one_line(error)}"
        ) from error
    if not isinstance(meta, dict) or not isinstance(meta.get("performance", {}), dict):
        raise MTLError(
            f"Expected in {model / META} an object, with an object as 'performance', got something "
            "else. Save the pipeline again."
        )
    return meta


def is_card(path: Path) -> bool:
    """Whether a file is one that this module has written.

    RAISES (MTLError): If it is there and cannot be read.
    """
    try:
        return MARK in path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise MTLError(
            f"Expected to be able to read {path}, got: {error.strerror or error}."
        ) from error


def check_readme(model: Path) -> None:
    """RAISES (MTLError): If the folder has a README.md that is not a card of ours."""
    path = model / README
    if not is_card(path) and path.exists():
        raise MTLError(
            f"Expected to write {path}, but there is one that this command has not written. "
            "--force replaces it."
        )


def make_card(
    nlp: Language, meta: dict[str, Any], tested: Evaluation, results: Results | None, words: Words
) -> str:
    """The card, as Markdown with YAML at its beginning.

    meta: of `meta.json`. results: of a comparison of the pipeline's config, if there is one.
    """
    meta = {**nlp.meta, **meta}
    name = f"{meta['lang']}_{meta['name'].removeprefix(meta['lang'] + '_')}"  # as packages are
    parts = {
        "Tasks": tasks(tested),
        "Test scores": scores(tested),
        "Data": data(coverages(nlp, tested, results)),
        "Alone or together": sharing(results) if results else "",
        "Intended use": words.intended_use or intended_use(nlp, tested, results),
        "Limits": "\n\n".join(filter(None, [words.limits, limits(tested, results)])),
        "How to repeat it": code_block(words.commands),
    }
    head = [front_matter(meta, name, tested), MARK, f"# {text(name)}"]
    head += [text(str(meta["description"]))] if meta.get("description") else []
    sections = [f"## {title}\n\n{body}" for title, body in parts.items() if body]
    return "\n\n".join([*head, facts(meta, name), *sections]) + "\n"


def write_card(model: Path, card: str, meta: dict[str, Any], tested: Evaluation) -> None:
    """Put the card into a pipeline's folder, and its scores beside those in `meta.json`.

    RAISES (MTLError): If that cannot be done; then both files are as before.
    """
    figures = {key: value for each in tested.tasks for key, value in each.figures.items()}
    meta = {**meta, "performance": {**meta.get("performance", {}), **figures}}
    described = json.dumps(meta, indent=2, ensure_ascii=False)
    written = {model / README: card, model / META: described}
    # Half a surrogate pair, which JSON can hold, is no UTF-8; with a backslash, it is JSON again.
    write_all_whole(
        {path: each.encode(errors="backslashreplace") for path, each in written.items()}
    )
