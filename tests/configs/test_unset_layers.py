"""Layers that a task uses and that only a component before it can set."""

from pathlib import Path
from typing import Any

import pytest
from metrics.regressor import Level

from spacy_mtl.configs.proposal import propose
from spacy_mtl.configs.unset_layers import unset_layers
from spacy_mtl.corpora.coverage import Coverage, Layer, LayerCoverage
from spacy_mtl.layers import DocExtension
from spacy_mtl.registry import registry


class Uses(Level):
    """Learns `doc._.mood` with the help of other layers."""

    def __init__(self, uses: list[str]) -> None:
        super().__init__("mood")
        self._uses = uses

    @property
    def layers(self) -> tuple[str, ...]:
        return ("mood", *self._uses)


@pytest.fixture(autouse=True)
def mood() -> None:
    block = {"@mtl_tasks": "tests.Uses.v1", "uses": ["sents", "tag"]}
    registry.mtl_tasks("tests.Uses.v1", func=Uses)
    registry.mtl_layers("mood", func=DocExtension("mood", task=block, score="mood_score"))


def proposed(*kinds: str) -> Any:
    layers = {Layer(kind): LayerCoverage(10, docs=10, sentences=10) for kind in kinds}
    files = [Coverage(Path(name), docs=10, tokens=10, layers=layers) for name in "ab"]
    return propose(files[:1], files[1])


def test_init_config_names_the_component_that_the_task_needs() -> None:
    (finding,) = proposed("mood", "sents").findings
    assert finding.kind == "unset-layer"
    assert "The task 'mood' uses sents (sentences)" in finding.message
    assert "(`sentencizer` or `senter`) before `multitask`" in finding.message
    assert "annotating_components of [training]" in finding.message


@pytest.mark.parametrize(
    "uses, learned, components",
    [
        (["dep"], (), ["parser"]),
        (["lemma"], (), ["trainable_lemmatizer"]),
        (["sents"], ("sents",), []),
        (["ents", "cats"], (), []),
    ],
)
def test_of_each_layer(uses: list[str], learned: tuple[str, ...], components: list[str]) -> None:
    findings = [*unset_layers({"mood": Uses(uses)}, {"mood", *learned})]
    assert len(findings) == len(components)
    assert all(name in f.message for f, name in zip(findings, components, strict=True))


def test_a_task_that_writes_the_layer_gives_it() -> None:
    class Splits(Uses):
        assigns = ("token.is_sent_start",)  # type: ignore[assignment]

    tasks = {"mood": Uses(["sents"]), "splits": Splits([])}
    assert not [*unset_layers(tasks, {"mood"})]
