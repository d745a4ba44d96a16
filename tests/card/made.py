"""A pipeline with the tasks of the comparison that `report.made` writes down."""

from __future__ import annotations

from pathlib import Path

import spacy
from pipeline.helpers import bare, make_nlp
from report.made import BLOCKS, Made
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example


def make_pipeline(made: Made) -> Language:
    """Not trained: it says something about each token and document."""
    nlp = make_nlp({f"{task}{made.odd}": block for task, block in BLOCKS.items()})
    docs = list(DocBin().from_disk(made.test).get_docs(nlp.vocab))
    nlp.initialize(lambda: [Example(bare(doc), doc) for doc in docs])
    return nlp


def save_pipeline(made: Made, folder: Path) -> Path:
    """As training would leave it, with dev scores and no name."""
    nlp = make_pipeline(made)
    nlp.meta["performance"] = {"ents_f": 0.5, "ner_f": 0.5, "ents_per_type": {"LOC": {"f": 0.5}}}
    nlp.to_disk(folder)
    assert "ner_f_test" not in spacy.load(folder).meta["performance"]
    return folder
