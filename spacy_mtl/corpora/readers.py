"""Readers of `.spacy` files for `[corpora]` blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from ..errors import MTLError
from .augmented import keeping_missing
from .stored import stored_docs


class GoldTokenCorpus(Corpus):
    """`spacy.Corpus` that keeps the files' own tokens instead of tokenizing their text again.

    For corpora that were tokenized by hand or by another tool, where a comparison should not
    depend on the tokenizer. Not for pipelines that will see raw text: they should be trained
    and scored on the tokens that they will meet, which is what `spacy.Corpus.v1` does.

    What a document lacks stays missing after the augmenter, see `KeepsMissing`.
    """

    def __init__(self, path: str | Path, **settings: Any) -> None:
        """settings: as for `spacy.Corpus`."""
        super().__init__(path, **settings)
        self.augmenter = keeping_missing(self.augmenter, f"the corpus {path}")

    def _make_example(self, nlp: Language, reference: Doc, gold_preproc: bool) -> Example:
        return Example(_bare_copy(nlp, reference), reference)


def create_gold_token_corpus(
    path: Path | None,
    max_length: int = 0,
    limit: int = 0,
    augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
) -> Callable[[Language], Iterator[Example]]:
    """Read a `.spacy` file or a folder of them, on the files' own tokens.

    path: the file or folder.
    max_length: in tokens; longer documents are split into sentences where these are known
        and left out where they are not, 0 for no limit.
    limit: of examples, 0 for all.
    augmenter: gives the examples to train on for each one that is read.
    """
    if path is None:
        raise MTLError(
            "Expected a .spacy file or a folder of them as `path` of "
            "'spacy_mtl.GoldTokenCorpus.v1', got null. Set it in the config or as an override."
        )
    return GoldTokenCorpus(path, max_length=max_length, limit=limit, augmenter=augmenter)


def gold_token_examples(path: Path, nlp: Language) -> Iterator[Example]:
    """Each document of a `.spacy` file as an example whose predicted side has its tokens."""
    for reference in stored_docs(path, nlp.vocab):
        yield Example(_bare_copy(nlp, reference), reference)


def _bare_copy(nlp: Language, doc: Doc) -> Doc:
    return Doc(nlp.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])
