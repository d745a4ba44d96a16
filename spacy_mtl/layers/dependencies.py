"""Dependency parses: the head of each token and the relation to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy
from spacy.tokens import Doc

from ..errors import MTLError
from .coverage import LayerCoverage
from .proposals import Found, Suggestion
from .sentences import count_sentences
from .tokens import TokenLayer
from .trees import Trees


class DependencyLayer(TokenLayer):
    """The heads and relations of tokens. A token without a relation has no head either.

    In JSON `heads` are the numbers of tokens from 0, that of the token itself for a root. spaCy
    takes the sentences of a parsed Doc from the parse.
    """

    name = "dep"
    title = "dependency relations"
    assigns = ("token.dep", "token.head")
    attrs = ("DEP", "HEAD")
    field = column = "deps"
    no_label = None
    components = ("parser",)

    @property
    def fields(self) -> Mapping[str, str]:
        return {"heads": "integers", "deps": "strings"}

    def values(self, doc: Doc) -> list[str | None]:
        return [f"{token.dep_} of {token.head.text!r}" if token.dep else None for token in doc]

    def propose(self, found: Found) -> Suggestion:
        return Suggestion("parser", {"@mtl_tasks": "spacy_mtl.Parser.v1"}, "dep_las")

    def coverages(self, doc: Doc) -> Iterator[tuple[str, LayerCoverage]]:
        for group, found in super().coverages(doc):
            found.sentences = count_sentences(doc)
            found.trees = Trees(doc)
            yield group, found

    def to_json(self, doc: Doc) -> Any:
        if not self.present(doc):
            return None
        return {"heads": [t.head.i for t in doc], "deps": [t.dep_ for t in doc]}

    def to_fields(self, doc: Doc) -> dict[str, Any]:
        return self.to_json(doc) or {}

    def from_json(self, doc: Doc, value: Any) -> None:
        if not isinstance(value, Mapping) or {*value} != {"heads", "deps"}:
            raise MTLError(f"Expected 'heads' and 'deps', got {value!r}.")
        heads, deps = (self.checked(doc, value[key]) for key in ("heads", "deps"))
        check_heads(heads, deps)
        self.set_parse(doc, heads, deps)

    def set_parse(self, doc: Doc, heads: Sequence[Any], deps: Sequence[str | None]) -> None:
        """Set heads, as numbers of tokens of the Doc, that `check_heads` has seen."""
        pairs = enumerate(zip(heads, deps, strict=True))
        keys = {dep: self.key(doc, dep) for dep in {*deps}}
        array: Any = numpy.empty((len(doc), 2), dtype="uint64")
        array[:, 0] = [keys[dep] for dep in deps]
        array[:, 1] = numpy.asarray([head - i if dep else 0 for i, (head, dep) in pairs])
        doc.from_array([*self.attrs], array)


class HeadError(MTLError):
    """A head that cannot be one. token: Its number, from 0."""

    def __init__(self, message: str, token: int) -> None:
        super().__init__(message)
        self.token = token


def check_heads(heads: Sequence[Any], deps: Sequence[str | None], first: int = 0) -> None:
    """Raise a `HeadError` if the heads of tokens with a relation are not numbers of these tokens,
    or go round in a circle.

    first: The number that messages give to the first token.
    """
    n_tokens = len(heads)
    for i, (head, dep) in enumerate(zip(heads, deps, strict=True)):
        if dep and not (type(head) is int and 0 <= head < n_tokens):
            came = head + first if type(head) is int else head
            raise HeadError(
                f"Expected as head of token {i + first} the number of one of the {n_tokens} "
                f"tokens, from {first}, got {came!r:.60}.",
                i,
            )
    _check_for_circles(heads, deps, first)


def _check_for_circles(heads: Sequence[int], deps: Sequence[str | None], first: int) -> None:
    reached = [-1] * len(heads)  # by the walk from which token
    for start in range(len(heads)):
        i = start
        while reached[i] < 0:
            reached[i] = start
            if not deps[i] or heads[i] == i:
                break
            i = heads[i]
        else:
            if reached[i] == start:
                raise HeadError(
                    f"Expected heads that lead to a root, got a circle through token {i + first}.",
                    i,
                )
