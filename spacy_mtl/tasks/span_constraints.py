"""What the decoding of spans goes around: white space, and entities that are there already."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..models import biluo
from ..models.packed import Packed
from .spans import Ids, preset_biluo

# What decoding looks at, as it is before anything is written.
CONSTRAINING = ("IS_SPACE", "ENT_IOB")


def allowed_columns(packed: Packed, ids: Ids, fixed: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """(n_tokens, n_columns) what may be decoded; None if all is open.

    No span begins or ends with white space. ids: the hash of each type.
    fixed: (n_tokens,) which stay as their entities are; see `in_entity`.
    """
    spaces = packed.attributes(*CONSTRAINING)[:, 0] > 0
    if not spaces.any() and not fixed.any():
        return None
    blocks = biluo.columns(len(ids))
    allowed = np.ones((len(spaces), 1 + 4 * len(ids)), dtype=bool)
    for prefix in "BLU":
        allowed[spaces, blocks[prefix]] = False
    if fixed.any():
        nothing = np.zeros(0, dtype="int32")
        columns = np.concatenate([nothing, *(preset_biluo(doc, ids) for doc in packed.docs)])
        rows = np.flatnonzero(columns >= 0)
        allowed[rows] = False
        allowed[rows, columns[rows]] = True
    return allowed


def in_entity(packed: Packed) -> NDArray[np.bool_]:
    """(n_tokens,) what is in an entity, or ruled out as one."""
    iob = packed.attributes(*CONSTRAINING)[:, 1]
    inside: NDArray[np.bool_] = (iob == 1) | (iob == 3)
    return inside
