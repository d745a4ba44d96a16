"""Files of any size through a trained pipeline: `spacy mtl annotate`."""

from .options import Options, Summary
from .run import annotate_file

__all__ = ["Options", "Summary", "annotate_file"]
