"""The Typer app that all commands of `spacy mtl` register with."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from ..errors import MTLError


class CommandGroup(TyperGroup):
    """Commands whose own errors reach the user as one line on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MTLError as error:
            typer.secho(f"✘ {error}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from error


app = typer.Typer(name="mtl", cls=CommandGroup, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def mtl() -> None:
    """Multi-task learning: convert and inspect corpora, configure, annotate, visualize."""
