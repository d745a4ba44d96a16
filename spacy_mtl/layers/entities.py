"""Entities: flat spans, of which each token is in one, outside, or not known to be either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..marks import INCORRECT_SPANS
from ._spans import count_at_blanks, spans_from_json, spans_to_json
from .coverage import LayerCoverage
from .proposals import Found, Suggestion
from .tokens import TokenLayer

_INSIDE, _OUTSIDE, _BEGIN = 1, 2, 3  # values of ENT_IOB


class EntityLayer(TokenLayer):
    """`doc.ents`; a token known to be outside of entities is labelled."""

    name = "ents"
    title = "entities"
    assigns = ("doc.ents",)
    attrs = ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID")
    field = "entities"
    json_type = "spans"
    by_token = False
    column = "ner"
    label_name = "entity tag"
    no_label = ("", "_", "-")

    def denial(self, doc: Doc) -> int:
        return _OUTSIDE

    def values(self, doc: Doc) -> list[str | None]:
        pairs = ((token.ent_iob_, token.ent_type_) for token in doc)
        return ["-".join(filter(None, pair)) or None for pair in pairs]

    def labels(self, doc: Doc) -> Counter[str]:
        """Of entities, also where `count_broken_entities` finds some, at which `doc.ents` fails."""
        iob, types = _arrays(doc)
        keys = types[iob == _BEGIN].tolist()
        return Counter(doc.vocab.strings[key] for key in keys if key)

    def coverages(self, doc: Doc) -> Iterator[tuple[str, LayerCoverage]]:
        if not (n_units := self.count(doc)):
            return
        found = LayerCoverage(n_units, self.labels(doc))
        if not count_broken_entities(doc):
            found.at_blanks = count_at_blanks(doc.ents)
            crossing = (any(token.is_sent_start for token in ent[1:]) for ent in doc.ents)
            found.across_sentences = sum(crossing)
        yield "", found

    def to_json(self, doc: Doc) -> Any:
        return spans_to_json(doc.ents) if self.present(doc) else None

    def from_json(self, doc: Doc, value: Any) -> None:
        doc.set_ents(spans_from_json(doc, value))

    def propose(self, found: Found) -> Suggestion:
        settings: dict[str, Any] = {"@mtl_tasks": "spacy_mtl.NER.v1"}
        comments = {}
        if found.pretrained:
            settings["crf"] = True
            comments["crf"] = "Labels of neighbours are learned together, at little cost here."
        if found.rejected:
            settings.update(crf=True, incorrect_spans_key=INCORRECT_SPANS)
        return Suggestion("ner", settings, "ents_f", comments)


def count_broken_entities(doc: Doc) -> int:
    """Number of tokens whose ENT_IOB and ENT_TYPE contradict each other.

    They have a type and are in no entity, are in one without a type, or go on with an entity that
    nothing began. This comes of saving one of the two attributes, or of setting them by hand.
    """
    iob, types = _arrays(doc)
    in_entity = (iob == _INSIDE) | (iob == _BEGIN)
    before = numpy.concatenate([[False], in_entity[:-1]])
    return int(numpy.count_nonzero((in_entity != (types != 0)) | (iob == _INSIDE) & ~before))


def _arrays(doc: Doc) -> tuple[NDArray[Any], NDArray[Any]]:
    return doc.to_array(["ENT_IOB"]), doc.to_array(["ENT_TYPE"])
