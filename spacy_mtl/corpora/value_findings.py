"""What about values will hurt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .coverage import Coverage
from .findings import Finding, Layers, of_kind
from .layer_coverage import Layer


def value_or_class(files: Sequence[Coverage]) -> Iterator[Finding]:
    """Keys that look like classes in one file, and are values by what another has."""
    for key in sorted(set().union(*(file.values for file in files))):
        layer = Layer("values", key)
        found = [(file.path, file.layers[layer].numbers) for file in files if layer in file.layers]
        plain = [str(file.path) for file in files if key in file.values_elsewhere]
        others = [str(path) for path, numbers in found if numbers.others]
        if plain and others:
            yield Finding(
                "value-or-class",
                f"'{key}' in doc.cats is only ever 0 or 1 in {', '.join(plain)}, as a class is, "
                f"and has other numbers in {', '.join(others)}. So it counts as a value in all of "
                "them. If it is a class, give it another name there, and convert again.",
            )


def constant_values(known: Layers) -> Iterator[Finding]:
    """Values that are all the same."""
    for layer, found in of_kind(known, "values"):
        if found.numbers.is_constant:
            yield Finding(
                "constant-values",
                f"All {found.units:,} training docs labelled with {layer} have the value "
                f"{found.numbers.lowest:g}: there is nothing to learn. Find docs with others, or "
                "leave the layer out with `spacy mtl convert --layers`.",
            )
