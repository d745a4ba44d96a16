"""WebAnno TSV 3, the export of INCEpTION and WebAnno."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ...errors import FormatError
from ..records import CharSpan, ReadOptions, Record, Remark
from ._layers import Layer, choose_layers
from ._text import Item, Line, attempt, blocks, numbered_lines, require_text

_HEADER = "#FORMAT=WebAnno TSV "
_LAYERS = ("#T_SP=", "#T_CH=", "#T_RL=")
_ID = re.compile(r"[0-9]+-[0-9]+(?P<part>\.[0-9]+)?")
_OFFSETS = re.compile(r"([0-9]+)-([0-9]+)")
_PART = re.compile(r"(?:\\.|[^|\\])+", re.S)
_NUMBERED = re.compile(r"(?P<value>.*?)\[(?P<number>[0-9]+)\]", re.S)
_ESCAPED = re.compile(r"\\(->|.)", re.S)
_FIRST = 3  # the columns of a token before those of the layers
