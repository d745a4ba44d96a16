import numpy as np
import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.morphs import features_of, morph_key, write_morphs


def test_features_in_their_standard_order(make_doc):
    assert features_of("Number=Sing|Case=Nom") == ["Case=Nom", "Number=Sing"]
    assert features_of("PronType=Rel,Int") == ["PronType=Int,Rel"]
    assert features_of("") == features_of("_") == []
    doc = make_doc("a b", morphs=["Case=Nom|Number=Sing", "_"])
    assert doc.to_array("MORPH").tolist() == [morph_key("Number=Sing|Case=Nom"), morph_key("_")]


@pytest.mark.parametrize("text", ["Nom", "Case=", "Case=Nom|", " Case=Nom"])
def test_what_is_no_string_of_features(text):
    for read in (features_of, morph_key):
        with pytest.raises(MTLError, match="Expected features like"):
            read(text)


@pytest.mark.parametrize("overwrite", [False, True])
def test_they_are_written(overwrite, make_doc):
    docs = [make_doc("a b"), make_doc(""), make_doc("c")]
    docs[0][1].set_morph("Case=Acc")
    write_morphs(docs, np.asarray([1, 0, 1]), ["Case=Nom", "_", "Never=Used"], overwrite)
    assert [str(token.morph) for doc in docs for token in doc] == [
        "", "Case=Nom" if overwrite else "Case=Acc", "",
    ]  # fmt: skip
    assert all(token.has_morph() for doc in docs for token in doc)
