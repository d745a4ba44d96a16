"""The commands of `spacy mtl ...`; importing this package adds them to spaCy's own app."""

from spacy.cli import app as _spacy_app

from . import affinity as affinity
from . import annotate as annotate
from . import benchmark as benchmark
from . import calibrate as calibrate
from . import card as card
from . import compare as compare
from . import convert as convert
from . import convert_weights as convert_weights
from . import evaluate as evaluate
from . import init_config as init_config
from . import inspect as inspect
from . import merge as merge
from . import report as report
from . import train as train
from . import visualize as visualize
from ._app import app

_spacy_app.add_typer(app, name="mtl")

__all__ = ["app"]
