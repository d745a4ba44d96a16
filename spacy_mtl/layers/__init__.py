"""The layers of annotation that a Doc may have or lack, in one table."""

from .base import AnnotationLayer
from .coverage import LayerCoverage
from .extensions import DocExtension, TokenExtension
from .proposals import Found, Suggestion
from .table import BUILT_IN, attributes, layer_named, needs_user_data, table, token_layers

__all__ = [
    "BUILT_IN",
    "AnnotationLayer",
    "DocExtension",
    "Found",
    "LayerCoverage",
    "Suggestion",
    "TokenExtension",
    "attributes",
    "layer_named",
    "needs_user_data",
    "table",
    "token_layers",
]
