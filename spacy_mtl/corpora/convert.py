"""Annotated files in any format to `.spacy` files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from ..errors import MTLError
from ..files import write_whole
from ..layers import needs_user_data
from .layers import count_units
from .reading import read_docs
from .records import VALUES
from .survey import Remarked


@dataclass
class Conversion:
    """What became of a file.

    docs: Number of Docs written.
    tokens: Number of their tokens.
    units: Number of labelled units of each layer, as `count_units` counts them.
    rejected: Number of records that their annotator rejected.
    errors: Number of sentences or documents left out because of an error.
    absent_groups: Class groups and values that were asked for and that the file lacks.
    remarks: What was seen and not used, or read in a way that may surprise.
    """

    docs: int = 0
    tokens: int = 0
    units: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    errors: int = 0
    absent_groups: tuple[str, ...] = ()
    remarks: Mapping[str, Remarked] = field(default_factory=dict)


def convert_file(
    path: str | Path, output: str | Path, nlp: Language | Vocab, **options: Any
) -> Conversion:
    """Write the Docs of an annotated file into a `.spacy` file.

    path: The annotated file.
    output: The file to write, replaced only when all Docs are there; its folder is made.
    nlp: Tokenizes texts that come without tokens; for tokenized files a vocab will do.
    options: The keyword arguments of `read_docs`.
    RAISES (FormatError): If the file is not as its format wants it.
    RAISES (MTLError): If an argument is wrong, or the output cannot be written.
    """
    output = Path(output)
    if output.suffix != ".spacy":
        raise MTLError(f"Expected an output file that ends in .spacy, got {output.name}.")
    docs = read_docs(path, nlp, **options)
    # Where the values are noted, so that those that are only ever 0 or 1 are known to be some.
    doc_bin = DocBin(store_user_data=needs_user_data() or VALUES in docs.layers)
    conversion = Conversion()
    for doc in docs:
        doc_bin.add(doc)
        conversion.docs += 1
        conversion.tokens += len(doc)
        conversion.units.update(count_units(doc))
    conversion.rejected = docs.rejected
    conversion.errors = docs.errors
    conversion.absent_groups = docs.absent_groups
    conversion.remarks = docs.remarks
    write_whole(output, doc_bin.to_bytes())
    return conversion
