"""Whether a merged pipeline predicts what its parts predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import MTLError
from ..layers import table

TEXTS, WORDS = 100, 20
DIGITS = 4


def check_agreement(
    merged: Language, pipelines: Mapping[str, Language], texts: Sequence[str]
) -> None:
    """Check that the merged pipeline annotates texts as each of the others does.

    RAISES (MTLError): If something that one of them has annotated differs.
    """
    docs = list(merged.pipe(texts))
    for title, nlp in pipelines.items():
        for doc, expected in zip(docs, nlp.pipe(texts), strict=True):
            if (layer := _different(doc, expected)) is not None:
                raise MTLError(
                    f"Expected the merged pipeline to predict what {title} predicts, got other "
                    f"{layer} for the text {doc.text[:60]!r}. A component of one pipeline changes "
                    "what one of another sees, or one alone has norms of words (the table "
                    "'lexeme_norm'): merge them in another order, or leave it out."
                )


def some_texts(pipelines: Sequence[Language]) -> list[str]:
    """Texts of words that the pipelines have seen, the same for the same pipelines."""
    words = sorted({s for nlp in pipelines for s in nlp.vocab.strings if s and not s.isspace()})
    draw = Random(0)
    return [" ".join(draw.choices(words or ["a"], k=WORDS)) for _ in range(TEXTS)]


def _different(doc: Doc, expected: Doc) -> str | None:
    """What differs of what is expected, None if nothing does."""
    for layer in table().values():
        if not _agree(layer.to_json(doc), layer.to_json(expected)):
            return layer.title
    return None


def _agree(found: Any, expected: Any) -> bool:
    """Whether what is expected is there; of classes and groups of spans, others may be too."""
    if expected is None:
        return True
    if isinstance(expected, dict):
        own = found or {}
        return all(key in own and _agree(own[key], value) for key, value in expected.items())
    if isinstance(expected, float):
        return isinstance(found, float) and abs(found - expected) < 10**-DIGITS
    if isinstance(expected, (list, tuple)) and isinstance(found, (list, tuple)):
        return len(found) == len(expected) and all(map(_agree, found, expected))
    return bool(found == expected)
