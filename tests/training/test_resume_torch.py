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


def on_lstm(make: Callable[[Path], Config], folder: Path) -> Config:
    config: Any = make(folder)
    config["components"]["tok2vec"]["model"] = LSTM
    return Config(config)


def check_resumed(config: Config, folder: Path) -> None:
    run(config, folder / "whole")
    interrupted(config, folder / "parts", [7])
    assert models(folder / "parts") == models(folder / "whole")
    assert log(folder / "parts") == log(folder / "whole")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_recurrent_layers(tmp_path: Path, name: str) -> None:
    config: Any = on_lstm(mixed, tmp_path)
    config["training"]["optimizer"] = {**OPTIMIZERS[name], "learn_rate": 0.01}
    check_resumed(config, tmp_path)


def test_recurrent_layers_under_stock_components(tmp_path: Path) -> None:
    config: Any = on_lstm(stock, tmp_path)
    config["training"]["optimizer"] = {**OPTIMIZERS["Adam, averages"], "learn_rate": 0.01}
    check_resumed(config, tmp_path)


@pytest.mark.parametrize("name", ["Adam, averages", "grouped, averages"])
def test_transformer(tmp_path: Path, name: str) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    config: Any = mixed(tmp_path)
    config["components"]["tok2vec"]["model"] = {
        "@architectures": "spacy_mtl.TransformerEncoder.v1",
        "name": str(make_tiny("bert", tmp_path / "bert", hidden_size=WIDTH)),
        "width": WIDTH,
        "mix": True,
        "shape_rows": 20,
    }
    config["training"]["optimizer"] = {**OPTIMIZERS[name], "learn_rate": 0.01}
    check_resumed(config, tmp_path)
