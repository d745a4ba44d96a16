"""Configs of the pipeline that are wrong in every way, or right."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from spacy.language import DEFAULT_CONFIG, Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from thinc.api import Config

from spacy_mtl.balancing.fixed import FixedWeights
from spacy_mtl.errors import MTLError
from spacy_mtl.models.topologies.hard import HardSharing
from spacy_mtl.pipeline.factory import make_multitask
from spacy_mtl.registry import registry
from spacy_mtl.tasks.ner import NER

from .checks import run_config
from .outcomes import OURS, SPACYS, outcome_of
from .pipelines import (
    EMBED,
    ENCODE,
    ENCODER,
    TASKS,
    examples_for,
    multitask,
    pipeline_config,
    reference,
    update,
)
from .strategies import ConfigCase, config_cases

QUIET = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
BLOCKS = {name: layer.settings for name, layer in TASKS.items()}


@QUIET
@given(config_cases())
def test_no_config_crashes(case: ConfigCase) -> None:
    outcome = outcome_of(run_config, case)
    assert outcome.good, outcome


def test_the_config_that_the_cases_begin_with_is_accepted() -> None:
    run_config(ConfigCase(pipeline_config(BLOCKS)))


def made(config: dict[str, Any], labels: Any = None) -> Language:
    """The initialized pipeline of a config."""
    nlp = spacy.util.load_model_from_config(Config(config), auto_fill=True)
    if labels is not None:
        nlp.config["initialize"]["components"]["multitask"] = {"labels": labels}
    nlp.initialize(lambda: examples_for(nlp))
    return nlp


def refused(message: str, config: dict[str, Any], labels: Any = None) -> None:
    with pytest.raises(MTLError, match=message) as caught:
        made(config, labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a:b", "ner:PER", ":"])
def test_a_task_name_with_a_colon(name: str) -> None:
    refused("a task name without '.' and ':', got '.*:.*'", pipeline_config({name: BLOCKS["ner"]}))


def test_a_task_name_with_a_dot() -> None:
    """In a config it would be a section within a section; the factory refuses it by itself."""
    outcome = outcome_of(made, pipeline_config({"a.b": BLOCKS["ner"]}))
    assert outcome.kind in (OURS, SPACYS)
    nlp = spacy.blank("xx")
    task, balancer = NER(), FixedWeights()
    model = HardSharing(registry.resolve({"model": ENCODER})["model"])
    with pytest.raises(MTLError, match="a task name without '.' and ':', got 'a.b'"):
        make_multitask(nlp, "it", model, {"a.b": task}, balancer, "sum", 0, False, [], None)


def test_two_tasks_of_one_name() -> None:
    block = '[components.multitask.tasks.ner]\n@mtl_tasks = "spacy_mtl.NER.v1"\n'
    text = Config(pipeline_config({"ner": BLOCKS["ner"]})).to_str() + f"\n{block}"
    outcome = outcome_of(lambda text: made(Config().from_str(text)), text)
    assert outcome.kind == SPACYS and "already exists" in outcome.detail


@pytest.mark.parametrize(
    "message, tasks",
    [
        (r"one task for token.tag, got 'a' and 'b'", {"a": "tagger", "b": "tagger"}),
        (r"one task for doc.ents, got 'a' and 'b'", {"a": "ner", "b": "ner"}),
        (r"one task for doc.spans\['things'\], got", {"a": "things", "b": "things"}),
        (r"begin with 'a=' for the task 'a', got", {"a": "mood", "b": "topic"}),
        (r"beginning of spaCy's own scores, got 'ents'", {"ents": "tagger"}),
    ],
)
def test_tasks_that_cannot_stand_side_by_side(message: str, tasks: dict[str, str]) -> None:
    refused(message, pipeline_config({name: BLOCKS[own] for name, own in tasks.items()}))


@pytest.mark.parametrize(
    "message, labels",
    [
        (r"got 'mood=good' in 'mood' and 'topic'", {"topic": ["mood=good"], "mood": ["mood=good"]}),
        (r"Expected labels of the tasks .*, got nobody", {"nobody": ["X"]}),
        (r"Expected different labels, at least one, at 'ner' .*, got \[\]", {"ner": []}),
        (r"Expected different labels, at least one, at 'ner'", {"ner": ["PER", "PER"]}),
        (r"Expected a list of labels at 'ner' .*, got 'PER'", {"ner": "PER"}),
        (r"Expected features like 'Case=Nom\|Number=Sing', got 'N'", {"morph": ["N"]}),
    ],
)
def test_labels_that_cannot_be(message: str, labels: dict[str, Any]) -> None:
    refused(message, pipeline_config(BLOCKS), labels)


def test_zero_labels() -> None:
    config = pipeline_config({"ner": BLOCKS["ner"]})
    nlp = spacy.util.load_model_from_config(Config(config), auto_fill=True)
    with pytest.raises(MTLError, match="labels of the task 'ner' .doc.ents. in the 1 examples"):
        nlp.initialize(lambda: [Example(nlp.make_doc("Ana"), nlp.make_doc("Ana"))])


def test_no_task_at_all() -> None:
    refused("at least one task in .components.multitask.tasks., got none", pipeline_config({}))


@pytest.mark.parametrize("weight", [-1, -0.5])
def test_weights_that_cannot_be(weight: float) -> None:
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"ner": weight}}
    refused(
        "a weight of zero or more for the task 'ner'", pipeline_config(BLOCKS, balancer=balancer)
    )


def test_weights_of_a_task_that_is_not_there() -> None:
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"nobody": 1.0}}
    refused(
        "Expected weights for the tasks .*, got nobody", pipeline_config(BLOCKS, balancer=balancer)
    )


def listening(**listener: Any) -> dict[str, Any]:
    config = pipeline_config(BLOCKS)
    config["components"]["multitask"]["model"]["tok2vec"].update(listener)
    return config


def test_a_listener_of_another_width() -> None:
    refused(
        "of 'multitask' to have the width of 'tok2vec', 8, got 96. Correct", listening(width=96)
    )


@pytest.mark.parametrize("upstream", ["nobody", "multitask"])
def test_a_listener_without_upstream(upstream: str) -> None:
    message = f"an encoder for its listener, whose `upstream` is '{upstream}', got tok2vec"
    refused(message, listening(upstream=upstream))


def test_a_listener_before_its_upstream() -> None:
    config = listening()
    config["nlp"]["pipeline"].reverse()
    refused("before 'multitask' an encoder for its listener.*got no component", config)


def test_a_listener_whose_upstream_is_disabled() -> None:
    nlp = made(pipeline_config(BLOCKS))
    with nlp.select_pipes(disable="tok2vec"), pytest.raises(MTLError, match="token vectors of the"):
        nlp("Ana sees Rio")
    assert nlp("").text == ""


@pytest.mark.parametrize(
    "message, part, setting",
    [
        ("a width and `rows` of 1 or more, got 0", "embed", {"width": 0}),
        ("a width and `rows` of 1 or more, got 8 and", "embed", {"rows": [50, -1]}),
        ("as many `rows` as `attrs`", "embed", {"rows": [50]}),
        (
            "an attribute of tokens such as NORM or SHAPE, got 'X'",
            "embed",
            {"attrs": ["X", "NORM"]},
        ),
        ("an attribute of tokens .*, got 1000000", "embed", {"attrs": [10**6, "NORM"]}),
        ("a width, maxout_pieces and depth of 1 or more", "encode", {"width": 0}),
        ("`precision` to be one of", "encode", {"precision": "fp8"}),
        ("layers that take documents, give vectors and fit each other", "encode", {"width": 4}),
    ],
)
def test_encoders_that_cannot_be(message: str, part: str, setting: dict[str, Any]) -> None:
    config = pipeline_config(BLOCKS)
    parts = {"embed": EMBED, "encode": ENCODE}
    parts[part] = {**parts[part], **setting}
    config["components"]["tok2vec"]["model"] = {"@architectures": "spacy.Tok2Vec.v2", **parts}
    refused(message, config)


def test_a_shared_encoder_that_takes_no_documents() -> None:
    refused("as the encoder `tok2vec` layers that take documents", listening_to(ENCODE))


def listening_to(encoder: dict[str, Any]) -> dict[str, Any]:
    config = pipeline_config(BLOCKS)
    config["components"]["multitask"]["model"]["tok2vec"] = encoder
    return config


def test_labels_that_come_after_initialization_are_told_of() -> None:
    """As with `max_epochs = -1`, where only the first hundred documents are seen before."""
    nlp = made(pipeline_config(BLOCKS))
    examples = examples_for(nlp)
    examples[0].reference.cats["mood=new"] = 0.0
    examples[1].reference.set_ents([examples[1].reference.char_span(0, 3, label="NEW")])
    with pytest.warns(UserWarning) as caught:
        update(nlp, examples, nlp.resume_training())
        update(nlp, examples, nlp.resume_training())
    told = [str(warning.message) for warning in caught if "not initialized" in str(warning.message)]
    assert len(told) == 2  # once for each task
    assert "of the task 'ner' that it was not initialized with: NEW" in told[0]
    assert "of the task 'mood' that it was not initialized with: mood=new" in told[1]
    assert multitask(nlp).labels_for("ner") == ("LOC", "PER")


def test_a_stream_whose_first_documents_lack_labels(tmp_path: Path) -> None:
    """With `max_epochs = -1` only the first hundred are seen before training."""
    nlp = spacy.blank("xx")
    docs = [nlp.make_doc("Ana")] * 100 + [reference(nlp)]
    DocBin(docs=docs).to_disk(tmp_path / "train.spacy")
    corpus = {"@readers": "spacy.Corpus.v1", "path": str(tmp_path / "train.spacy")}
    config = Config(DEFAULT_CONFIG).merge(pipeline_config({"ner": BLOCKS["ner"]}))
    config["corpora"] = {"train": corpus, "dev": corpus}
    config["training"]["max_epochs"] = -1
    message = r"'ner' .doc.ents. in the 100 examples, got none.*list the labels in \[initialize\."
    with pytest.raises(MTLError, match=message):
        init_nlp(config)
    config["initialize"] = {"components": {"multitask": {"labels": {"ner": ["LOC", "PER"]}}}}
    assert multitask(init_nlp(config)).labels_for("ner") == ("LOC", "PER")
