"""What an import of the package pulls in."""

import subprocess
import sys

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


def test_the_package_itself_is_light():
    loaded = loaded_after("import spacy_mtl")
    assert "spacy_mtl" in loaded
    assert not loaded & {*HEAVY, "spacy", "thinc", "numpy"}


def test_nothing_of_ours_loads_a_heavy_module():
    # spaCy and thinc load torch and cupy by themselves, where these are installed.
    ours = "import spacy_mtl.cli, spacy_mtl.pipeline.factory, spacy_mtl.mixing.mixed"
    loaded = loaded_after(ours, before="import spacy.cli")
    assert {"spacy_mtl.cli", "spacy_mtl.pipeline.factory"} <= loaded
    assert not loaded & HEAVY
