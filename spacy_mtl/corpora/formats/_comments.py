"""Comments of CoNLL-like files: `# newdoc`, `# key = value`."""

from __future__ import annotations

from collections.abc import Iterable

from conllu.parser import parse_comment_line

from ..records import Remark
from ._unused import unused_comments


class CommentReader:
    """Follows the comments of a file from sentence to sentence.

    A comment beside `# newdoc` is about the whole document, any other about its sentence.

    cats_from: Names of the comments that hold a class.
    """

    def __init__(self, cats_from: tuple[str, ...]) -> None:
        self.cats_from = cats_from
        self.document = 0
        self.comments: dict[str, str] = {}
        self._of_document: dict[str, list[str]] = {}
        self._of_sentence: dict[str, list[str]] = {}

    @property
    def classes(self) -> dict[str, list[str]]:
        """The values of each class group for the sentence that was read last."""
        return {**self._of_document, **self._of_sentence}

    @property
    def remarks(self) -> list[Remark]:
        """What the comments of the last sentence have that was not used."""
        return [*unused_comments(self.comments, self.cats_from)]

    def read(self, lines: Iterable[str]) -> None:
        """Take in the comments of the next sentence, each with its leading "#"."""
        pairs = [pair for line in lines for pair in parse_comment_line(line)]
        self.comments = {key: value or "" for key, value in pairs}
        self._of_sentence = {
            name: [self.comments[name]] for name in self.cats_from if self.comments.get(name)
        }
        if any(key.split(" ")[0] == "newdoc" for key in self.comments):
            self.document += 1
            self._of_document = self._of_sentence
