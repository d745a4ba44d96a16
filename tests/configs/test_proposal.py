from collections import Counter
from pathlib import Path

import pytest
from spacy import registry, util
from spacy.cli.init_config import init_config
from thinc.api import Config

from spacy_mtl.config_files import with_comments
from spacy_mtl.configs import proposal
from spacy_mtl.configs.pretrained import recommended
from spacy_mtl.configs.proposal import Proposal, propose
from spacy_mtl.corpora.coverage import Coverage, Layer, LayerCoverage
from spacy_mtl.corpora.layer_coverage import REJECTED
from spacy_mtl.errors import MTLError

TAG, POS, ENTS = Layer("tag"), Layer("pos"), Layer("ents")
BARE, MOOD = Layer("cats"), Layer("cats", "mood")
TWO = LayerCoverage(10, Counter(B=6, A=4), one_class=10)


def coverage(name: str, *layers: Layer) -> Coverage:
    return Coverage(Path(name), docs=10, tokens=10, layers=dict.fromkeys(layers, TWO))


def test_one_training_file():
    proposed = propose([coverage("a/x.spacy", TAG)], coverage("dev.spacy", TAG), Path("c/labels"))
    config = proposed.config
    assert list(proposed.corpora) == ["train"]
    assert config["paths"]["train"] == "a/x.spacy"
    assert config["paths"]["dev"] == "dev.spacy"
    train = Config(config).interpolate()["corpora"]["train"]
    assert (train["@readers"], train["layers"]) == ("spacy_mtl.MixedCorpus.v1", {})
    assert train["corpora"]["train"]["path"] == "a/x.spacy"
    assert config["training"]["batcher"]["@batchers"] == "spacy.batch_by_words.v1"
    assert Config(config).interpolate()["initialize"]["components"]["multitask"] == {
        "labels": {
            "tagger": {
                "@readers": "spacy.read_labels.v1",
                "path": "c/labels/tagger.json",
                "require": True,
            }
        }
    }


def test_several_training_files():
    train = [coverage("en/ud-2.spacy", TAG, POS), coverage("de/ud-2.spacy", TAG, BARE, MOOD)]
    train.append(coverage("dev.spacy", ENTS))
    proposed = propose(train, coverage("all/dev.spacy", TAG))
    assert list(proposed.corpora) == ["en_ud_2", "de_ud_2", "dev_2"]
    mixed = Config(proposed.config).interpolate()["corpora"]["train"]
    assert mixed["layers"] == {
        "en_ud_2": ["tag", "pos"],
        "de_ud_2": ["tag", "cats"],
        "dev_2": ["ents"],
    }
    assert mixed["corpora"]["de_ud_2"]["path"] == "de/ud-2.spacy"
    assert mixed["labels"] == mixed["sizes"] == {}
    assert "train" not in proposed.config["paths"]
    assert "multitask" not in proposed.config["initialize"]["components"]


def test_settings_by_name_can_be_filled_in_without_a_section_of_their_own():
    train = [coverage("a.spacy", TAG), coverage("b.spacy", ENTS)]
    config = util.load_config_from_str(
        propose(train, train[0]).config.to_str(),
        overrides={
            "components.multitask.balancer.weights.ner": 2.0,
            "corpora.train.sizes.a": 10,
            "training.batcher.references.ner": 0.8,
        },
    )
    nlp = util.load_model_from_config(config, auto_fill=True)
    filled = nlp.config.interpolate()
    assert registry.resolve({"train": filled["corpora"]["train"]})["train"].sizes == {"a": 10}
    registry.resolve({"batcher": filled["training"]["batcher"]})
    assert nlp.get_pipe("multitask").balancer.weights({"ner": 1.0}) == {"ner": 2.0}


