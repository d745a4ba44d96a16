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
from typing import Annotated, Any, NamedTuple

import numpy as np
import srsly
import typer
from numpy.typing import NDArray
from typer import Option

from .checkouts import DEMO, After, Before, Checkout, Data, prepare

WEIGHTS = "model"  # the name of thinc's files
MODELS = ("model-best", "model-last")
SHOWN = 20  # differences of a file

Parameters = list[tuple[str, NDArray[Any]]]


class Difference(NamedTuple):
    """A file that differs in two saved pipelines, and how, in lines of text.

    in_weights: whether parameters differ, in number, shape or value.
    """

    file: str
    lines: list[str]
    in_weights: bool = False


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
        found = []
        for model in MODELS:
            of_model = differences(*(scratch / side.name / model for side in sides))
            _print(model, of_model)
            found += of_model
    typer.echo(_verdict(found))
    raise typer.Exit(int(any(each.in_weights for each in found)))


def _train(side: Checkout, config: Path, steps: int, seed: int) -> None:
    every = max(1, steps // 4)
    settings = {"max_steps": steps, "eval_frequency": every, "patience": 0, "seed": seed}
    overrides = [part for key, value in settings.items() for part in (f"--training.{key}", value)]
    side.spacy("train", config, "--output", side.name, *map(str, overrides))


def differences(one: Path, other: Path) -> list[Difference]:
    """The files that differ in two saved pipelines."""
    files = {path.relative_to(root) for root in (one, other) for path in _files(root)}
    pairs = [(str(file), one / file, other / file) for file in sorted(files)]
    return [
        _difference(file, *pair)
        for file, *pair in pairs
        if not all(path.exists() for path in pair) or pair[0].read_bytes() != pair[1].read_bytes()
    ]


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def _difference(file: str, one: Path, other: Path) -> Difference:
    is_weights = one.name == WEIGHTS
    if not (one.exists() and other.exists()):
        return Difference(file, [f"only {'before' if one.exists() else 'after'}"], is_weights)
    if is_weights:
        lines = list(_weights(parameters(one), parameters(other)))
        return Difference(file, lines or ["layers, not parameters"], bool(lines))
    try:
        values = [srsly.json_loads(path.read_text(encoding="utf8")) for path in (one, other)]
        lines = list(_json(*values))
    except ValueError:  # no JSON
        lines = list(_lines(one, other))
    return Difference(file, lines or ["other bytes with the same content"])


def parameters(path: Path) -> Parameters:
    """The parameters of a saved thinc model: names and values, in the order of the layers."""
    saved = srsly.msgpack_loads(path.read_bytes())
    return [
        (f"{node['name']}.{name}", np.asarray(value))
        for node, of_node in zip(saved["nodes"], saved["params"], strict=True)
        for name, value in of_node.items()
        if value is not None
    ]


def _weights(one: Parameters, other: Parameters) -> Iterator[str]:
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
            yield from _json(one.get(key), other.get(key), f"{place}.{key}")
    elif one != other:
        yield f"{place.lstrip('.')}: {_short(one)} before, {_short(other)} after"


def _lines(one: Path, other: Path) -> Iterator[str]:
    try:
        a, b = (path.read_text(encoding="utf8").splitlines() for path in (one, other))
    except UnicodeDecodeError:
        return iter([f"{one.stat().st_size} bytes before, {other.stat().st_size} after"])
    changes = difflib.unified_diff(a, b, lineterm="", n=0)
    return (line for line in changes if not line.startswith(("---", "+++", "@@")))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _print(model: str, found: list[Difference]) -> None:
    for file, lines, _ in found:
        typer.echo(f"{model}/{file}")
        for line in lines[:SHOWN]:
            typer.echo(f"  {line}")
        if len(lines) > SHOWN:
            typer.echo(f"  and {len(lines) - SHOWN:,} more")


def _verdict(found: list[Difference]) -> str:
    if any(each.in_weights for each in found):
        return "The weights differ."
    return "The weights are the same." if found else "Every byte is the same."


if __name__ == "__main__":
    typer.run(main)
