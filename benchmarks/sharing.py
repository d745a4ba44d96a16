"""Single-task against joint training with what `spacy mtl init-config` writes, on real corpora.

python -m benchmarks.sharing --data DIR --corpus gum --corpus ewt --corpus snips --jobs 2

Only the readers are others: all are read on the corpus's own tokens. The comparison is that of
`spacy mtl compare`, the folder one for `spacy mtl report`. What is finished is not repeated.
Settings are overridden as for `spacy train`, for example --training.batcher.size.start 100
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from spacy.cli._util import parse_config_overrides
from typer import Option

from spacy_mtl.comparison.compare import compare
from spacy_mtl.comparison.plan import Settled, make_plan
from spacy_mtl.comparison.progress import RunBars
from spacy_mtl.comparison.results import Results

from .corpora import CLASSES, prepare
from .mixture import NAME, prepare_mixture
from .pretrained import find
from .proposed import proposed
from .quality import DEFAULT_CACHE
from .sharing_page import markdown, plot

FRACTIONS = (1.0, 0.25, 0.1, 0.05)

app = typer.Typer(add_completion=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def main(
    ctx: typer.Context,
    data: Annotated[Path, Option(help="Folder with gum/, ewt/ and snips/")],
    cache: Annotated[Path, Option(help="Where corpora, runs and results are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = list(CLASSES),  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ... with all data")] = 5,
    fraction_seeds: Annotated[int, Option(help="The same with a part of the data")] = 3,
    fraction: Annotated[list[float], Option(help="May be repeated")] = list(FRACTIONS),  # noqa: B006
    steps: Annotated[int, Option(help="Training steps with all data")] = 2000,
    vary: Annotated[list[str] | None, Option(help="As for `spacy mtl compare`")] = None,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
    weights: Annotated[
        str | None, Option(help="On a transformer: its folder, or one below a package")
    ] = None,
    output: Annotated[
        Path | None, Option(help="Folder of the runs and results; default: sharing in the cache")
    ] = None,
    image: Annotated[Path | None, Option(help="Where the learning curves are drawn")] = None,
) -> None:
    """Compare on each corpus, write results.json, print the tables and draw the curves."""
    overrides = parse_config_overrides(ctx.args)
    transformer = str(find(weights)) if weights else None
    found: dict[str, Results] = {}
    for name in corpus:
        prepared = prepare_mixture(data, cache) if name == NAME else prepare(data, cache, name)
        settled = Settled(
            name=f"{name}.cfg",
            config=proposed(prepared, overrides, transformer),
            test=prepared.test,
            seeds=seeds,
            steps=steps,
            fractions=sorted(fraction, reverse=True),
            fraction_seeds=fraction_seeds,
            vary=vary or (),
        )
        plan = make_plan(settled)
        folder = (output or cache / "sharing") / name
        with RunBars([planned.run for planned in plan.runs]) as bars:
            command = f"python -m benchmarks.sharing {' '.join(sys.argv[1:])}"
            results = compare(
                plan, folder, jobs=jobs, command=command, on_start=bars.start, on_done=bars.done
            )
        results.save(folder)
        found[name] = results
    for name, results in found.items():
        typer.echo(markdown(name, results) + "\n")
    if image is not None:
        plot(found, image)


if __name__ == "__main__":
    app()
