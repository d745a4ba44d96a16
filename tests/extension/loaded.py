"""What a fresh process does with a pipeline, alone and with two more: `loaded.py MODEL TEXTS`.

MODEL is a folder, or the name of a package on the path that cannot be found as a distribution.
"""

import importlib
import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc


def load(model: str) -> Language:
    return spacy.load(model) if Path(model).is_dir() else importlib.import_module(model).load()


def annotation(doc: Doc) -> dict[str, Any]:
    return {
        "tags": [token.tag_ for token in doc],
        "ents": [[span.start, span.end, span.label_] for span in doc.ents],
        "cats": doc.cats,
        "distance": [token._.distance for token in doc],
        "pairs": doc._.pairs,
    }


if __name__ == "__main__":
    nlp = load(sys.argv[1])
    texts = [json.loads(line)["text"] for line in Path(sys.argv[2]).read_text("utf8").splitlines()]
    alone = list(map(annotation, nlp.pipe(texts)))
    multiprocessing.set_start_method("spawn", force=True)
    together = list(map(annotation, nlp.pipe(texts, n_process=2, batch_size=2)))
    print(json.dumps({"alone": alone, "together": together}))
