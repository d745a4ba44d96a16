"""Morphological features as text."""

from __future__ import annotations

import re

_FEATURES = re.compile(r"[^=|\s]+=[^=|\s]+(\|[^=|\s]+=[^=|\s]+)*")


def is_features(text: str) -> bool:
    """Whether it reads like "Case=Nom|Number=Sing"; others spaCy mistakes or fails on."""
    return _FEATURES.fullmatch(text) is not None
