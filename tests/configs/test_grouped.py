import io
from pathlib import Path
from typing import Any

import pytest
import spacy
from pipeline.foreign import LISTENING, STACKED
from pipeline.helpers import ENCODER, LISTENER, annotations, make_nlp
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from spacy.util import load_model_from_config
from thinc.api import Config
from training.runs import mixed

from spacy_mtl.configs.grouped import grouped_config
from spacy_mtl.errors import MTLError
from spacy_mtl.pipeline.live import multitasks

GROUPS = [["tagger"], ["ner", "sentiment"]]


def grouped(config: Config, groups: list[list[str]] = GROUPS) -> Any:
    return grouped_config(load_model_from_config(config, auto_fill=True), groups)


def weighted(folder: Path) -> Any:
    """With everything that speaks of tasks or components."""
    config: Any = mixed(folder, balancer={"@mtl_balancers": "spacy_mtl.FixedWeights.v1"})
    config["components"]["multitask"]["balancer"]["weights"] = {"tagger": 0.5, "ner": 2.0}
    config["training"]["annotating_components"] = ["tok2vec", "multitask"]
    config["training"]["optimizer"]["factors"] = {
        "tok2vec.*": 0.9,
        "multitask.ner": 0.5,
        "multitask.*.b": 0.7,
    }
    config["training"]["before_update"]["layers"] = {"tok2vec.embed": 2, "multitask.tagger": 1}
    config["initialize"]["components"]["multitask"] = {
        "labels": {"tagger": list("NVJ.DP"), "ner": ["PER", "LOC"]}
    }
    return config


def test_components_and_what_refers_to_them(tmp_path: Path) -> None:
    given = weighted(tmp_path)
    width = "${components.tok2vec.model.width}"
    given["components"]["multitask"]["model"]["tok2vec"]["width"] = width
    config = grouped(given)
    names = ["tok2vec_1", "tok2vec_2", "multitask_1", "multitask_2"]
    assert config["nlp"]["pipeline"] == ["tok2vec_1", "multitask_1", "tok2vec_2", "multitask_2"]
    assert list(config["components"]) == config["training"]["annotating_components"] == names
    for i, tasks in enumerate(GROUPS, 1):
        block = config["components"][f"multitask_{i}"]
        assert list(block["tasks"]) == tasks
        listener = block["model"]["tok2vec"]
        assert listener["upstream"] == f"tok2vec_{i}"
        assert listener["width"] == f"${{components.tok2vec_{i}.model.width}}"
    assert config["components"]["multitask_1"]["balancer"]["weights"] == {"tagger": 0.5}
    assert config["components"]["multitask_2"]["balancer"]["weights"] == {"ner": 2.0}
    assert config["initialize"]["components"] == {
        "multitask_1": {"labels": {"tagger": list("NVJ.DP")}},
        "multitask_2": {"labels": {"ner": ["PER", "LOC"]}},
    }
    assert config["training"]["optimizer"]["factors"] == {
        "tok2vec_1.*": 0.9,
        "tok2vec_2.*": 0.9,
        "multitask_2.ner": 0.5,
        "multitask_1.*.b": 0.7,
        "multitask_2.*.b": 0.7,
    }
    assert config["training"]["before_update"]["layers"] == {
        "tok2vec_1.embed": 2,
        "tok2vec_2.embed": 2,
        "multitask_1.tagger": 1,
    }


def test_all_else_stays(tmp_path: Path) -> None:
    config = weighted(tmp_path)
    filled = load_model_from_config(config, auto_fill=True).config
    found = grouped(config)
    changed = {"components", "nlp", "initialize", "training"}
    assert {k: v for k, v in found.items() if k not in changed} == {
        k: v for k, v in filled.items() if k not in changed
    }
    assert found["training"]["score_weights"] == filled["training"]["score_weights"]
    assert found["training"]["batcher"] == filled["training"]["batcher"]
    assert grouped(config, [[*GROUPS[0], *GROUPS[1]]]) == filled


