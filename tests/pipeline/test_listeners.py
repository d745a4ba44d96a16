import pytest

from spacy_mtl.errors import MTLError

from .helpers import ENCODER, LISTENER, TASKS, make_examples, make_nlp, multitask


def test_another_encoder_between() -> None:
    """It would write over the vectors that prediction reads, and spaCy would not say so."""
    nlp = make_nlp(["tagger"])
    nlp.add_pipe("tok2vec", name="other", config={"model": ENCODER}, before="multitask")
    with pytest.raises(MTLError, match="no encoder between 'tok2vec' and 'multitask'.*got 'other'"):
        nlp.initialize(lambda: make_examples(nlp))


def test_two_components_each_behind_its_encoder() -> None:
    nlp = make_nlp(["tagger"])
    nlp.add_pipe("tok2vec", name="other", config={"model": ENCODER})
    model = {
        "@architectures": "spacy_mtl.HardSharing.v1",
        "tok2vec": {**LISTENER, "upstream": "other"},
    }
    settings = {"model": model, "tasks": {"ner": TASKS["ner"]}}
    nlp.add_pipe("multitask", name="second", config=settings)
    nlp.initialize(lambda: make_examples(nlp))
    assert nlp.pipe_names == ["tok2vec", "multitask", "other", "second"]


@pytest.mark.parametrize(
    ("upstream", "name"), [("tok2vec", "the encoder 'tok2vec'"), ("*", "an encoder")]
)
def test_annotating_in_training_needs_the_encoder_too(upstream: str, name: str) -> None:
    nlp = make_nlp(["tagger"])
    multitask(nlp).model.get_ref("tok2vec").upstream_name = upstream
    nlp.initialize(lambda: make_examples(nlp))
    message = f"vectors of {name} .*annotating_components = ..tok2vec., .multitask..$"
    with pytest.raises(MTLError, match=message):
        nlp.update(make_examples(nlp), annotates=["multitask"])
    nlp.update(make_examples(nlp), annotates=["tok2vec", "multitask"])
