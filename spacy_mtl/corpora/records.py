"""What a file format gives: records that are still near to their source."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..layers import BUILT_IN
from ..layers.tokens import TokenLayer

CharSpan = tuple[int, int, str]
WorthSaying = Callable[[Collection[str], int], bool]

# Labels by which files, above all those that pandas wrote, say that there is none.
MISSING_LABELS = (
    "-1", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None",
)  # fmt: skip
MISSING_VALUES = tuple(label for label in MISSING_LABELS if label != "-1")  # -1 is a value

VALUES = "values"  # the layer of values of documents, in `Record.values`


# The layers of which a `Record` has a value for each token, by the attribute that has it.
COLUMNS: Mapping[str, TokenLayer] = {
    layer.column: layer
    for layer in BUILT_IN.values()
    if isinstance(layer, TokenLayer) and layer.column
}


@dataclass(frozen=True)
class ReadOptions:
    """What the user says about a file beyond its name.

    columns: Names of the columns of a token-per-line file, "_" for one to pass over.
    text_column: Name of the column of a CSV or TSV file that holds the text.
    cats_from: Names of the comments (CoNLL-U), fields (JSONL) or columns (CSV) that hold one
        class group each.
    values_from: Names of those that hold a value each, as of a rating.
    group_name: Name of the class group that `label` or `labels` stand for; "" leaves their
        values as they are.
    comments: What comment lines of a token-per-line file begin with, beside those with "#" that
        the file's columns tell from tokens. "" if there are no comments.
    class_names: The names of numbered classes by the field or column that has the numbers, ""
        for any.
    ner_from: Name of the key in MISC (CoNLL-U) or the field (JSONL) that holds the entity tags; ""
        for one of the known ones.
    outside: Whether tokens without an entity tag, and texts whose file of brat's is empty, are
        outside of entities, and not missing.
    quotes: Whether quotes enclose the fields of a CSV or TSV file, None to find it out.
    missing: Labels of tokens and values of class groups that stand for a missing one.
    missing_values: What stands for a missing value.
    """

    columns: tuple[str, ...] = ()
    text_column: str = "text"
    cats_from: tuple[str, ...] = ()
    values_from: tuple[str, ...] = ()
    group_name: str = ""
    comments: str | None = None
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ner_from: str = ""
    outside: bool = False
    quotes: bool | None = None
    missing: tuple[str, ...] = MISSING_LABELS
    missing_values: tuple[str, ...] = MISSING_VALUES


class Remark(NamedTuple):
    """Something about a record that the user should be told, once for all records that have it.

    what: The sentence that is printed, with the name as the user knows it, such as
        "field 'meta' was not used" or "'-1' in 'label' was taken as missing (--missing)".
    example: What stood there.
    listed: Whether the user should see what stood there in every such record.
    worth_saying: Whether it is to be said at all, by the different values that stand there over the
        file and the number of records that have one. It always is if any is without.
    uses: What would read it, as "--cats-from mood"; those of all records stand behind the sentence.
    """

    what: str
    example: str
    listed: bool = False
    worth_saying: WorthSaying | None = None
    uses: tuple[str, ...] = ()


@dataclass(slots=True)
class Record:
    """One sentence of a token-based file, or one document of any other.

    A layer that the source does not have is None; so is the entry of a single token that has
    no annotation. Known to be empty is another thing: "" in `morphs`, "O" in `ner`, no span in
    `ents`, no value in a group of `classes`.

    line: Number of the line where it begins, from 1.
    words: The tokens, None where the pipeline is to tokenize `text`.
    token_lines: Number of each token's line, None where all are on `line`.
    text: The source text, which character offsets refer to.
    spaces: Whether a space follows each token, None if that is unknown.
    tags: Fine-grained part-of-speech tags.
    pos: Universal part-of-speech tags.
    morphs: Morphological features, as in "Case=Nom|Number=Sing".
    ner: Entity tags, in the source's own scheme.
    lemmas: Lemmas.
    deps: Dependency relations; a token without one has no head.
    heads: The number of each token's head, as a number from 0, with its own for a root, or as a
        string from 1, with "0" for a root.
    heads_from: Which of the two: 0 or 1.
    sentences: Where sentences begin, in characters of `text`.
    ents: Entities as (start, end, label) in characters of `text`, "" for a missing label.
    unlabelled: Those without a label, so that nothing is known of their tokens.
    spans: The same for each group of `Doc.spans`.
    cats: Categories that the source gives as `Doc.cats`.
    classes: The values of each class group; the group "" has no name.
    judged: Of each class group the classes that are known to apply or not, if not all are.
    values: Other layers, by their names, as JSON has them; values of documents among them.
    document: Number of the source document; records with the same one may share a Doc.
    is_sentence: Whether the words are known to be one sentence.
    rejected: Whether the annotator wants this record left out.
    partial: Whether this is the answer to a question, so that nothing is known of what was not
        asked: of tokens outside of `ents`.
    remarks: What was seen and not used, or read in a way that may surprise.
    """

    line: int
    words: list[str] | None = None
    token_lines: list[int] | None = None
    text: str | None = None
    spaces: list[bool] | None = None
    tags: list[str | None] | None = None
    pos: list[str | None] | None = None
    morphs: list[str | None] | None = None
    ner: list[str | None] | None = None
    lemmas: list[str | None] | None = None
    deps: list[str | None] | None = None
    heads: list[Any] | None = None
    heads_from: int = 0
    sentences: list[int] | None = None
    ents: list[CharSpan] | None = None
    unlabelled: list[CharSpan] = field(default_factory=list)
    spans: dict[str, list[CharSpan]] | None = None
    cats: dict[str, float] | None = None
    classes: dict[str, list[str]] = field(default_factory=dict)
    judged: dict[str, dict[str, bool]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    document: int = 0
    is_sentence: bool = False
    rejected: bool = False
    partial: bool = False
    remarks: list[Remark] = field(default_factory=list)

    def line_of(self, token: int) -> int:
        """The number of a token's line."""
        return self.line if self.token_lines is None else self.token_lines[token]
