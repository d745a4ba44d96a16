"""What becomes of a document's own data."""

import spacy

from spacy_mtl.bulk.encoding import SpacyEncoder
from spacy_mtl.bulk.records import Record


def test_what_the_pipeline_set_is_not_replaced_by_the_input() -> None:
    doc = spacy.blank("en").make_doc("one two")
    doc.user_data.update(version="new", own=1)
    record = Record("one two", {}, user_data={"version": "old", "id": 7})
    assert SpacyEncoder().row(doc, record).user_data == {"version": "new", "own": 1, "id": 7}
