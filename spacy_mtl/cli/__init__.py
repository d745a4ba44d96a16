"""The commands of `spacy mtl ...`; importing this package adds them to spaCy's own app."""

from spacy.cli import app as _spacy_app

from . import benchmark as benchmark
from . import convert as convert
from . import convert_weights as convert_weights
from . import init_config as init_config
from . import inspect as inspect
from . import visualize as visualize
from ._app import app

_spacy_app.add_typer(app, name="mtl")

__all__ = ["app"]
