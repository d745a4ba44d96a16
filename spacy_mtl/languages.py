"""Languages, by their codes."""

from __future__ import annotations

import spacy
from spacy.language import Language

from .errors import MTLError, one_line

_MODULES = "spacy.lang."


def blank(lang: str) -> Language:
    """An empty pipeline of a language.

    RAISES (MTLError): If there is no such language, or it needs a package that is not installed.
    """
    try:
        return spacy.blank(lang)
    except ImportError as error:
        raise import_failed(error, lang) from error


def import_failed(error: ImportError, lang: str | None = None) -> MTLError:
    """What to tell of it: there is no such language, or what it says of a package that is needed,
    as the tokenizers of some languages do.

    lang: the code that was given, if it is at hand.
    """
    cause = error.__cause__
    if isinstance(cause, ModuleNotFoundError) and (cause.name or "").startswith(_MODULES):
        code = lang if lang is not None else (cause.name or "").removeprefix(_MODULES)
        return MTLError(f"Expected the code of a language, such as 'en', got {code!r}.")
    return MTLError(
        "Expected all packages that the pipeline needs, got one that is not installed: "
        f"{one_line(error)}"
    )