def test_declared_labels_fit_the_config():
    """What the note shows can be added to the config as it is; the config does not have it."""

    def file(name: str, *layers: Layer, **labels: int) -> Coverage:
        found = LayerCoverage(10, Counter(labels), one_class=10)
        return Coverage(Path(name), docs=10, tokens=10, layers=dict.fromkeys(layers, found))

    train = [file("my-news.spacy", ENTS, MOOD, PER=10), file("ads.spacy", ENTS, MOOD, LOC=10)]
    proposed = propose(train, train[0])
    (note,) = proposed.notes
    text, declaration = note.split("\n\n", 1)
    assert "in ner, my_news has no LOC and ads has no PER; in mood, my_news has no LOC" in text
    assert proposed.config["corpora"]["train"]["labels"] == {}
    config = util.load_config_from_str(f"{proposed.config.to_str()}\n\n{declaration}\n")
    assert config["corpora"]["train"]["labels"] == {
        "my_news": {"ner": ["PER"], "mood": ["PER"]},
        "ads": {"ner": ["LOC"], "mood": ["LOC"]},
    }
    reader = registry.resolve({"train": config["corpora"]["train"]})["train"]
    assert reader.labels == config["corpora"]["train"]["labels"]


def test_no_declaration_for_multi_label_classes():
    """What is missing there is masked anyway, key by key."""
    files = [coverage("a.spacy", BARE), coverage("b.spacy", BARE)]
    for file, label in zip(files, "AB", strict=True):
        file.layers = {BARE: LayerCoverage(10, Counter({label: 9}), one_class=9)}
    assert propose(files, files[0]).notes == []


def test_weights_are_equal_among_what_dev_can_score():
    train = coverage("a.spacy", TAG, POS, ENTS, BARE, MOOD)
    config = propose([train], coverage("dev.spacy", TAG, ENTS, MOOD)).config
    weights = config["training"]["score_weights"]
    assert {key: weight for key, weight in weights.items() if weight is not None} == {
        "tag_acc": 0.33,
        "ents_f": 0.33,
        "mood_score": 0.33,
    }
    assert weights["pos_acc"] is weights["cats_score"] is None


def test_the_main_task_alone_has_a_weight():
    train = coverage("a.spacy", TAG, POS, ENTS, BARE, MOOD)
    dev = coverage("dev.spacy", TAG, ENTS, MOOD)
    weights = propose([train], dev, main_task="ner").config["training"]["score_weights"]
    assert {key: weight for key, weight in weights.items() if weight is not None} == {
        "tag_acc": 0.0,
        "ents_f": 1.0,
        "mood_score": 0.0,
    }
    with pytest.raises(MTLError, match=r"main task .*dev.spacy.*\(tagger, ner, mood\), got 'pos'"):
        propose([train], dev, main_task="pos")


def test_tasks_stop_by_themselves_but_for_those_that_dev_lacks():
    train = coverage("a.spacy", TAG, ENTS, MOOD)
    config = propose([train], coverage("dev.spacy", TAG, ENTS)).config
    stopping = config["training"]["before_update"]
    assert (stopping["patience"], stopping["protect"]) == (1000, "distill")
    assert stopping["tasks"] == {"mood": {"patience": None}}
    callback = registry.resolve({"before_update": stopping})["before_update"]
    assert callback.tasks["mood"].patience is None
    assert propose([train], train).comments["training.before_update.patience"]
    alone = coverage("a.spacy", TAG)
    assert propose([alone], alone).config["training"]["before_update"] is None


def test_first_group_has_the_standard_score_in_the_order_of_the_written_config():
    train = coverage("a.spacy", *(Layer("cats", name) for name in ["alpha", "beta"]))
    proposed = propose([train], train)
    written = util.load_config_from_str(proposed.config.to_str())
    assert list(written["components"]["multitask"]["tasks"]) == ["alpha", "beta"]
    assert [task.score for task in proposed.tasks] == ["cats_score", "beta_score"]


