"""Annotated corpora: file formats to Docs, readers, and what files have."""

from .convert import Conversion, convert_file
from .layers import blank_layer, count_units, present_layers
from .reading import DocStream, read_docs
from .records import MISSING_LABELS

__all__ = [
    "MISSING_LABELS",
    "Conversion",
    "DocStream",
    "blank_layer",
    "convert_file",
    "count_units",
    "present_layers",
    "read_docs",
]
