"""Several corpora as one, each with the layers it vouches for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from spacy.language import Language
from spacy.training import Example

from ..errors import MTLError
from ..marks import CORPUS, INDEX
from .layers import LAYERS, blank_layer, check_layer, present_layers

Reader = Callable[[Language], Iterable[Example]]


class MixedCorpus:
    """Reads named corpora one after the other and marks each reference with its corpus.

    corpora: readers by name. layers: for some of the names, the layers that the corpus vouches
    for; all its others are blanked, so that they count as missing, with a warning if there was
    something in them. Corpora that are not named keep what they have.
    """

    def __init__(self, corpora: dict[str, Reader], layers: dict[str, list[str]]) -> None:
        if not corpora:
            raise MTLError("Expected at least one corpus in `corpora`, got none.")
        for name, reader in corpora.items():
            if not callable(reader):
                raise MTLError(f"Expected a reader for the corpus '{name}', got {reader!r}.")
        for name, wanted in layers.items():
            if name not in corpora:
                raise MTLError(
                    f"Expected layers of the corpora {', '.join(corpora)}, got '{name}'."
                )
            for layer in wanted:
                check_layer(layer)
        self.corpora = corpora
        self.layers = layers

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Every example of every corpus, in the order of the config."""
        for name, reader in self.corpora.items():
            blanked: set[str] = set()
            for index, example in enumerate(reader(nlp)):
                example.reference.user_data.update({CORPUS: name, INDEX: index})
                if name in self.layers:
                    blanked |= self._blank(example, name)
                yield example
            if blanked:
                warnings.warn(
                    f"The corpus '{name}' has annotation that it does not vouch for: "
                    f"{', '.join(sorted(blanked))}. It is left out.",
                    stacklevel=2,
                )

    def _blank(self, example: Example, name: str) -> set[str]:
        present = present_layers(example.reference)
        unwanted = {layer for layer in LAYERS if layer not in self.layers[name]} & present
        for layer in unwanted:
            blank_layer(example.reference, layer)
        return unwanted


def create_mixed_corpus(
    corpora: dict[str, Any], layers: dict[str, list[str]] | None = None
) -> MixedCorpus:
    """Make the reader `spacy_mtl.MixedCorpus.v1`; see `MixedCorpus`."""
    return MixedCorpus(corpora, dict(layers or {}))
