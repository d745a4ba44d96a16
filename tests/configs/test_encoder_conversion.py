from pathlib import Path
from typing import Any

import pytest
import spacy
from pipeline.helpers import TEXTS, annotations, make_nlp, trained
from spacy.language import Language
from thinc.api import Model
from training.pipelines import LAYERS, inline, models, shared, weights, without_encoder

from spacy_mtl.configs import encoder_conversion
from spacy_mtl.configs.encoder_conversion import convert_encoders
from spacy_mtl.errors import MTLError

MAKERS = {
    "shared": shared,
    "layers": lambda: shared(LAYERS),
    "inline": inline,
    "vectors": lambda: inline(pretrained_vectors=True),
    "no subwords": lambda: inline(subword_features=False),
    "multitask": lambda: trained(make_nlp(["tagger", "ner", "sentiment"]), layers=["tagger"]),
}


def folder(nlp: Language, path: Path) -> str:
    path.parent.mkdir(exist_ok=True)
    nlp.to_disk(path)
    return str(path)


def outputs(nlp: Language) -> list[Any]:
    """What the first component computes for some words."""
    model = nlp.components[0][1].model
    model = model.get_ref("tok2vec") if model.has_ref("tok2vec") else model
    return model.predict([nlp.make_doc(text) for text in [*TEXTS, "Zürich", "never seen before"]])


def is_fast(nlp: Language) -> bool:
    ours = {f"spacy_mtl.models.encoders.{name}" for name in ("hash_embed", "window")}
    nodes = [node for model in models(nlp).values() for node in model.walk()]
    found = ours & {node._func.__module__ for node in nodes}
    assert found in (set(), ours)
    return bool(found)


@pytest.mark.parametrize("kind", MAKERS)
def test_there_and_back(kind, tmp_path):
    given = MAKERS[kind]()
    stock = folder(given, tmp_path / "stock")
    fast, back = tmp_path / "fast", tmp_path / "back"
    convert_encoders(stock, fast)
    convert_encoders(str(fast), back, back=True)
    for path, expected in ((fast, True), (back, False)):
        nlp = spacy.load(path)
        assert is_fast(nlp) == expected
        assert len(weights(nlp)) > 10 and weights(nlp) == weights(given)
        assert annotations(nlp) == annotations(given)
        for one, other in zip(outputs(nlp), outputs(given), strict=True):
            assert one == pytest.approx(other, abs=1e-5)
        for name in ("meta.json", "tokenizer", "vocab/strings.json", "vocab/vectors"):
            assert (path / name).read_bytes() == (tmp_path / "stock" / name).read_bytes()
    for name, model in models(spacy.load(back)).items():
        assert model.to_bytes() == models(given)[name].to_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "fast", "stock"]


def test_the_rest_of_the_config_stays(tmp_path):
    nlp = shared()
    nlp.config["training"]["dropout"] = 0.25
    nlp.config["paths"]["train"] = "a.spacy"
    nlp.disable_pipe("ner")
    stock = folder(nlp, tmp_path / "stock")
    convert_encoders(stock, tmp_path / "fast", precision="bf16")
    before, after = (spacy.util.load_config(tmp_path / p / "config.cfg") for p in ("stock", "fast"))
    assert after["components"]["tok2vec"].pop("model")["encode"]["precision"] == "bf16"
    before["components"]["tok2vec"].pop("model")
    assert after == before
    assert after["nlp"]["disabled"] == ["ner"]


def test_bfloat16_is_compared_more_loosely(tmp_path):
    stock = folder(shared(), tmp_path / "stock")
    convert_encoders(stock, tmp_path / "fast", precision="bf16")
    convert_encoders(str(tmp_path / "fast"), tmp_path / "back", back=True)
    with pytest.raises(MTLError, match="no precision for spaCy's encoders, got 'bf16'"):
        convert_encoders(str(tmp_path / "fast"), tmp_path / "again", back=True, precision="bf16")


def test_back_without_the_balancer(tmp_path):
    nlp = shared(factory="balanced_tok2vec")
    convert_encoders(folder(nlp, tmp_path / "ours"), tmp_path / "stock", back=True)
    assert "spacy_mtl" not in (tmp_path / "stock" / "config.cfg").read_text()
    assert not (tmp_path / "stock" / "tok2vec" / "balancer").exists()
    loaded = spacy.load(tmp_path / "stock")
    assert type(loaded.get_pipe("tok2vec")) is spacy.pipeline.Tok2Vec
    assert annotations(loaded) == annotations(nlp)


@pytest.mark.parametrize("back", [False, True])
def test_nothing_to_convert(back, tmp_path):
    given = folder(without_encoder(), tmp_path / "given")
    with pytest.raises(MTLError, match="Expected in .*given encoders of (spaCy's|ours) .*got none"):
        convert_encoders(given, tmp_path / "out", back=back)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layer, problem", [("hashembed", 1e-2), ("maxout", float("nan"))])
def test_other_outputs_stop_it(layer, problem, tmp_path, monkeypatch):
    stock = folder(shared(), tmp_path / "stock")
    rebuilt = encoder_conversion._rebuilt

    def changed(*args: Any) -> Language:
        nlp = rebuilt(*args)
        model: Model = nlp.get_pipe("tok2vec").model
        node = next(node for node in model.walk() if node.name == layer)
        for name in node.param_names:
            node.set_param(name, node.get_param(name) + problem)
        return nlp

    monkeypatch.setattr(encoder_conversion, "_rebuilt", changed)
    with pytest.raises(MTLError, match=r"Expected tok2vec to compute the same within 0.0001 "):
        convert_encoders(stock, tmp_path / "fast")
    assert [path.name for path in tmp_path.iterdir()] == ["stock"]


def test_in_place(tmp_path):
    stock = folder(shared(), tmp_path / "stock")
    with pytest.raises(MTLError, match="a new .*stock, but it exists. --overwrite replaces it"):
        convert_encoders(stock, Path(stock))
    convert_encoders(stock, Path(stock), overwrite=True)
    assert is_fast(spacy.load(stock))
    assert [path.name for path in tmp_path.iterdir()] == ["stock"]


def test_only_pipelines_are_overwritten(tmp_path):
    stock = folder(shared(), tmp_path / "mine" / "stock")
    with pytest.raises(MTLError, match="Expected a pipeline to replace, got .*mine, which is none"):
        convert_encoders(stock, tmp_path / "mine", overwrite=True)
    assert is_fast(spacy.load(stock)) is False


def test_no_pipeline(tmp_path):
    with pytest.raises(MTLError, match="the folder or package of a pipeline, got no_such_thing"):
        convert_encoders("no_such_thing", tmp_path / "out")


def test_a_package(tmp_path, monkeypatch):
    nlp = inline()
    nlp.meta.update(name="tiny", version="1.0.0")
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "en_tiny_of_tests"
    folder(nlp, package / "en_tiny-1.0.0")
    (package / "meta.json").write_bytes((package / "en_tiny-1.0.0/meta.json").read_bytes())
    (package / "__init__.py").write_text(
        "from spacy.util import load_model_from_init_py\n\n\n"
        "def load(**options):\n    return load_model_from_init_py(__file__, **options)\n"
    )
    monkeypatch.setattr(spacy.util, "is_package", lambda name: name == package.name)
    convert_encoders(package.name, tmp_path / "fast")
    assert annotations(spacy.load(tmp_path / "fast")) == annotations(nlp)
