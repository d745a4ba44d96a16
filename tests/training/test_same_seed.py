"""The same seed gives the same model: here, and in another process after other trainings."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import pytest_configure
from pipeline.helpers import WIDTH
from thinc.api import Config

from spacy_mtl.mixing.samplers import SAMPLING
from spacy_mtl.registry import registry

from .runs import DYNAMIC, digests, mixed, run

BALANCERS: dict[str, list[dict[str, Any]]] = {
    "spacy_mtl.FixedWeights.v1": [{"weights": {"ner": 2.0}}],
    "spacy_mtl.GradNorm.v1": [{"window": 2}],
    "spacy_mtl.Scalarization.v1": [
        {"method": name}
        for name in ("DWA", "GeometricMean", "IMTLL", "Mean", "Random", "STCH", "Sum", "UW")
    ]
    + [
        {"method": "Constant", "options": {"weights": [1.0, 2.0, 3.0]}},
        {"method": "COSMOS", "options": {"weights": [1.0, 1.0, 1.0], "lambda_": 0.5}},
        {"method": "PBI", "options": {"weights": [1.0, 1.0, 1.0], "theta": 0.5}},
    ],
    "spacy_mtl.GramianWeighting.v1": [
        {"method": name}
        for name in (
            *("AlignedMTL", "CAGrad", "DualProj", "FairGrad", "GradVac", "IMTLG", "Krum", "MGDA"),
            *("Mean", "NashMTL", "PCGrad", "Random", "Sum", "UPGrad"),
        )
    ]
    + [{"method": "Constant", "options": {"weights": [1.0, 2.0, 3.0]}}],
}
ENCODERS = {
    "spaCy's layers": {},
    "own layers": {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy_mtl.HashEmbed.v1",
            "width": WIDTH,
            "rows": [1500, 100],
            "attrs": ["NORM", "SUFFIX"],
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": "spacy_mtl.WindowEncoder.v1",
            "width": WIDTH,
            "depth": 1,
            "window_size": 1,
            "maxout_pieces": 2,
        },
    },
}
STATIC = {"@schedules": "decaying.v1", "base_rate": 1.0, "decay": 0.5}


def balancer(name: str, **settings: Any) -> Callable[[Path], Config]:
    return lambda folder: mixed(folder, balancer={"@mtl_balancers": name, **settings})


def sampler(sampling: str, batches: str) -> Callable[[Path], Config]:
    def make(folder: Path) -> Config:
        config = mixed(folder, balancer={"@mtl_balancers": "spacy_mtl.FixedWeights.v1"})
        alpha: Any = STATIC if sampling == "annealed" else 0.5
        given = {"sampling": sampling, "batches": batches, "alpha": alpha}
        config["training"]["batcher"].update({**DYNAMIC, **given})
        return config

    return make


def encoder(name: str) -> Callable[[Path], Config]:
    def make(folder: Path) -> Config:
        config = mixed(folder)
        config["components"]["tok2vec"]["model"] = (
            ENCODERS[name] or config["components"]["tok2vec"]["model"]
        )
        return config

    return make


def _cases() -> Iterator[tuple[str, Callable[[Path], Config]]]:
    for name, all_settings in BALANCERS.items():
        for settings in all_settings:
            yield f"{name} {settings.get('method', '')}".strip(), balancer(name, **settings)
    for sampling in SAMPLING:
        for batches in ("mixed", "homogeneous"):
            yield f"{sampling} {batches}", sampler(sampling, batches)
    for name in ENCODERS:
        yield name, encoder(name)


CASES = dict(_cases())


def trained(name: str, folder: Path) -> dict[str, str]:
    """Checksums of the files of a model."""
    folder.mkdir()
    config = CASES[name](folder)
    config["training"].update(max_steps=4, eval_frequency=4)
    run(config, folder / "out", every=100)
    found = digests(folder / "out/model-last")
    del found["config.cfg"]  # which names the folder of the corpora
    return found


def has_what_it_needs(name: str) -> bool:
    if "Scalarization" not in name and "GramianWeighting" not in name:
        return True
    try:
        import torchjd  # noqa: F401
    except ImportError:
        return False
    return True


def test_every_balancer_is_here() -> None:
    own = {name for name in registry.mtl_balancers.get_all() if name.startswith("spacy_mtl.")}
    assert own == set(BALANCERS)
    if has_what_it_needs("Scalarization"):
        from spacy_mtl.balancing._torchjd import aggregators, scalarizers

        methods = {n: {s.get("method") for s in given} for n, given in BALANCERS.items()}
        assert methods["spacy_mtl.Scalarization.v1"] == set(scalarizers())
        assert methods["spacy_mtl.GramianWeighting.v1"] == set(aggregators())


def test_every_topology_is_here() -> None:
    own = {name for name in registry.architectures.get_all() if name.startswith("spacy_mtl.")}
    assert own == {
        "spacy_mtl.CrossStitch.v1",
        "spacy_mtl.Ensemble.v1",
        "spacy_mtl.HardSharing.v1",
        "spacy_mtl.HashEmbed.v1",
        "spacy_mtl.LayerMix.v1",
        "spacy_mtl.SharedPrivate.v1",
        "spacy_mtl.SoftSharing.v1",
        "spacy_mtl.Stacked.v1",
        "spacy_mtl.TransformerEncoder.v1",
        "spacy_mtl.WindowEncoder.v1",
    }


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The models of a process with another order of sets, and of the trainings before each."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {**os.environ, "PYTHONHASHSEED": "1234"}
    tests = Path(__file__).parents[1]
    environment["PYTHONPATH"] = os.pathsep.join([str(tests), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "training.test_same_seed", str(folder)]
    done = subprocess.run(
        command, env=environment, cwd=tests.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads((folder / "digests.json").read_text(encoding="utf-8")))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_same_seed(name: str, tmp_path: Path, elsewhere: dict[str, dict[str, str]]) -> None:
    if not has_what_it_needs(name):
        pytest.skip("torchjd is not installed")
    assert trained(name, tmp_path / "here") == elsewhere[name]


def main(folder: Path) -> None:
    """What the other process does."""
    pytest_configure()
    found = {}
    for number, name in enumerate(reversed(CASES)):
        if has_what_it_needs(name):
            found[name] = trained(name, folder / str(number))
    (folder / "digests.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
