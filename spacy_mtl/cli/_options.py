"""Options that several commands have."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from typer import Option

from ._loading import code_option

Code = Annotated[
    Path | None,
    Option(
        "--code",
        "-c",
        exists=True,
        dir_okay=False,
        is_eager=True,
        callback=code_option,
        help="Python file with registered functions, to be imported.",
    ),
]
GpuId = Annotated[int, Option("--gpu-id", "-g", min=-1, help="GPU, -1 for the CPU.")]
Ray = Annotated[
    str | None,
    Option(
        "--ray",
        metavar="ADDRESS",
        help="Run on a Ray cluster: HOST:PORT, auto for the one of this machine, or local for one "
        "of its own.",
    ),
]


def names_in(joined: str) -> list[str]:
    """Names that are joined by commas."""
    return [name.strip() for name in joined.split(",") if name.strip()]


def again(code: Path | None) -> str:
    """The option as the next command needs it, behind a space; "" without."""
    return "" if code is None else f" --code {shlex.quote(str(code))}"
