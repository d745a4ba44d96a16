"""Do two versions of the package learn the same? Trains the demo in both, and compares bytes.

git worktree add --detach ../before COMMIT
python -m benchmarks.same_training ../before .

Both train with the config that the first one writes, on the same .spacy files, with the same seed,
in one thread. What differs in what they save is printed. Exit code 1 if the weights differ.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import srsly
import typer
from numpy.typing import NDArray
from typer import Option

from .checkouts import DEMO, After, Before, Checkout, Data, prepare

WEIGHTS = "model"  # the name of thinc's files
MODELS = ("model-best", "model-last")
SHOWN = 20  # differences of a file

Differences = dict[str, list[str]]


def main(
    before: Before,
    after: After,
    data: Data = DEMO,
    steps: Annotated[int, Option(min=1, help="Training steps")] = 200,
    seed: Annotated[int, Option(help="Of both trainings")] = 0,
) -> None:
    """Train both, one after the other, and print for each file that differs what is different."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        sides = [Checkout("before", before, scratch), Checkout("after", after, scratch)]
        config = prepare(sides[0], data)
        for side in sides:
            _train(side, config, steps, seed)
        changed = weights = False
        for model in MODELS:
            found = differences(*(scratch / side.name / model for side in sides))
            changed |= bool(found)
            weights |= any(is_weights(file) for file in found)
            _print(model, found)
    typer.echo(_verdict(changed, weights))
    raise typer.Exit(int(weights))


def _train(side: Checkout, config: Path, steps: int, seed: int) -> None:
    every = max(1, steps // 4)
    settings = {"max_steps": steps, "eval_frequency": every, "patience": 0, "seed": seed}
    overrides = [part for key, value in settings.items() for part in (f"--training.{key}", value)]
    side.spacy("train", config, "--output", side.name, *map(str, overrides))


def differences(one: Path, other: Path) -> Differences:
    """What differs in two saved pipelines, by file; nothing of files with the same bytes.

    Of weights, names and order of the layers' parameters count, not how the layers are nested.
    """
    files = sorted({p.relative_to(root) for root in (one, other) for p in _files(root)})
    found = {}
    for file in files:
        pair = (one / file, other / file)
        if not all(path.exists() for path in pair):
            found[str(file)] = [f"only in the one {'before' if pair[0].exists() else 'after'}"]
        elif pair[0].read_bytes() != pair[1].read_bytes():
            lines = list(_described(*pair))
            name = str(file)
            if file.name == WEIGHTS and not lines:
                name, lines = f"{name} (layers)", ["the weights are the same, not the layers"]
            found[name] = lines or ["other bytes with the same content"]
    return found


def is_weights(file: str) -> bool:
    """Whether a name in `differences` means that weights differ."""
    return Path(file).name == WEIGHTS


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def _described(one: Path, other: Path) -> Iterator[str]:
    if one.name == WEIGHTS:
        return _weights(parameters(one), parameters(other))
    try:
        values = [srsly.json_loads(path.read_text(encoding="utf8")) for path in (one, other)]
    except ValueError:
        return _lines(one, other)
    return _json(*values)


def parameters(path: Path) -> list[tuple[str, NDArray[Any]]]:
    """The parameters of a saved thinc model: names and values, in the order of the layers."""
    saved = srsly.msgpack_loads(path.read_bytes())
    return [
        (f"{node['name']}.{name}", np.asarray(value))
        for node, of_node in zip(saved["nodes"], saved["params"], strict=True)
        for name, value in of_node.items()
        if value is not None
    ]


def _weights(one: list[tuple[str, NDArray[Any]]], other: list[tuple[str, Any]]) -> Iterator[str]:
    if len(one) != len(other):
        yield f"{len(one)} parameters before, {len(other)} after"
        return
    for (name, a), (other_name, b) in zip(one, other, strict=True):
        if a.shape != b.shape:
            yield f"{name} {a.shape} before, {other_name} {b.shape} after"
        elif a.tobytes() != b.tobytes():
            yield f"{name} {a.shape}: by {np.abs(a - b).max():.3g} at most"


def _json(one: Any, other: Any, place: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            missing = "(nothing)"
            yield from _json(one.get(key, missing), other.get(key, missing), f"{place}.{key}")
    elif one != other:
        yield f"{place.lstrip('.')}: {_short(one)} before, {_short(other)} after"


def _lines(one: Path, other: Path) -> Iterator[str]:
    try:
        texts = [path.read_text(encoding="utf8").splitlines() for path in (one, other)]
    except UnicodeDecodeError:
        return iter([f"{one.stat().st_size} bytes before, {other.stat().st_size} after"])
    changes = difflib.unified_diff(*texts, "before", "after", lineterm="", n=0)
    return (line for line in changes if not line.startswith(("---", "+++", "@@")))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _print(model: str, found: Differences) -> None:
    for file, lines in found.items():
        typer.echo(f"{model}/{file}")
        for line in lines[:SHOWN]:
            typer.echo(f"  {line}")
        if len(lines) > SHOWN:
            typer.echo(f"  and {len(lines) - SHOWN:,} more")


def _verdict(changed: bool, weights: bool) -> str:
    if weights:
        return "The weights differ."
    return "The weights are the same." if changed else "Every byte is the same."


if __name__ == "__main__":
    typer.run(main)
