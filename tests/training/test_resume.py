"""Stopped anywhere and resumed: the same model and the same log, byte for byte."""

import json
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from shutil import copytree
from typing import Any
from unittest.mock import patch

import pytest
from forks import kill_after_calls, start, wait, was_killed
from pipeline.foreign import LISTENING, STACKED
from pipeline.helpers import ENCODER, LISTENER
from pipeline.test_topologies import TOPOLOGIES
from thinc.api import Config

from spacy_mtl.errors import MTLError
from spacy_mtl.training.checkpoints import ARRAYS, read_checkpoint
from spacy_mtl.training.loop import Loop

from .runs import (
    Killed,
    frozen,
    interrupted,
    killed_at,
    log,
    mixed,
    models,
    run,
    stock,
    stopping,
)

KILLS = [5, 11]


def with_balancer(name: str, **settings: Any) -> Callable[[Path], Config]:
    return lambda folder: mixed(folder, balancer={"@mtl_balancers": name, **settings})


def with_training(make: Callable[..., Config], **settings: Any) -> Callable[[Path], Config]:
    def changed(folder: Path) -> Config:
        config = make(folder)
        config["training"].update(settings)
        return config

    return changed


def streamed(make: Callable[..., Config]) -> Callable[[Path], Config]:
    def changed(folder: Path) -> Config:
        config = with_training(make, max_epochs=-1)(folder)
        if make is stock:  # whose reader draws random numbers, as the recognizer does meanwhile
            augmenter = {"@augmenters": "spacy.lower_case.v1", "level": 0.5}
            config["corpora"]["train"]["augmenter"] = augmenter
        return config

    return changed


def balanced(folder: Path) -> Config:
    config: Any = stock(folder)
    balancer = {"@mtl_balancers": "spacy_mtl.GradNorm.v1", "window": 2}
    config["components"]["tok2vec"] = {
        "factory": "balanced_tok2vec",
        "model": ENCODER,
        "balancer": balancer,
        "conflict_every": 2,
    }
    return Config(config)


def scheduled(folder: Path) -> Config:
    """Weights that are scheduled, tasks that start and stop, and homogeneous batches."""
    fading = {"@schedules": "decaying.v1", "base_rate": 1.0, "decay": 0.2}
    config: Any = mixed(
        folder, balancer={"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"ner": fading}}
    )
    tasks = {"ner": {"start": 2, "patience": 3}, "sentiment": {"stop": 9}}
    config["training"]["before_update"] = {
        "@callbacks": "spacy_mtl.unfreeze.v1",
        "gradual": 2,
        "tasks": tasks,
    }
    config["training"]["batcher"]["batches"] = "homogeneous"
    return Config(config)


def foreign(folder: Path) -> Config:
    """Two encoders, one of which waits, and a task that needs another and has a state."""
    config: Any = mixed(folder)
    block = config["components"]["multitask"]
    block["model"] = {**LISTENING, "second": {**ENCODER, "width": 24}}
    block["tasks"]["count"] = {"@mtl_tasks": "spacy_mtl_tests.Remembering.v1", "of": "ner"}
    config["training"]["before_update"]["layers"] = {"multitask.second": 7}
    return Config(config)


def stacked(folder: Path) -> Config:
    config: Any = mixed(folder)
    config["components"]["multitask"]["model"] = {**STACKED, "tok2vec": LISTENER}
    return Config(config)


RISING = {"@schedules": "warmup_linear.v1", "initial_rate": 0.3, "warmup_steps": 9}


def on_topology(name: str, strength: str) -> Callable[[Path], Config]:
    """On a topology that is built in, with a schedule of its own."""

    def changed(folder: Path) -> Config:
        config: Any = mixed(folder)
        model = {**TOPOLOGIES[name], strength: {**RISING, "total_steps": 40}}
        config["components"]["multitask"]["model"] = model
        if name == "soft":  # the tables are in the component
            model["tok2vec"] = config["components"]["tok2vec"]["model"]
            config["training"]["before_update"] = None
        return Config(config)

    return changed


def radam(learn_rate: float = 0.01) -> dict[str, Any]:
    rates = {"@schedules": "cyclic_triangular.v1", "min_lr": 0.001, "max_lr": 0.02, "period": 5}
    return {"@optimizers": "RAdam.v1", "learn_rate": rates, "L2": 0.1, "use_averages": False}


def protected(protect: str, optimizer: Any = None) -> Callable[[Path], Config]:
    """Tasks that stop. optimizer: in place of ours, with averages."""

    def changed(folder: Path) -> Config:
        config = stopping(folder, protect=protect)
        if optimizer is not None:
            config["training"]["optimizer"] = optimizer
        return config

    return changed


ADAM = {"@optimizers": "Adam.v1", "learn_rate": 0.01, "use_averages": True}
PADDED = {
    "@batchers": "spacy.batch_by_padded.v1",
    "size": {"@schedules": "compounding.v1", "start": 8, "stop": 30, "compound": 1.4},
    "buffer": 4,
    "discard_oversize": False,
}
CONFIGS: dict[str, Callable[[Path], Config]] = {
    "mixed": mixed,
    "mixed, streamed": streamed(mixed),
    "mixed, scheduled": scheduled,
    "stock": stock,
    "stock, streamed and augmented": streamed(stock),
    "balanced": balanced,
    "two encoders, and a task with a state": foreign,
    "soft sharing": on_topology("soft", "strength"),
    "shared and private": on_topology("shared-private", "reversal"),
    "stopping": protected("none"),
    "stopping, Adam, distilled": protected("distill", ADAM),
}
MORE: dict[str, Callable[[Path], Config]] = {
    "stacked": stacked,
    "stock, epochs": with_training(stock, max_epochs=8, max_steps=0),
    "stock, accumulated": with_training(stock, accumulate_gradient=2),
    "stock, RAdam and padded": with_training(stock, optimizer=radam(), batcher=PADDED),
    "stock, frozen": frozen,
    "stopping, Adam": protected("none", ADAM),
    "stopping, Adam without averages": protected("none", {**ADAM, "use_averages": False}),
    "stopping, frozen": protected("freeze"),
    "stopping, slower": protected("slow"),
    "stopping, distilled": protected("distill"),
    "mixed, UW": with_balancer("spacy_mtl.Scalarization.v1", method="UW"),
    "mixed, NashMTL": with_balancer("spacy_mtl.GramianWeighting.v1", method="NashMTL", every=3),
}
CASES = [*CONFIGS, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)]


