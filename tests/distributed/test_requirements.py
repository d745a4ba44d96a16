"""What several workers cannot train is refused before it begins."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from pipeline.helpers import make_nlp, multitask, trained
from pipeline.test_balanced_tok2vec import make_pipeline
from pipeline.test_topologies import TOPOLOGIES, make
from thinc.api import Shim

from spacy_mtl.distributed.requirements import check_shareable
from spacy_mtl.errors import MTLError
from spacy_mtl.training.output_folder import OutputFolder
from spacy_mtl.training.trainer import train

from .helpers import Board, ThreadWorkers


def test_a_penalty_on_a_whole_batch(tmp_path: Path) -> None:
    model = {**TOPOLOGIES["shared-private"], "orthogonality": 0.5}
    nlp = trained(make("shared-private", model=model), 1)
    with pytest.raises(MTLError, match=r"Expected `orthogonality = 0` in .*multitask.model\], got"):
        check_shareable(nlp, [])
    check_shareable(nlp, ["multitask"])
    nlp.to_disk(tmp_path)
    without: dict[str, Any] = {"components.multitask.model.orthogonality": 0.0}
    check_shareable(spacy.load(tmp_path, config=without), [])


def test_stock_components() -> None:
    nlp = make_nlp()
    nlp.add_pipe("ner")
    with pytest.raises(MTLError, match="Expected components that several workers can train.*'ner'"):
        check_shareable(nlp, [])
    check_shareable(nlp, ["ner"])


def test_a_balancer_of_an_encoder() -> None:
    nlp = make_pipeline(balancer={"@mtl_balancers": "spacy_mtl.GradNorm.v1"})
    stock = [name for name in nlp.pipe_names if name != nlp.pipe_names[0]]
    with pytest.raises(MTLError, match="Expected `spacy_mtl.FixedWeights.v1` in"):
        check_shareable(nlp, stock)


def test_mixed_precision() -> None:
    shim: Any = Shim(None)
    shim._mixed_precision = True
    nlp = make_nlp()
    multitask(nlp).model.shims.append(shim)
    with pytest.raises(MTLError, match="Expected `mixed_precision = false`"):
        check_shareable(nlp, [])


def test_batches_that_are_drawn_without_a_seed() -> None:
    nlp = make_nlp()
    check_shareable(nlp, [])
    nlp.config["training"]["seed"] = None
    with pytest.raises(MTLError, match=r"Expected a number as \[training\] seed"):
        check_shareable(nlp, [])


def test_nothing_is_removed_for_what_cannot_be_trained(tmp_path: Path) -> None:
    nlp = trained(make_nlp(), 1)
    nlp.config["training"]["seed"] = None
    model = tmp_path / "model-best"
    model.mkdir()
    one_of_two = ThreadWorkers(Board(2), 0)
    with pytest.raises(MTLError, match=r"Expected a number as \[training\] seed"):
        train(nlp, OutputFolder(tmp_path), overwrite=True, workers=one_of_two)
    assert model.exists()
