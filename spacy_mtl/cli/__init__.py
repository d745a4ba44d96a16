"""The commands of `spacy mtl ...`; importing this package adds them to spaCy's own app."""

from spacy.cli import app as _spacy_app

from . import convert as convert
from ._app import app

_spacy_app.add_typer(app, name="mtl")

__all__ = ["app"]