@pytest.mark.parametrize("name", CASES)
def test_killed_at_steps(tmp_path: Path, name: str) -> None:
    if "UW" in name or "NashMTL" in name:
        pytest.importorskip("torchjd", reason="torchjd is not installed")
    config = {**CONFIGS, **MORE}[name](tmp_path)
    run(config, tmp_path / "whole")
    interrupted(config, tmp_path / "parts", [5, 11])
    assert models(tmp_path / "parts") == models(tmp_path / "whole")
    assert log(tmp_path / "parts") == log(tmp_path / "whole")
    assert len(log(tmp_path / "parts")) >= 3


def test_killed_at_every_step(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    run(config, tmp_path / "whole")
    interrupted(config, tmp_path / "parts", list(range(13)), every=1)
    assert models(tmp_path / "parts") == models(tmp_path / "whole")
    assert log(tmp_path / "parts") == log(tmp_path / "whole")


@pytest.mark.parametrize(
    ("protect", "part"),
    [
        ("none", "before_update/best_heads/head"),
        ("none", "before_update/best_heads/places"),
        ("none", "before_update/multitask"),
        ("distill", "before_update/best_heads/encoders"),
    ],
)
def test_what_stops_tasks_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protect: str, part: str
) -> None:
    """Killed between the best evaluation of a task, at step 10, and its stop after step 12."""
    config = stopping(tmp_path, protect=protect)
    run(config, tmp_path / "whole")
    with pytest.raises(Killed), killed_at(12):
        run(config, tmp_path / "parts")
    check_that_it_counts(part, config, tmp_path, tmp_path / "out", monkeypatch)


def test_the_state_of_a_task_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = foreign(tmp_path)
    run(config, tmp_path / "whole")
    with pytest.raises(Killed), killed_at(9):
        run(config, tmp_path / "parts")
    states = json.loads((tmp_path / "whole/model-last/multitask/cfg").read_bytes())["states"]
    assert states["count"]["steps"] == 14 and states["count"]["mean"] % 1
    part = "component/multitask/own/tasks"
    check_that_it_counts(part, config, tmp_path, tmp_path / "out", monkeypatch)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    """A folder with a training that was killed in step 9, and one that was not."""
    folder = tmp_path_factory.mktemp("stopped")
    config = mixed(folder)
    run(config, folder / "whole")
    with pytest.raises(Killed), killed_at(9):
        run(config, folder / "parts")
    return folder, config


