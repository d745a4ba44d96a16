"""Coverage-guided fuzzing of the file readers with atheris, from the root of the repository:

python -m tests.robustness.fuzz_files -max_total_time=300

The first bytes of an input choose the format and the options, the others are the file. Options
are those of libFuzzer, such as a folder to keep inputs in. Ends at the first case that must not be.
"""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["spacy_mtl.corpora", "conllu"]):
    from .checks import run_file, run_stored
    from .file_strategies import FileCase, StoredCase
    from .outcomes import outcome_of

NAMES = ["a.jsonl", "a.csv", "a.tsv", "a.conllu", "a.iob2", "a.conll", "a.spacy"]
LAYERS = [None, None, None, ["ents"], ["tag", "cats"]]
GROUPS = [[], [], ["label"], ["text", "genre"]]


def fuzz(data: bytes) -> None:
    """Read one input as a file; raises an error if it must not come out like this."""
    provider = atheris.FuzzedDataProvider(data)
    name = NAMES[provider.ConsumeIntInRange(0, len(NAMES) - 1)]
    options = {
        "group": provider.ConsumeIntInRange(0, 3),
        "on_error": ("stop", "skip")[provider.ConsumeBool()],
        "layers": LAYERS[provider.ConsumeIntInRange(0, len(LAYERS) - 1)],
        "cats_from": GROUPS[provider.ConsumeIntInRange(0, len(GROUPS) - 1)],
    }
    if name == "a.conll":
        options["columns"] = ["form", "tag", "ner"]
    rest = provider.ConsumeBytes(provider.remaining_bytes())
    if name == "a.spacy":
        outcome = outcome_of(run_stored, StoredCase(rest, False))
    else:
        outcome = outcome_of(run_file, FileCase(name, rest, options))
    if not outcome.good:
        raise RuntimeError(f"{outcome.kind}: {outcome.detail}")


if __name__ == "__main__":
    logging.getLogger("spacy_mtl").setLevel(logging.ERROR)
    fuzz(b"")  # loads what all inputs need, so that the first does not count as slow
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
