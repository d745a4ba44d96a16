"""Everything about speed and memory, written into docs/results.md with its plots.

python -m benchmarks.bench --data DIR
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from spacy_mtl.files import write_whole
from spacy_mtl.speed.worker import environment

from . import many_tasks, memory, roofline, speed, training_speed
from .one_thread import in_one_thread
from .quality import DEFAULT_CACHE

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results.md"
IMAGES = ROOT / "docs" / "images"
BEGIN, END = "<!-- written by benchmarks.bench -->", "<!-- end of benchmarks.bench -->"


def main(
    data: Annotated[Path, Option(help="Folder with gum/ and snips/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    seeds: Annotated[int, Option(help="Trainings that are timed")] = 3,
    steps: Annotated[int, Option(help="Training steps of every run")] = 2000,
    rounds: Annotated[int, Option(help="Rounds of prediction")] = 5,
    words: Annotated[int, Option(help="Of the streams that memory is measured on")] = 10_000_000,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="Predict and train there")] = -1,
) -> None:
    """Measure one thing after the other, each step printed when it is done; takes an hour."""
    IMAGES.mkdir(exist_ok=True)
    predict = partial(speed.run, data, cache, rounds=rounds, steps=steps, gpu_id=gpu_id)
    train = partial(in_one_thread, training_speed.run, data, cache, "gum", seeds, steps, gpu_id)
    parts: list[tuple[str, str, str, Callable[[], str]]] = [
        ("Prediction on gum", "speed", "speed-gum", partial(predict, corpus="gum")),
        ("Prediction on snips", "speed", "speed-snips", partial(predict, corpus="snips")),
        ("Training", "training_speed", "", train),
        ("One to ten tasks", "many_tasks", "many-tasks", partial(many_tasks.report, data, cache)),
        ("Memory of a long stream", "memory", "memory", partial(memory.report, words)),
        ("Where the time goes", "roofline", "", partial(roofline.report, data, cache)),
    ]
    texts = []
    for title, script, image, report in parts:
        plot = {"plot": IMAGES / f"{image}.png"} if image else {}
        command = f"python -m benchmarks.{script}"
        command += "" if script == "memory" else " --data DIR"
        lines = [f"### {title}", "", f"```bash\n{command}\n```", "", report(**plot)]
        lines += ["", f"![{title}](images/{image}.png)"] if image else []
        texts.append("\n".join(lines))
        typer.echo(texts[-1] + "\n")
    body = "\n\n".join([_machine(), *texts])
    whole = RESULTS.read_text(encoding="utf8")
    before, rest = whole.split(BEGIN)
    after = rest.split(END)[1]
    write_whole(RESULTS, f"{before}{BEGIN}\n\n{body}\n\n{END}{after}".encode())


def _machine() -> str:
    found = environment()
    versions = {"Python": found["python"], **found["packages"]}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{found['cpu']}; {found['accelerator'] or 'no accelerator'}; {listed}."


if __name__ == "__main__":
    typer.run(main)
