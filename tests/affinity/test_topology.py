from typing import Any

import numpy as np
import pytest
from pipeline.helpers import make_nlp, multitask
from pipeline.test_topologies import LAYER
from spacy.util import load_model_from_config
from thinc.api import Config

from spacy_mtl.affinity.lookahead import Measurement
from spacy_mtl.affinity.result import Affinity, Means
from spacy_mtl.affinity.topology import CROSS_STITCH, STACKED, sections, suggested
from spacy_mtl.configs.single_task import plain
from spacy_mtl.configs.variants import varied

TASKS = ["ner", "tagger", "topic"]


def measured(matrix: Any, noise: float = 0.01, times: int = 20) -> Affinity:
    rng = np.random.default_rng(0)
    means = Means(len(TASKS))
    for _ in range(times):
        values = np.asarray(matrix) + noise * rng.normal(size=(3, 3))
        means.add(Measurement(values, values, np.ones((3, 3), dtype=bool)))
    return Affinity(TASKS, 100, 5, means, [])


def test_tasks_that_help_more_than_they_are_helped_are_seen() -> None:
    found = suggested(measured([[1, 0, 0.2], [0.3, 1, 0.3], [0, 0, 1]]), TASKS)
    assert found is not None and found.architecture == STACKED
    assert {task: sorted(others) for task, others in found.settings["sees"].items()} == {
        "ner": ["tagger"],
        "topic": ["ner", "tagger"],
    }
    assert "ner by tagger" in found.reason


def test_what_shows_nothing_is_not_seen() -> None:
    found = suggested(measured([[1, 0, 0.2], [0.3, 1, 0.3], [0, 0, 1]]), ["ner"])
    assert found is not None and found.settings["sees"] == {"topic": ["ner"]}


def test_tasks_that_hurt_each_other_get_towers() -> None:
    found = suggested(measured([[1, -0.2, 0], [-0.1, 1, 0.3], [0, 0, 1]]), TASKS)
    assert found is not None and found.architecture == CROSS_STITCH
    assert "ner and tagger" in found.reason


@pytest.mark.parametrize(
    ("matrix", "noise", "times"),
    [
        ([[1, 0.3, 0.3], [0.3, 1, 0.3], [0.3, 0.3, 1]], 0.01, 20),  # all help each other alike
        ([[1, 0, 0], [0.3, 1, 0], [0, 0, 1]], 1.0, 20),  # it may be chance
        ([[1, 0, 0], [0.3, 1, 0], [0, 0, 1]], 0.01, 5),  # too few
    ],
)
def test_no_evidence(matrix: Any, noise: float, times: int) -> None:
    assert suggested(measured(matrix, noise, times), TASKS) is None


def test_circles_are_cut_where_the_evidence_is_weakest() -> None:
    found = suggested(measured([[1, 0.3, 0], [0, 1, 0.2], [0.1, 0, 1]]), TASKS)
    assert found is not None
    assert found.settings["sees"] == {"tagger": ["ner"], "topic": ["tagger"]}


@pytest.mark.parametrize(
    "matrix", [[[1, 0, 0], [0.3, 1, 0], [0, 0, 1]], [[1, -1, 0], [-1, 1, 0], [0, 0, 1]]]
)
def test_sections_are_a_variant(matrix: Any, tmp_path: Any) -> None:
    nlp = make_nlp(TASKS)
    found = suggested(measured(matrix), TASKS)
    assert found is not None
    model = nlp.config.interpolate()["components"]["multitask"]["model"]
    made_of = sections(multitask(nlp), model, found)
    assert made_of is not None
    made_of.to_disk(tmp_path / "topology.cfg")
    config = varied(nlp.config, str(tmp_path / "topology.cfg"))
    made = load_model_from_config(Config(plain(config, 0)), auto_fill=True)
    assert made.config["components"]["multitask"]["model"]["@architectures"] == found.architecture
    assert LAYER["@architectures"] in str(made.config)


def test_no_sections_where_the_width_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    nlp, found = make_nlp(TASKS), suggested(measured([[1, -1, 0], [-1, 1, 0], [0, 0, 1]]), TASKS)
    assert found is not None
    model = nlp.config.interpolate()["components"]["multitask"]["model"]
    encoder: Any = multitask(nlp).model.get_ref("tok2vec")
    encoder._dims.pop("nO")
    assert sections(multitask(nlp), model, found) is None
