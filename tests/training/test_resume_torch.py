"""Stopped and resumed with PyTorch layers under the encoder: the same bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from models.transformers.tiny import make_tiny
from pipeline.helpers import ENCODER, WIDTH
from thinc.api import Config

from .runs import interrupted, log, mixed, models, run, stock

torch = pytest.importorskip("torch", reason="torch is not installed")

LSTM = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": ENCODER["width"],
        "attrs": ["NORM", "SHAPE"],
        "rows": [100, 50],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy.TorchBiLSTMEncoder.v1",
        "width": ENCODER["width"],
        "depth": 2,
        "dropout": 0.2,
    },
}
GROUPED = "spacy_mtl.GroupedOptimizer.v1"
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adam": {"@optimizers": "Adam.v1", "use_averages": False},
    "Adam, averages": {"@optimizers": "Adam.v1", "use_averages": True},
    "grouped": {"@optimizers": GROUPED, "use_averages": False, "factors": {"multitask": 2.0}},
    "grouped, thinc's averages": {"@optimizers": GROUPED, "use_averages": True},
    "grouped, averages": {"@optimizers": GROUPED, "use_averages": True, "average": 0.9},
}


ENCODERS = ("recurrent layers", "transformer")


def with_torch(make: Callable[[Path], Config], encoder: str, name: str, folder: Path) -> Config:
    """A config with one of the encoders and the optimizer of this name."""
    config: Any = make(folder)
    model = LSTM if encoder == "recurrent layers" else transformer(folder / "weights")
    config["components"]["tok2vec"]["model"] = model
    config["training"]["optimizer"] = {**OPTIMIZERS[name], "learn_rate": 0.01}
    return Config(config)


def transformer(folder: Path) -> dict[str, Any]:
    pytest.importorskip("transformers", reason="transformers is not installed")
    return {
        "@architectures": "spacy_mtl.TransformerEncoder.v1",
        "name": str(make_tiny("bert", folder, hidden_size=WIDTH)),
        "width": WIDTH,
        "mix": True,
        "shape_rows": 20,
    }


def check_resumed(config: Config, folder: Path) -> None:
    run(config, folder / "whole")
    interrupted(config, folder / "parts", [7])
    assert models(folder / "parts") == models(folder / "whole")
    assert log(folder / "parts") == log(folder / "whole")


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_optimizer(tmp_path: Path, encoder: str, name: str) -> None:
    check_resumed(with_torch(mixed, encoder, name, tmp_path), tmp_path)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_under_stock_components(tmp_path: Path, encoder: str) -> None:
    check_resumed(with_torch(stock, encoder, "Adam, averages", tmp_path), tmp_path)