# Parts of the state whose loss shows in this training.
PARTS = [
    "parameters/value/multitask.ner",
    "optimizer/mom1",
    "optimizer/mom2",
    "optimizer/averages",
    "optimizer/nr_update",
    "optimizer/rows",
    "component/multitask/balancer",
    "component/multitask/history",
    "component/multitask/losses",
    "component/multitask/conflict",
    "batches/batcher",
    "random/numpy",
]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_counts(
    stopped: tuple[Path, Config], tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, the training goes on in another way or not at all."""
    folder, config = stopped
    check_that_it_counts(part, config, folder, tmp_path / "out", monkeypatch)


@pytest.mark.parametrize("part", ["batches/python", "random/python"])
def test_every_part_counts_for_spacys_components(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second epoch, whose order depends on what the recognizer has drawn."""
    config = stock(tmp_path)
    run(config, tmp_path / "whole")
    with pytest.raises(Killed), killed_at(9):
        run(config, tmp_path / "parts")
    check_that_it_counts(part, config, tmp_path, tmp_path / "out", monkeypatch)


def check_that_it_counts(
    part: str, config: Config, folder: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(folder / "parts", output)

    def without(path: Path) -> Any:
        checkpoint = read_checkpoint(path)
        assert any(name.startswith(part) for name in checkpoint.arrays)
        for name in list(checkpoint.arrays):
            if name.startswith(part):
                del checkpoint.arrays[name]
        return checkpoint

    monkeypatch.setattr("spacy_mtl.training.checkpoints.read_checkpoint", without)
    try:
        run(config, output, resume=True)
    except (KeyError, MTLError):
        return
    same = models(output) == models(folder / "whole")
    assert not same or log(output) != log(folder / "whole")


def test_a_checkpoint_has_no_numbers_of_this_process(stopped: tuple[Path, Config]) -> None:
    folder, _ = stopped
    path = sorted((folder / "parts/checkpoints").glob("step-*"))[-1]
    names = [name for name in read_checkpoint(path).arrays if name.startswith("optimizer/")]
    assert "optimizer/mom1/tok2vec.embed.hashembed.0.E" in names
    assert "optimizer/rows/tok2vec.embed.hashembed.0.E/touches" in names


def test_a_damaged_checkpoint_is_named(stopped: tuple[Path, Config], tmp_path: Path) -> None:
    folder, config = stopped
    copytree(folder / "parts", tmp_path / "out")
    *_, before, last = sorted((tmp_path / "out/checkpoints").glob("step-*"))
    (last / ARRAYS).write_bytes((last / ARRAYS).read_bytes()[:-1])
    printed = run(config, tmp_path / "out", resume=True)
    assert f"The checkpoint {last} is damaged: {ARRAYS} is not what was written." in printed
    assert f"Resuming from {before}" in printed
    assert models(tmp_path / "out") == models(folder / "whole")
    assert log(tmp_path / "out") == log(folder / "whole")


def test_changed_config(stopped: tuple[Path, Config], tmp_path: Path) -> None:
    folder, config = stopped
    copytree(folder / "parts", tmp_path / "out")
    changed = config.copy()
    changed["training"]["dropout"] = 0.2
    with pytest.raises(MTLError, match=r"but the config has changed in training\.dropout\."):
        run(changed, tmp_path / "out", resume=True)


def test_changed_data(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    with pytest.raises(Killed), killed_at(5):
        run(config, tmp_path / "out")
    path = tmp_path / "others.spacy"
    path.write_bytes((tmp_path / "dev.spacy").read_bytes())
    with pytest.raises(MTLError, match=r"but the content has changed of .*others\.spacy"):
        run(config, tmp_path / "out", resume=True)


def test_nothing_to_resume(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    printed = run(config, tmp_path / "out", resume=True)
    assert f"No checkpoint in {tmp_path / 'out'}: training from the beginning" in printed
    run(config, tmp_path / "whole")
    assert models(tmp_path / "out") == models(tmp_path / "whole")


def test_spacys_own_log_file(tmp_path: Path) -> None:
    def config_with(path: Path) -> Config:
        config: Any = stock(tmp_path)
        config["training"]["logger"] = {
            "@loggers": "spacy.ConsoleLogger.v3",
            "output_file": str(path),
        }
        return Config(config)

    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    run(config_with(whole), tmp_path / "whole")
    interrupted(config_with(parts), tmp_path / "parts", [5, 10])
    assert parts.read_text() == whole.read_text()
    assert len(whole.read_text().splitlines()) == 4


def test_spacys_log_file_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("mine\n")
    config: Any = stock(tmp_path)
    config["training"]["logger"] = {
        "@loggers": "spacy.ConsoleLogger.v3",
        "output_file": str(tmp_path / "log.jsonl"),
    }
    interrupted(Config(config), tmp_path / "out", [5])
    assert (tmp_path / "log.jsonl").read_text() == "mine\n"


def test_our_log_goes_on_behind_another(tmp_path: Path) -> None:
    config: Any = mixed(tmp_path)
    path = tmp_path / "log.jsonl"
    path.write_text('{"run": "another"}\n')
    config["training"]["logger"] = {**config["training"]["logger"], "output_file": str(path)}
    interrupted(Config(config), tmp_path / "out", [1, 5, 10])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[0] == {"run": "another"}
    assert [row["step"] for row in rows[1:]] == [0, 4, 8, 12]
    assert len({row["run"] for row in rows[1:]}) == 1


def test_finished(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    run(config, tmp_path / "out")
    before = models(tmp_path / "out")
    printed = run(config, tmp_path / "out", resume=True)
    assert "is finished." in printed
    assert models(tmp_path / "out") == before


def test_other_versions(stopped: tuple[Path, Config], tmp_path: Path) -> None:
    folder, config = stopped
    copytree(folder / "parts", tmp_path / "out")
    path = tmp_path / "out/checkpoints/run.json"
    noted = json.loads(path.read_text())
    noted["fingerprint"]["versions"]["thinc"] = "1.0"
    path.write_text(json.dumps(noted))
    with pytest.warns(UserWarning, match="began with other versions of thinc: the result may"):
        run(config, tmp_path / "out", resume=True)


def test_streamed_reader_with_random_numbers(tmp_path: Path) -> None:
    config = streamed(mixed)(tmp_path)
    augmenter = {"@augmenters": "spacy.lower_case.v1", "level": 0.5}
    config["corpora"]["train"]["corpora"]["some"]["augmenter"] = augmenter
    with pytest.warns(UserWarning, match="uses random numbers while it streams"):
        run(config, tmp_path / "out")


# What is being written when the process dies, and at which call: models are written at steps 0,
# 4, 8 and 12, checkpoints after steps 1, 3, 5, ...
PLACES = {
    "spacy_mtl.training.checkpoints._write_arrays": 3,
    "spacy_mtl.training.checkpoints.digest": 5,
    "spacy_mtl.training.checkpoints._remove": 2,
    "spacy_mtl.training.output_folder.copytree": 2,
    "spacy_mtl.files._exchange": 5,
    "spacy_mtl.files.rmtree": 5,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", list(PLACES))
def test_killed_while_writing(
    stopped: tuple[Path, Config], tmp_path: Path, place: str, when: str
) -> None:
    folder, config = stopped
    calls = 0

    def run_and_die() -> None:
        module, _, name = place.rpartition(".")
        function = getattr(import_module(module), name)

        def dying(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls < PLACES[place]:
                return function(*args, **kwargs)
            if when == "after":
                function(*args, **kwargs)
            elif name == "_exchange":  # between the two renamings
                args[0].rename(args[2])
            os._exit(9)

        patch(place, dying).start()
        run(config, tmp_path / "out")

    assert wait(start(run_and_die)) == 9
    run(config, tmp_path / "out", resume=True)
    assert models(tmp_path / "out") == models(folder / "whole")
    assert log(tmp_path / "out") == log(folder / "whole")
    hidden = [path for path in (tmp_path / "out").rglob(".*")]
    assert hidden == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("make", [mixed, stock], ids=["mixed", "stock"])
def test_killed_at_random_moments(tmp_path: Path, make: Callable[[Path], Config]) -> None:
    """Killed at one random call after another, until the training comes to its end."""
    config: Any = make(tmp_path)
    config["training"].update(max_steps=40, eval_frequency=5)
    config = Config(config)
    assert wait(start(partial(run, config, tmp_path / "whole"))) == 0
    random = Random(1)
    kills = 0
    while was_killed(start(partial(run_until, config, tmp_path / "parts", *moment(random)))):
        kills += 1
    assert kills >= 4
    assert models(tmp_path / "parts") == models(tmp_path / "whole")
    assert log(tmp_path / "parts") == log(tmp_path / "whole")


def moment(random: Random) -> tuple[int, int]:
    """A step, 0 for the beginning, and calls from there on.

    From one evaluation to the next, there are some 200,000 calls.
    """
    return random.randint(0, 9), random.randint(1, 200_000)


def run_until(config: Config, output: Path, steps: int, calls: int) -> None:
    """Go on with a training up to its n-th step from now, and from there for so many calls."""
    update = Loop._update

    def count(self: Loop, batch: Any) -> None:
        nonlocal steps
        steps -= 1
        if steps == 0:
            kill_after_calls(calls)
        update(self, batch)

    if steps == 0:
        kill_after_calls(calls)
    with patch.object(Loop, "_update", count):
        run(config, output, resume=True)
