"""Multi-task learning for spaCy: one shared encoder, several tasks, partially labelled corpora."""

from ._version import __version__

__all__ = ["__version__"]
