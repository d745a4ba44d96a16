"""What workers of a training tell each other."""

import numpy as np
from distributed.helpers import together

from spacy_mtl.workers import ALONE, shared


def test_alone():
    array = np.arange(3.0)
    assert ALONE.gather(array) == [array] and ALONE.add(array) is array
    assert shared(ALONE, b"text") == b"text" and shared(ALONE, b"") == b""


def test_what_the_first_says_is_at_all():
    found = together(3, lambda w: shared(w, b"of the first" if w.rank == 0 else None))
    assert found == [b"of the first"] * 3
