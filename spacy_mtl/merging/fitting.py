"""What pipelines must have in common to become one, and what the one takes over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spacy.attrs import NORM
from spacy.lang.lex_attrs import LEX_ATTRS
from spacy.language import Language
from spacy.util import add_lookups, get_lang_class
from thinc.api import Config, to_numpy

from ..errors import MTLError

_NORMS = "lexeme_norm"  # of words, which encoders see


def check_fitting(pipelines: Mapping[str, Language]) -> None:
    """RAISES (MTLError): If there are not two, or languages, tokenizers or vectors differ."""
    if len(pipelines) < 2:
        raise MTLError(f"Expected two pipelines or more to merge, got {len(pipelines)}.")
    (first, one), *others = pipelines.items()
    for title, other in others:
        if other.lang != one.lang:
            _differ("one language", f"'{one.lang}' in {first}", f"'{other.lang}' in {title}")
        if _tokenizer(other) != _tokenizer(one):
            _differ("one way to split texts into tokens", f"that of {first}", f"that of {title}")
    with_norms = [
        (title, nlp.vocab.lookups.get_table(_NORMS))
        for title, nlp in pipelines.items()
        if _NORMS in nlp.vocab.lookups
    ]
    for (first, norms), (title, others_norms) in zip(with_norms, with_norms[1:], strict=False):
        if dict(norms) != dict(others_norms):
            _differ(f"the same table '{_NORMS}', or none", f"that of {first}", f"that of {title}")
    with_vectors = [(title, nlp) for title, nlp in pipelines.items() if len(nlp.vocab.vectors)]
    for (first, one), (title, other) in zip(with_vectors, with_vectors[1:], strict=False):
        if not _same_vectors(one, other):
            _differ("the same word vectors, or none", f"those of {first}", f"those of {title}")


def copied(nlp: Language) -> Language:
    """A pipeline like this one, with which it shares nothing."""
    copy = get_lang_class(str(nlp.lang)).from_config(nlp.config, validate=False)
    return copy.from_bytes(nlp.to_bytes())


def made_of(config: Config, pipelines: Sequence[Language]) -> Language:
    """The pipeline of a config, with what it takes over of the others; their components' numbers
    are to be set."""
    nlp = get_lang_class(str(pipelines[0].lang)).from_config(config, validate=False)
    _take_over(nlp, pipelines)
    _describe(nlp, pipelines)
    return nlp


def _take_over(nlp: Language, pipelines: Sequence[Language]) -> None:
    """Give a new pipeline the tokenizer, strings, lookups and vectors of others that fit."""
    own, given = (each.tokenizer for each in (nlp, pipelines[0]))
    if hasattr(own, "from_bytes") and hasattr(given, "to_bytes"):
        own.from_bytes(given.to_bytes(exclude=["vocab"]))
    for each in pipelines:
        for string in each.vocab.strings:
            nlp.vocab.strings.add(string)
        for name in each.vocab.lookups.tables:
            if not nlp.vocab.lookups.has_table(name):
                nlp.vocab.lookups.add_table(name, each.vocab.lookups.get_table(name))
        if len(each.vocab.vectors) and not len(nlp.vocab.vectors):
            nlp.vocab.vectors = each.vocab.vectors
    if _NORMS in nlp.vocab.lookups:  # which spaCy reads when a vocabulary is loaded, and only then
        vocab: Any = nlp.vocab
        getters, table = vocab.lex_attr_getters, vocab.lookups.get_table(_NORMS)
        getters[NORM] = add_lookups(getters.get(NORM, LEX_ATTRS[NORM]), table)


def _describe(nlp: Language, pipelines: Sequence[Language]) -> None:
    """Note in its meta what holds of all of them: licences, required packages, sources."""
    licences = dict.fromkeys(own for each in pipelines if (own := each.meta.get("license")))
    nlp.meta["license"] = " AND ".join(licences)
    for key in ("requirements", "sources"):
        parts = [part for each in pipelines for part in each.meta.get(key) or ()]
        if found := [part for n, part in enumerate(parts) if part not in parts[:n]]:
            nlp.meta[key] = found


def _tokenizer(nlp: Language) -> bytes:
    tokenizer = nlp.tokenizer
    if not hasattr(tokenizer, "to_bytes"):
        return type(tokenizer).__name__.encode()
    return bytes(tokenizer.to_bytes(exclude=["vocab"]))


def _same_vectors(one: Language, other: Language) -> bool:
    first, second = one.vocab.vectors, other.vocab.vectors
    if first.shape != second.shape or first.key2row != second.key2row:
        return False
    return bool((to_numpy(first.data) == to_numpy(second.data)).all())


def _differ(wanted: str, first: str, second: str) -> None:
    raise MTLError(
        f"Expected pipelines with {wanted}, got {first} and {second}. Train them on the same base."
    )
