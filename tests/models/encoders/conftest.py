"""Each way to compute in turn, for the encoders as well."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

from spacy_mtl.models.encoders import hash_embed, window

WAYS = [f"{library}, {rows}" for library in ("array", "torch") for rows in ("many", "few")]


@pytest.fixture(params=WAYS, scope="module")
def backend(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """A backend that both encoders use, whatever is installed, as for many rows or for few."""
    library, rows = request.param.split(", ")
    if library == "torch":
        pytest.importorskip("torch", reason="torch is not installed")
    module = import_module(f"spacy_mtl.models.encoders.{library}_backend")
    with pytest.MonkeyPatch.context() as patch:
        for each in (module, window, hash_embed):
            patch.setattr(each, "FEW_ROWS", 0 if rows == "many" else 1000)
        for encoder in (window, hash_embed):
            patch.setattr(encoder, "backend_for", lambda ops: module)
        yield module
