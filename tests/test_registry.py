"""Every name that a config may use leads to something."""

import re
from importlib.metadata import distribution

import pytest
import spacy
from spacy.util import registry
from thinc.api import ConfigValidationError

import spacy_mtl.registry  # noqa: F401

ENTRY_POINTS = [
    pytest.param(point, id=f"{point.group}:{point.name}")
    for point in distribution("spacy-mtl").entry_points
]
SPACY_GROUPS = {"spacy_factories", "spacy_cli"}
# What people type, and no config keeps.
BARE_GROUPS = {*SPACY_GROUPS, "spacy_mtl_formats"}


def test_there_are_entry_points():
    groups = {point.values[0].group for point in ENTRY_POINTS}
    assert {
        "spacy_mtl_tasks",
        "spacy_mtl_balancers",
        "spacy_architectures",
    } <= groups | SPACY_GROUPS
    assert groups >= SPACY_GROUPS


@pytest.mark.parametrize("point", ENTRY_POINTS)
def test_every_entry_point_loads(point):
    assert callable(point.load())


@pytest.mark.parametrize("point", ENTRY_POINTS)
def test_every_name_resolves_through_spacys_registry(point):
    if point.group == "spacy_factories":
        nlp = spacy.blank("en")
        nlp.add_pipe(point.name)
        assert nlp.get_factory_meta(point.name).factory == point.name
        return
    # The registry of the group "spacy_mtl_tasks" is `mtl_tasks`, that of "spacy_readers" `readers`.
    _, _, name = point.group.partition("_")
    found = getattr(registry, name).get(point.name)
    assert found is point.load()


@pytest.mark.parametrize("point", ENTRY_POINTS)
def test_names_of_functions_have_a_version(point):
    if point.group not in BARE_GROUPS:
        assert re.fullmatch(r"spacy_mtl\.[A-Za-z]\w*\.v\d+", point.name)


def test_our_registries_are_known_to_spacy():
    ours = {"mtl_tasks", "mtl_balancers", "mtl_samplers", "mtl_formats"}
    assert ours <= set(registry.get_registry_names())
    assert registry.has("mtl_tasks", "spacy_mtl.NER.v1")
    found = registry.find("mtl_tasks", "spacy_mtl.NER.v1")
    assert found["module"] == "spacy_mtl.tasks.ner"


@pytest.mark.parametrize(
    "block",
    [
        {"@mtl_tasks": "spacy_mtl.NER.v1", "crf": "perhaps"},
        {"@mtl_tasks": "spacy_mtl.Tagger.v1", "label_smoothing": "much"},
        {"@mtl_tasks": "spacy_mtl.TextCat.v1", "ngram_size": [1]},
        {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": [1.0]},
        {"@mtl_samplers": "spacy_mtl.Dynamic.v1", "strength": "much"},
        {"@mtl_tasks": "spacy_mtl.NER.v1", "cfr": True},
    ],
)
def test_wrong_settings_are_refused_as_spacy_does(block):
    with pytest.raises(ConfigValidationError, match="Config error"):
        registry.resolve({"block": block})
