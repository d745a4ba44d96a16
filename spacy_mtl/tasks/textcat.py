"""Text classification with one way to pool and a bag of n-grams, as in version 0.1."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from ..errors import MTLError
from ..models.heads import DocumentHead, Head
from .classes import ClassTask

NGRAM_ATTRS = ("ORTH", "LOWER", "NORM")


class TextCat(ClassTask):
    """Classify documents: the labels of one group in `doc.cats`.

    The group's labels are those given in the config, else the keys that begin with `group` and
    "=", as in "topic=travel", else, for the only task of this kind, all keys that are no values
    (see `spacy_mtl.values`). Other keys of `doc.cats` are left alone.

    exclusive: each document has exactly one class. It is labelled by the one key that is 0.5 or
        more, and multi-label documents are labelled key by key; what is missing is masked,
        never a negative. An exclusive document of which only classes that it has not are known,
        as 0, teaches that it has one of the others, and is not scored.
    threshold: from which score on a class counts as assigned, for the scores of evaluation, if it
        has no threshold of its own, as `spacy mtl calibrate` chooses them.
    group: what the group's keys begin with, by default the task's name.
    ngram_size, ngram_rows, ngram_attr: of the bag of n-grams, see `DocumentHead`.
    overwrite: replace scores that are already on the Doc.
    others_negative: for a multi-label group, the classes that a document does not name do not
        apply to it if it names any. Without it they are missing.
    """

    def __init__(
        self,
        exclusive: bool = True,
        threshold: float = 0.5,
        group: str | None = None,
        ngram_size: int = 1,
        ngram_rows: int = 65536,
        ngram_attr: str = "ORTH",
        overwrite: bool = True,
        others_negative: bool = False,
    ) -> None:
        if ngram_size < 1 or ngram_rows < 1:
            raise MTLError(
                "Expected `ngram_size` and `ngram_rows` of at least 1, "
                f"got {ngram_size} and {ngram_rows}."
            )
        if ngram_attr not in NGRAM_ATTRS:
            raise MTLError(f"Expected `ngram_attr` to be in {NGRAM_ATTRS}, got {ngram_attr!r}.")
        self.ngram_size = ngram_size
        self.ngram_rows = ngram_rows
        self.ngram_attr = ngram_attr
        super().__init__(exclusive, threshold, group, overwrite, others_negative)

    def make_head(self) -> Head:
        return DocumentHead(self.ngram_size, self.ngram_rows, self.ngram_attr)
