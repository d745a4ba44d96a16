from collections import Counter
from pathlib import Path

import pytest
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config, load_model, load_model_from_config
from thinc.api import Config

from spacy_mtl.configs.proposal import propose
from spacy_mtl.corpora.coverage import Coverage, Layer, LayerCoverage

CONFIGS = Path(__file__).parent.parent / "configs"
SHORT = {"training.max_steps": 2, "training.eval_frequency": 1}


@pytest.fixture
def data(tmp_path, make_doc) -> dict[str, str]:
    """Overrides of the paths, to documents that have every layer."""
    docs = []
    for i in range(8):
        tags, ents = ["NNP", "VBZ", "NNP"], ["B-PER", "O", "B-LOC"]
        doc: Doc = make_doc("Ana saw Rio", tags=tags, ents=ents)
        doc.cats = {"news": float(i % 2), "blog": float(not i % 2)}
        docs.append(doc)
    DocBin(docs=docs).to_disk(tmp_path / "all.spacy")
    return dict.fromkeys(["paths.train", "paths.dev"], str(tmp_path / "all.spacy"))


def filled(name: str) -> Config:
    return load_model_from_config(load_config(CONFIGS / name), auto_fill=True).config


def proposed(optimize: str = "efficiency", transformer: Path | None = None) -> Config:
    """What is proposed for tags, entities and exclusive classes."""
    found = LayerCoverage(1000, Counter(A=500, B=500), one_class=1000, docs=1000, words=100_000)
    layers = dict.fromkeys([Layer("tag"), Layer("ents"), Layer("cats")], found)
    file = Coverage(Path("all.spacy"), docs=1000, tokens=100_000, layers=layers)
    weights = None if transformer is None else str(transformer)
    config = propose([file], file, optimize=optimize, transformer=weights).config
    config["paths"].update(train=None, dev=None)
    return config


def scores_after_training(config: Config) -> dict[str, float]:
    nlp = init_nlp(config)
    train(nlp, output_path=None)
    return nlp.meta["performance"]


def test_cnn_is_complete():
    config = load_config(CONFIGS / "cnn.cfg")
    assert load_model_from_config(config, auto_fill=False).pipe_names == ["tok2vec", "multitask"]


def test_cnn_is_what_is_proposed():
    assert filled("cnn.cfg") == proposed()


@pytest.mark.parametrize("optimize", ["efficiency", "accuracy"])
def test_pipelines_load_without_the_encoder_or_under_other_names(data, tmp_path, optimize):
    config = proposed(optimize)
    config["paths"].update(train=data["paths.train"], dev=data["paths.dev"])
    assert "${components" not in config.to_str()
    trained = init_nlp(config)
    trained.to_disk(tmp_path / "trained")

    def own_encoder(nlp: Language) -> None:
        nlp.replace_listeners("tok2vec", "multitask", ["model.tok2vec"])
        nlp.remove_pipe("tok2vec")

    def renamed(nlp: Language) -> None:
        nlp.rename_pipe("tok2vec", "encoder")
        nlp.rename_pipe("multitask", "tasks")

    for change in (own_encoder, renamed):
        nlp = load_model(tmp_path / "trained")
        change(nlp)
        nlp.to_disk(tmp_path / change.__name__)
        loaded = load_model(tmp_path / change.__name__)
        assert loaded.pipe_names == nlp.pipe_names
        assert loaded("Ana saw Rio").cats == trained("Ana saw Rio").cats != {}


def test_cnn_trains(data):
    scores = scores_after_training(load_config(CONFIGS / "cnn.cfg", {**data, **SHORT}))
    assert {"tag_acc", "ents_f", "cats_score", "multitask_loss"} <= set(scores)


def test_transformer_can_be_read():
    config = load_config(CONFIGS / "transformer.cfg", interpolate=True)
    assert config["nlp"]["pipeline"] == ["tok2vec", "multitask"]


def test_transformer_is_what_is_proposed(tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "roberta", "hidden_size": 768}')
    found = filled("transformer.cfg")
    found["components"]["tok2vec"]["model"]["name"] = str(tmp_path)
    assert found == proposed(transformer=tmp_path)
    load_model_from_config(load_config(CONFIGS / "transformer.cfg"), auto_fill=False)


def test_transformer_trains(data, tmp_path):
    pytest.importorskip("transformers")
    overrides = {
        **data,
        **SHORT,
        "training.accumulate_gradient": 2,
        "components.tok2vec.model.name": str(tiny_transformer(tmp_path / "tiny")),
        "components.tok2vec.model.width": 8,
        "components.multitask.model.tok2vec.width": 8,
    }
    scores = scores_after_training(load_config(CONFIGS / "transformer.cfg", overrides))
    assert scores["multitask_loss"] > 0.0


def tiny_transformer(path: Path) -> Path:
    """A BERT of one layer, with letters as its pieces."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    path.mkdir()
    letters = [prefix + letter for letter in "abcdefghijklmnopqrstuvwxyz" for prefix in ("", "##")]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    (path / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    BertTokenizerFast(str(path / "vocab.txt")).save_pretrained(path)
    size = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(pieces), num_hidden_layers=1, **size)
    BertModel(config).save_pretrained(path)
    return path
