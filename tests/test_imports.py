"""What an import of the package pulls in."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "spacy_transformers", "matplotlib", "ray", "cupy", "torchjd"}


def loaded_after(statement: str, before: str = "pass") -> set[str]:
    """The modules that a fresh process loads by a statement, beyond those of the one before."""
    code = (
        f"import sys\n{before}\nold = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - old)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("module", ["spacy_mtl"])
def test_what_is_light(module):
    loaded = loaded_after(f"import {module}")
    assert module in loaded
    assert not loaded & {*HEAVY, "spacy", "thinc", "numpy"}


def test_nothing_of_ours_loads_a_heavy_module():
    # spaCy and thinc load torch and cupy by themselves, where these are installed.
    ours = "import spacy_mtl.cli, spacy_mtl.pipeline.factory, spacy_mtl.mixing.mixed"
    loaded = loaded_after(ours, before="import spacy.cli")
    assert {"spacy_mtl.cli", "spacy_mtl.pipeline.factory"} <= loaded
    assert not loaded & HEAVY
