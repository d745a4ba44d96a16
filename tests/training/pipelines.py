"""Tiny trained pipelines with spaCy's convolutional encoders."""

from typing import Any

import numpy
import spacy
from pipeline.helpers import ENCODER, LISTENER, TEXTS, trained
from spacy.language import Language

PARSER = {
    "@architectures": "spacy.TransitionBasedParser.v2",
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 8,
    "maxout_pieces": 2,
    "tok2vec": LISTENER,
}
# As spaCy writes it, with a variable.
LAYERS = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": "${components.tok2vec.model.encode.width}",
        "attrs": ["ORTH", "SHAPE"],
        "rows": [50, 40],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": 16,
        "window_size": 2,
        "maxout_pieces": 3,
        "depth": 2,
    },
}


def shared(encoder: dict[str, Any] = ENCODER, factory: str = "tok2vec") -> Language:
    """A tagger and an entity recognizer that listen to one encoder."""
    config: Any = spacy.blank("en").config
    config["nlp"]["pipeline"] = ["tok2vec", "tagger", "ner"]
    config["components"] = {
        "tok2vec": {"factory": factory, "model": encoder},
        "tagger": {"factory": "tagger", "model": tagger(LISTENER)},
        "ner": {"factory": "ner", "model": PARSER},
    }
    return trained(spacy.util.load_model_from_config(config, auto_fill=True))


def inline(**settings: Any) -> Language:
    """A tagger with an encoder of its own, and some word vectors."""
    nlp = spacy.blank("en")
    random = numpy.random.default_rng(0)
    for word in " ".join(TEXTS).split()[::2]:
        nlp.vocab.set_vector(word, random.normal(size=5).astype("float32"))
    nlp.add_pipe("tagger", config={"model": tagger({**ENCODER, **settings})})
    return trained(nlp)


def without_encoder() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


def tagger(encoder: dict[str, Any]) -> dict[str, Any]:
    return {"@architectures": "spacy.Tagger.v2", "tok2vec": encoder}


def models(nlp: Language) -> dict[str, Any]:
    return {name: pipe.model for name, pipe in nlp.components if hasattr(pipe, "model")}


def weights(nlp: Language) -> list[tuple[str, int, str, bytes]]:
    """Every parameter: its component, the number of its node, its name, and its values."""
    return [
        (component, i, name, node.get_param(name).tobytes())
        for component, model in models(nlp).items()
        for i, node in enumerate(model.walk())
        for name in node.param_names
    ]
