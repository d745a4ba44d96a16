"""The Typer app that all commands of `spacy mtl` register with."""

from __future__ import annotations

from typing import Any

import typer
from catalogue import RegistryError
from typer.core import TyperGroup

from ..errors import MTLError, one_line
from ..languages import import_failed


class CommandGroup(TyperGroup):
    """Commands whose own errors reach the user as one line on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MTLError as error:
            raise _told(error) from error
        except RegistryError as error:
            raise _told(unknown_name(error)) from error
        except ImportError as error:  # of what a pipeline needs, such as a tokenizer's package
            raise _told(import_failed(error)) from error


def unknown_name(error: RegistryError) -> MTLError:
    """For a name in a config that no registry has."""
    return MTLError(
        f"Expected names of registered functions in the config, got: {one_line(error, 300)} If it "
        "is code of yours, give it with --code FILE."
    )


def _told(error: MTLError) -> typer.Exit:
    typer.secho(f"✘ {error}", err=True, fg=typer.colors.RED)
    return typer.Exit(1)


app = typer.Typer(name="mtl", cls=CommandGroup, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def mtl() -> None:
    """Multi-task learning: convert and inspect corpora, configure, annotate, visualize."""
