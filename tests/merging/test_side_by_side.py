from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.helpers import TASKS, TEXTS, annotation, make_nlp, multitask, trained
from spacy.language import Language

from spacy_mtl.errors import MTLError
from spacy_mtl.merging.agreement import check_agreement, some_texts
from spacy_mtl.merging.side_by_side import merged, written_by


@pytest.fixture(scope="module")
def tags() -> Language:
    return trained(make_nlp(["tagger", "sentiment"]), 10)


@pytest.fixture(scope="module")
def entities() -> Language:
    return trained(make_nlp(["ner", "topic"]), 10, seed=1)


def test_does_what_both_do(tags: Language, entities: Language, tmp_path: Any) -> None:
    nlp = merged({"one": tags, "other": entities})
    assert nlp.pipe_names == ["tok2vec", "multitask", "tok2vec_2", "multitask_2"]
    nlp.to_disk(tmp_path / "merged")
    loaded = spacy.load(tmp_path / "merged")
    for text in TEXTS:
        first, second = annotation(tags(text)), annotation(entities(text))
        for found in (annotation(nlp(text)), annotation(loaded(text))):
            assert found["tag"] == first["tag"]
            assert found["ents"] == second["ents"]
            assert found["cats"] == {**first["cats"], **second["cats"]}


def test_listeners_that_hear_all_hear_their_own(entities: Language) -> None:
    """`upstream = "*"` would hear the encoder of the other pipeline too."""
    tagger = spacy.blank("en")
    from pipeline.helpers import ENCODER, LISTENER

    tagger.add_pipe("tok2vec", config={"model": ENCODER})
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": {**LISTENER, "upstream": "*"}}
    config = {"model": model, "tasks": {"tagger": TASKS["tagger"]}}
    tagger.add_pipe("multitask", config=config)
    trained(tagger, 5)
    nlp = merged({"one": entities, "other": tagger})
    block = nlp.config["components"]["multitask_2"]["model"]["tok2vec"]
    assert block["upstream"] == "tok2vec_2"
    check_agreement(nlp, {"one": entities, "other": tagger}, TEXTS)


def test_beside_components_of_spacys(tags: Language) -> None:
    other = spacy.blank("en")
    other.add_pipe("sentencizer")
    nlp = merged({"one": tags, "other": other})
    check_agreement(nlp, {"one": tags, "other": other}, TEXTS)
    assert list(nlp("Ana visits Rio. Bob too.").sents)


def test_two_that_write_the_same(tags: Language) -> None:
    with pytest.raises(MTLError, match="got doc.cats.* from one and from other|token.tag from one"):
        merged({"one": tags, "other": tags})


@pytest.mark.parametrize("second, fits", [("other", True), ("ruler", False)])
def test_stock_components_write_where_they_are_told_to(second: str, fits: bool) -> None:
    pipelines = {}
    for title, key in (("one", "ruler"), ("two", second)):
        nlp = spacy.blank("en")
        ruler: Any = nlp.add_pipe("span_ruler", config={"spans_key": key})
        ruler.add_patterns([{"label": "CITY", "pattern": "Rio"}])
        pipelines[title] = nlp
    if fits:
        nlp = merged(pipelines)
        check_agreement(nlp, pipelines, TEXTS)
        assert set(nlp("Ana visits Rio.").spans) == {"ruler", "other"}
    else:
        with pytest.raises(MTLError, match=r"got doc.spans\['ruler'\] from one and from two"):
            merged(pipelines)


def test_all_that_a_part_annotates_is_compared(tags: Language) -> None:
    """Also what its components do not say that they write."""
    other = spacy.blank("en")
    ruler: Any = other.add_pipe("attribute_ruler")
    ruler.add([[{"ORTH": "Ana"}]], {"TAG": "RULED"})
    with pytest.raises(MTLError, match="predict what one predicts, got other tags"):
        check_agreement(merged({"one": tags, "other": other}), {"one": tags}, TEXTS)


def test_what_its_parts_say_of_themselves(tags: Language) -> None:
    first, second = spacy.blank("en"), spacy.blank("en")
    first.meta.update(license="MIT", requirements=["some>=1", "both"])
    second.meta.update(license="CC BY-SA 4.0", requirements=["both", "other"])
    meta = merged({"one": tags, "two": first, "three": second}).meta
    assert meta["license"] == "MIT AND CC BY-SA 4.0"
    assert meta["requirements"] == ["some>=1", "both", "other"]


def test_what_is_written(tags: Language) -> None:
    assert written_by(tags) == {
        "token.tag",
        "doc.cats['sentiment=neg']",
        "doc.cats['sentiment=pos']",
    }


def test_other_languages_and_tokenizers(tags: Language, entities: Language) -> None:
    with pytest.raises(MTLError, match="Expected pipelines with one language, got 'en' in one"):
        merged({"one": tags, "other": spacy.blank("de")})
    other = spacy.blank("en")
    other.tokenizer.token_match = __import__("re").compile("x+").match  # type: ignore[union-attr]
    with pytest.raises(MTLError, match="one way to split texts"):
        merged({"one": tags, "other": other})
    with pytest.raises(MTLError, match="Expected two pipelines or more"):
        merged({"one": tags})


def test_vectors(tags: Language) -> None:
    first, second = spacy.blank("en"), spacy.blank("en")
    for nlp, value in ((first, 1.0), (second, 2.0)):
        nlp.vocab.set_vector("Ana", np.full(3, value, "f"))
    found = merged({"one": tags, "other": first})
    assert found.vocab.get_vector("Ana").tolist() == [1, 1, 1]
    assert merged({"one": first, "other": first}).vocab.get_vector("Ana").tolist() == [1, 1, 1]
    with pytest.raises(MTLError, match="the same word vectors, or none"):
        merged({"one": first, "other": second})


def test_a_part_that_predicts_something_else_is_told(tags: Language, entities: Language) -> None:
    nlp = merged({"one": tags, "other": entities})
    head: Any = multitask(nlp).model.get_ref("head:tagger").get_ref("output").get_param("W")
    head[...] = -head
    with pytest.raises(MTLError, match="predict what one predicts, got other tags for the text"):
        check_agreement(nlp, {"one": tags, "other": entities}, TEXTS)


def test_texts_are_of_words_that_were_seen(tags: Language, entities: Language) -> None:
    found = some_texts([tags, entities])
    assert found == some_texts([tags, entities])
    assert len(found) == 100 and any("Ana" in text for text in found)


def test_norms_are_those_of_the_loaded_pipeline(tags: Language, tmp_path: Any) -> None:
    other = spacy.blank("en")
    other.add_pipe("sentencizer")
    other.vocab.lookups.add_table("lexeme_norm", {"Ana": "hates", "Bob": "sunny", "Rio": "."})
    nlp = merged({"one": tags, "other": other})
    nlp.to_disk(tmp_path / "merged")
    loaded = spacy.load(tmp_path / "merged")
    found = [[token.norm_ for token in each("Ana met Bob")] for each in (nlp, loaded)]
    assert found[0] == found[1] == ["hates", "met", "sunny"]
    third = spacy.blank("en")
    third.vocab.lookups.add_table("lexeme_norm", {"Ana": "Anna"})
    with pytest.raises(MTLError, match="the same table 'lexeme_norm', or none, got that of other"):
        merged({"one": tags, "other": other, "third": third})
