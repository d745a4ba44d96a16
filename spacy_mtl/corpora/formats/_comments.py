"""Comments of CoNLL-like files: `# newdoc`, `# key = value`, `# key: value`, `# flag`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from conllu.parser import parse_comment_line

from ..records import VALUES, ReadOptions, Record, Remark
from ._unused import unused_comments

# What the tools write behind the "#" of a comment: "# text = ...", "# id 17", "#begin document".
COMMENT = re.compile(
    r"# (newdoc|newpar|id|sent_id|sentence_id|doc_id|text|source|meta)\b"
    r"|#(begin|end) document\b|#+ *[\w.:-]+ += "
)
_COLON = re.compile(r"#\s*([^\W\d][\w.-]*(?: [\w.-]+)?)\s*:(?![:/])\s*(\S.*)")


def as_comments(lines: Iterable[str]) -> Iterator[str]:
    """Comment lines of a column file as CoNLL-U has them, those joined by tabs one by one."""
    return (f"#{part.lstrip('#')}" for line in lines for part in line.split("\t"))


def unknown_comments(lines: Sequence[str]) -> list[Remark]:
    """What to say of lines with "#" that are none of those that tools write."""
    what = "lines with '#' were taken for comments (--comments)"
    return [Remark(what, line) for line in lines if not COMMENT.match(line)][:1]


def _parse(line: str) -> list[tuple[str, str]]:
    """A comment without "=": `# key: value`, or `# key` alone."""
    match = _COLON.fullmatch(line.strip())
    return [(match[1], match[2])] if match else [(line.strip("# \t"), "")]


class CommentReader:
    """Follows the comments of a file from sentence to sentence.

    A comment beside `# newdoc` is about the whole document, any other about its sentence.

    options: The names of the comments that hold a class or a value.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._names = (*options.cats_from, *options.values_from)
        self._values_from = options.values_from
        self.document = 0
        self.comments: dict[str, str] = {}
        self._of_document: dict[str, str] = {}
        self._of_sentence: dict[str, str] = {}

    def tell(self, record: Record) -> None:
        """Give the classes and values of the sentence that was read last to its record."""
        found = {**self._of_document, **self._of_sentence}
        values = {name: found.pop(name) for name in self._values_from if name in found}
        record.classes = {name: [label] for name, label in found.items()}
        if values:
            record.values[VALUES] = values

    @property
    def remarks(self) -> list[Remark]:
        """What the comments of the last sentence have that was not used."""
        return [*unused_comments(self.comments, self._names)]

    def read(self, lines: Iterable[str]) -> None:
        """Take in the comments of the next sentence, each with its leading "#"."""
        pairs = [pair for line in lines for pair in parse_comment_line(line) or _parse(line)]
        self.comments = {key: value or "" for key, value in pairs}
        self._of_sentence = {
            name: self.comments[name] for name in self._names if self.comments.get(name)
        }
        if any(key.split(" ")[0] == "newdoc" for key in self.comments):
            self.document += 1
            self._of_document = self._of_sentence
