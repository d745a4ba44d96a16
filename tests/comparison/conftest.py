"""A finished comparison of a small config, whose runs train in this process."""

import shutil
from pathlib import Path

import pytest
from evaluation.in_process import train_in_process
from thinc.api import Config
from training.runs import mixed

from spacy_mtl.comparison.compare import compare
from spacy_mtl.comparison.plan import Plan, Settled, make_plan
from spacy_mtl.comparison.results import Results


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Three tasks in two partly labelled corpora; `dev` has all layers."""
    folder = tmp_path_factory.mktemp("data")
    config = mixed(folder)
    config["training"].update(max_steps=4, eval_frequency=2)
    config["training"]["score_weights"] = {"tag_acc": 0.5, "ents_f": 0.25, "sentiment_f": 0.25}
    shutil.copy(folder / "dev.spacy", folder / "test.spacy")
    return config


@pytest.fixture(scope="session")
def settled(config: Config) -> Settled:
    test = Path(config["corpora"]["dev"]["path"]).with_name("test.spacy")
    vary = ["components.multitask.loss_unit=mean"]
    return Settled("small.cfg", config, test, seeds=2, fractions=(1.0, 0.5), vary=vary)


@pytest.fixture(scope="session")
def plan(settled: Settled) -> Plan:
    return make_plan(settled)


@pytest.fixture(scope="session")
def compared(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Path]:
    """The results, and their folder."""
    output = tmp_path_factory.mktemp("comparison")
    with pytest.MonkeyPatch.context() as patch:
        train_in_process(patch)
        results = compare(plan, output, command="spacy mtl compare small.cfg", samples=200)
    results.save(output)
    return results, output