@pytest.mark.parametrize("optimize", ["efficiency", "accuracy"])
def test_encoder_is_spacys_computed_by_ours(optimize):
    file = coverage("a.spacy", TAG)
    proposed = propose([file], file, optimize=optimize).config
    spacys = init_config(lang="en", pipeline=["tagger"], optimize=optimize, silent=True)
    spacys = spacys.interpolate()
    expected = spacys["components"]["tok2vec"]["model"]
    expected["embed"].update(
        {"@architectures": "spacy_mtl.HashEmbed.v1", "include_static_vectors": False}
    )
    expected["encode"]["@architectures"] = "spacy_mtl.WindowEncoder.v1"
    expected["embed"]["cache_bits"], expected["encode"]["precision"] = 16, "fp32"
    assert proposed["components"]["tok2vec"] == {
        "factory": "balanced_tok2vec",
        "model": expected,
        "balancer": {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": None},
        "conflict_every": 0,
    }
    encoder = util.load_model_from_config(proposed).get_pipe("tok2vec")
    assert encoder.listening_components == ["multitask"]


def test_word_vectors_if_they_are_installed(monkeypatch):
    def of_embed(proposed: Proposal) -> bool:
        embed = proposed.config["components"]["tok2vec"]["model"]["embed"]
        return embed["include_static_vectors"]

    file = coverage("a.spacy", TAG)
    without = propose([file], file, optimize="accuracy")
    assert of_embed(without) is False
    assert without.config["paths"]["vectors"] is None
    assert "en_core_web_lg" in without.notes[0]
    monkeypatch.setattr(util, "is_package", lambda name: name == "en_core_web_lg")
    with_vectors = propose([file], file, optimize="accuracy")
    assert of_embed(with_vectors) is True
    assert with_vectors.config["paths"]["vectors"] == "en_core_web_lg"
    assert with_vectors.notes == []


def test_gpu_without_transformers(monkeypatch):
    monkeypatch.setattr(proposal, "find_spec", lambda name: None)
    file = coverage("a.spacy", TAG)
    with pytest.raises(MTLError, match=r'pip install "spacy-mtl\[spacy-transformers\]"'):
        propose([file], file, gpu=True)


@pytest.mark.parametrize("lang, name", [("en", "roberta-base"), ("de", "bert-base-german-cased")])
def test_gpu_has_the_transformer_that_spacy_recommends(lang, name):
    pytest.importorskip("spacy_transformers")
    file = coverage("a.spacy", TAG)
    config = propose([file], file, gpu=True, lang=lang).config
    assert config["nlp"]["pipeline"] == ["transformer", "multitask"]
    assert config["components"]["transformer"]["model"]["name"] == name
    listener = config["components"]["multitask"]["model"]["tok2vec"]
    assert listener["@architectures"] == "spacy-transformers.TransformerListener.v1"
    assert config["training"]["accumulate_gradient"] == 3


def test_the_transformer_that_spacy_recommends():
    """For the language; the multilingual one where it knows none."""
    assert recommended("en", "accuracy") == "roberta-base"
    assert recommended("de", "efficiency") == "bert-base-german-cased"
    assert recommended("xx", "efficiency") == "bert-base-multilingual-uncased"


def test_nothing_to_learn_or_to_score():
    with pytest.raises(MTLError, match="Expected annotation with labels to learn in a.spacy"):
        propose([coverage("a.spacy")], coverage("dev.spacy", TAG))
    with pytest.raises(MTLError, match=r"have \(tag\), to choose the best model by, got ents"):
        propose([coverage("a.spacy", TAG)], coverage("dev.spacy", ENTS))


def test_characters_for_short_texts():
    """By the documents that have the group alone."""
    counts = Counter(a=4, b=3, c=3)
    long, short = (
        LayerCoverage(10, counts, one_class=10, docs=10, words=words) for words in (5000, 90)
    )
    file = Coverage(Path("a.spacy"), docs=1000, tokens=9000, layers={BARE: long, MOOD: short})
    found = {task.name: task.settings for task in propose([file], file).tasks}
    assert found["mood"]["char_ngrams"] == [3, 5]
    assert "char_ngrams" not in found["textcat"]


def test_a_transformer_and_its_recipe(tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "hidden_size": 48}')
    files = [coverage("a.spacy", TAG), coverage("b.spacy", ENTS)]
    config = propose(files, files[0], transformer=str(tmp_path), gpu=True).config
    model = config["components"]["tok2vec"]["model"]
    assert model["name"] == str(tmp_path) and model["mixed_precision"] is True
    assert model["width"] == config["components"]["multitask"]["model"]["tok2vec"]["width"] == 48
    assert config["training"]["optimizer"]["factors"] == {"tok2vec": 0.1}
    assert config["training"]["batcher"]["size"] == 800
    assert config["training"]["before_update"] is None
    assert config["components"]["multitask"]["tasks"]["ner"]["crf"] is True
    without = propose(files, files[0]).config["components"]["multitask"]["tasks"]["ner"]
    assert not without["crf"]


def test_steps_of_fine_tuning_by_the_data(tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    steps = []
    for words in (10, 160_000, 10**9):
        file = coverage("a.spacy", TAG)
        file.tokens = words
        training = propose([file], file, transformer=str(tmp_path)).config["training"]
        steps.append(training["max_steps"])
        rates = training["optimizer"]["learn_rate"]
        assert rates["warmup_steps"] == 0.1 * rates["total_steps"] == 0.1 * steps[-1]
    assert steps == [600, 2000, 20_000]


def test_n_grams_of_long_documents_learn_fast_beside_a_transformer(tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    for words, factors in ((39, {}), (40, {"multitask.textcat.sparse.W": 10.0})):
        layer = LayerCoverage(10, Counter(a=4, b=6), one_class=10, docs=10, words=10 * words)
        file = Coverage(Path("a.spacy"), docs=10, tokens=10 * words, layers={BARE: layer})
        found = propose([file], file, transformer=str(tmp_path))
        optimizer = found.config["training"]["optimizer"]
        assert optimizer["factors"] == {"tok2vec": 0.1, **factors}
        text = with_comments(found.config.to_str(), found.comments)
        assert text.count("Each n-gram of long documents") == len(factors)
        assert Config().from_str(text)["training"]["optimizer"]["factors"] == optimizer["factors"]


def test_no_such_transformer(tmp_path):
    pytest.importorskip("transformers")
    file = coverage("a.spacy", TAG)
    with pytest.raises(MTLError, match="Expected a folder with a transformer"):
        propose([file], file, transformer=str(tmp_path / "nothing"))


def test_classes_are_heard_beside_words():
    """And by themselves alone."""
    layer = LayerCoverage(10, Counter(a=4, b=6), one_class=10, docs=10, words=900)
    words = LayerCoverage(900, Counter(A=1, B=2), docs=10, words=900)
    for layers, written in (({BARE: layer}, None), ({BARE: layer, Layer("tag"): words}, 22.5)):
        file = Coverage(Path("a.spacy"), docs=10, tokens=900, layers=layers)
        found = {task.name: task.settings for task in propose([file], file).tasks}
        assert found["textcat"].get("encoder_gradient") == written


def test_files_without_anything_for_the_tasks_are_left_out():
    files = [coverage("a.spacy", TAG, MOOD), coverage("b.spacy", ENTS), coverage("c.spacy", MOOD)]
    dev = coverage("dev.spacy", TAG, ENTS, MOOD)
    proposed = propose(files, dev, names=["ner", "tagger"])
    assert [task.name for task in proposed.tasks] == ["tagger", "ner"]
    assert list(proposed.corpora) == ["a", "b"]
    assert proposed.config["corpora"]["train"]["layers"] == {"a": ["tag", "cats"], "b": ["ents"]}
    assert "Left out, as these tasks learn nothing from it: c.spacy." in proposed.notes
    assert list(propose(files, dev).corpora) == ["a", "b", "c"]
    with pytest.raises(MTLError, match="main task"):
        propose(files, dev, names=["ner"], main_task="tagger")


def test_rejected_spans_belong_to_the_entities():
    files = [coverage("a.spacy", ENTS), coverage("b.spacy", REJECTED), coverage("c.spacy", TAG)]
    dev = coverage("dev.spacy", TAG, ENTS)
    assert list(propose(files, dev, names=["ner"]).corpora) == ["a", "b"]
    proposed = propose(files, dev, names=["tagger"])
    assert list(proposed.corpora) == ["train"]
    assert not any("no entities that were accepted" in note for note in proposed.notes)
