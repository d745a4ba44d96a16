from collections.abc import Callable, Iterator
from typing import Any

import catalogue
import pytest
from spacy.tokens import Doc, Token

from spacy_mtl.layers import BUILT_IN, table
from spacy_mtl.registry import registry

Register = Callable[[str, Any], None]


@pytest.fixture
def register() -> Iterator[Register]:
    """Puts a layer into the registry, as a file of --code does, until the end of the test."""
    names = []

    def register(name: str, layer: Any) -> None:
        names.append(name)
        registry.mtl_layers(name, func=layer)

    yield register
    for name in names:
        catalogue.REGISTRY.pop(("spacy", "mtl_layers", name), None)
        for owner in (Token, Doc):
            if owner.has_extension(name):
                owner.remove_extension(name)
    assert not {*names} & {*table()} - {*BUILT_IN}