def test_others_listen_to_the_last_encoder(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    nlp = make_nlp(["tagger", "ner", "sentiment"])
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": dict(multitask_listener(nlp))}
    nlp.add_pipe("morphologizer", config={"model": model})
    config["components"]["morphologizer"] = nlp.config["components"]["morphologizer"]
    config["nlp"]["pipeline"] = ["tok2vec", "morphologizer", "multitask"]
    for upstream in ("*", "tok2vec"):
        config["components"]["morphologizer"]["model"]["tok2vec"]["upstream"] = upstream
        found = grouped(config)
        names = ["tok2vec_1", "multitask_1", "tok2vec_2", "morphologizer", "multitask_2"]
        assert found["nlp"]["pipeline"] == names
        assert found["components"]["morphologizer"]["model"]["tok2vec"]["upstream"] == "tok2vec_2"


def multitask_listener(nlp: Any) -> Any:
    return nlp.config["components"]["multitask"]["model"]["tok2vec"]


def test_an_encoder_of_its_own(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    config["components"]["multitask"]["model"]["tok2vec"] = ENCODER
    del config["components"]["tok2vec"]
    config["nlp"]["pipeline"] = ["multitask"]
    found = grouped(config)
    assert found["nlp"]["pipeline"] == ["multitask_1", "multitask_2"]
    assert found["components"]["multitask_2"]["model"]["tok2vec"]["width"] == ENCODER["width"]


def test_scores_of_several_groups_keep_their_tasks(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    nlp = make_nlp(["tagger", "sentiment", "topic"])
    config["components"]["multitask"]["tasks"] = nlp.config["components"]["multitask"]["tasks"]
    config["training"]["score_weights"] = {
        "tag_acc": 0.4,
        "cats_macro_auc": 0.3,
        "topic_score": 0.3,
        **dict.fromkeys(["cats_score", "pos_acc", "morph_acc", "ents_f"]),
    }
    config["training"]["optimizer"]["factors"] = {}
    found = grouped(config, [["tagger", "topic"], ["sentiment"]])
    weights = found["training"]["score_weights"]
    assert {key: weight for key, weight in weights.items() if weight} == {
        "tag_acc": 0.4,
        "sentiment_macro_auc": 0.3,
        "topic_score": 0.3,
    }
    assert weights["cats_macro_auc"] is None and weights["cats_score"] is None
    together = grouped(config, [["tagger"], ["sentiment", "topic"]])
    assert together["training"]["score_weights"]["cats_macro_auc"] == 0.3


def test_the_score_of_a_component_becomes_those_of_its_copies(tmp_path: Path) -> None:
    config = weighted(tmp_path)
    config["components"]["multitask"]["selection"] = {"rule": "worst"}
    unused = dict.fromkeys(["tag_acc", "pos_acc", "morph_acc", "ents_f", "cats_score"])
    weights = {**unused, "multitask_score": 0.75, "ner_f": 0.25}
    config["training"]["score_weights"] = weights
    found = grouped(config)
    weights = found["training"]["score_weights"]
    assert weights["multitask_1_score"] == 0.25 and weights["multitask_2_score"] == 0.5
    assert weights["ner_f"] == 0.25 and "multitask_score" not in weights
    blocks = found["components"]
    assert [blocks[f"multitask_{i}"]["selection"] for i in (1, 2)] == [{"rule": "worst"}] * 2


def test_name_that_is_taken(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    nlp = make_nlp(["tagger", "ner", "sentiment"])
    nlp.add_pipe("sentencizer", name="multitask_2")
    config["components"]["multitask_2"] = nlp.config["components"]["multitask_2"]
    config["nlp"]["pipeline"] = ["tok2vec", "multitask", "multitask_2"]
    with pytest.raises(MTLError, match="to be free .*, got a config that has multitask_2"):
        grouped(config)


def two_encoders(folder: Path, **model: Any) -> Any:
    config: Any = mixed(folder)
    own = {**LISTENING, "second": {**ENCODER, "width": 24}, **model}
    config["components"]["multitask"]["model"] = own
    return config


def test_a_topology_with_two_encoders(tmp_path: Path) -> None:
    config = grouped(two_encoders(tmp_path))
    for number, upstream in ((1, "tok2vec_1"), (2, "tok2vec_2")):
        model = config["components"][f"multitask_{number}"]["model"]
        assert model["tok2vec"]["upstream"] == upstream
        assert model["second"]["width"] == 24 and model["on_second"] == ["ner"]
    assert config["components"]["multitask_1"]["absent"] == ["ner"]
    assert config["components"]["multitask_2"]["absent"] == []
    nlp = load_model_from_config(config, auto_fill=True)
    assert [list(pipe.tasks) for pipe in multitasks(nlp).values()] == GROUPS


def test_two_listeners_to_one_encoder(tmp_path: Path) -> None:
    config = grouped(two_encoders(tmp_path, second=LISTENER))
    assert config["nlp"]["pipeline"] == ["tok2vec_1", "multitask_1", "tok2vec_2", "multitask_2"]
    model = config["components"]["multitask_2"]["model"]
    assert model["tok2vec"]["upstream"] == model["second"]["upstream"] == "tok2vec_2"


def test_a_group_without_what_it_needs(tmp_path: Path) -> None:
    config: Any = mixed(tmp_path)
    config["components"]["multitask"]["model"] = {**STACKED, "tok2vec": LISTENER}
    found = grouped(config, [["tagger", "ner"], ["sentiment"]])
    assert found["components"]["multitask_2"]["absent"] == ["ner", "tagger"]
    load_model_from_config(found, auto_fill=True)
    with pytest.raises(MTLError, match="what the task 'ner' needs, tagger, got ner, sentiment"):
        load_model_from_config(grouped(config), auto_fill=True)


@pytest.mark.filterwarnings("error:.*factors")
def test_two_components_train_and_annotate(tmp_path: Path) -> None:
    """As `spacy train` does, with labels that corpora are declared to know."""
    config = weighted(tmp_path)
    config["corpora"]["train"]["labels"] = {"others": {"ner": ["PER"]}}
    config["training"]["before_update"]["tasks"] = {"sentiment": {"start": 2}}
    config = grouped(config)
    nlp = init_nlp(Config(config))
    before = {name: pipe.model.to_bytes() for name, pipe in nlp.components}
    (tmp_path / "out").mkdir()
    nlp, _ = spacy_train(nlp, tmp_path / "out", stdout=io.StringIO(), stderr=io.StringIO())
    assert all(pipe.model.to_bytes() != before[name] for name, pipe in nlp.components)
    assert list(multitasks(nlp)) == ["multitask_1", "multitask_2"]
    scores = nlp.meta["performance"]
    assert {"tagger_acc", "ner_f", "sentiment_score", "multitask_2_loss"} <= set(scores)
    loaded = spacy.load(tmp_path / "out/model-last")
    found = annotations(loaded)
    assert all(all(doc["tag"]) and len(doc["cats"]) == 2 for doc in found)
    # Each component has the vectors of its own encoder.
    for i, layers in ((1, ["tag"]), (2, ["ents", "cats"])):
        with loaded.select_pipes(enable=[f"tok2vec_{i}", f"multitask_{i}"]):
            alone = annotations(loaded)
        for layer in layers:
            assert [doc[layer] for doc in found] == [doc[layer] for doc in alone]
