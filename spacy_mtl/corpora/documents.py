"""Records to Docs: the one place where annotation is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice, pairwise
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..errors import FormatError, MTLError
from ..layers import layer_named
from ..layers.cats import class_group
from ..layers.sentences import set_starts
from ..marks import INCORRECT_SPANS
from .alignment import align
from .labels import whole_number
from .records import VALUES, CharSpan, Record
from .survey import Survey
from .token_columns import column_of, set_columns

# spaCy's tokenizer takes time by the square of how many of these are in a row.
_AFFIXES = re.compile(r"(?:[^\w\s]|_|(?<=['’])[sS])+")
_MAX_AFFIXES = 2000


def group_records(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Runs of up to `size` records that never cross the border of a source document.

    size: Number of records in a group, 0 for whole source documents.
    """
    for _, document in groupby(records, key=lambda record: record.document):
        while group := list(islice(document, size or None)):
            yield group


class DocBuilder:
    """Makes Docs out of the records of one file.

    nlp: The pipeline whose tokenizer and vocab are used, or only a vocab for tokenized files.
    path: The file, for messages.
    survey: What the whole of it has.
    layers: The layers to write; all others stay missing.
    others_negative: Whether the classes that a document does not name are known not to apply,
        where it names any of their group.
    """

    def __init__(
        self,
        nlp: Language | Vocab,
        path: Path,
        survey: Survey,
        layers: frozenset[str],
        others_negative: bool = False,
    ) -> None:
        self.nlp = nlp
        self.path = path
        self.survey = survey
        self.layers = layers
        self.others_negative = others_negative

    def build(self, records: Sequence[Record]) -> Doc:
        """Make one Doc out of consecutive records, each of which is a sentence of it.

        RAISES (FormatError): If the annotation does not fit the tokens, or the records have
            different values of one class group.
        """
        first = records[0]
        doc = self._tokenize(first) if first.words is None else self._join(records)
        if first.sentences is not None and "sents" in self.layers:
            self._set_sentences(doc, first, first.sentences)
        if "ents" in self.layers:
            self._set_ents(doc, records)
        self._set_spans(doc, records)
        if "cats" in self.layers:
            doc.cats = self._cats(records)
        self._set_values(doc, first)
        if VALUES in self.layers:
            self._set_numbers(doc, records)
        return doc

    def _tokenize(self, record: Record) -> Doc:
        if isinstance(self.nlp, Vocab):
            raise MTLError(
                f"Expected a pipeline to tokenize the texts of {self.path}, got only a vocab. "
                "Give one such as spacy.blank('en')."
            )
        text = record.text or ""
        if len(text) > self.nlp.max_length:
            raise FormatError(
                f"Expected a text of at most {self.nlp.max_length} characters (nlp.max_length), "
                f"got {len(text)}. Split it.",
                self.path,
                record.line,
            )
        longest = max((len(run.group()) for run in _AFFIXES.finditer(text)), default=0)
        if longest > _MAX_AFFIXES:
            raise FormatError(
                f"Expected at most {_MAX_AFFIXES} punctuation marks and symbols in a row, got "
                f"{longest}, over which spaCy's tokenizer takes very long. Shorten the run.",
                self.path,
                record.line,
            )
        return self.nlp.make_doc(text)

    def _join(self, records: Sequence[Record]) -> Doc:
        tags = column_of(records, "ner") if "ents" in self.layers else []
        doc = Doc(
            self.nlp if isinstance(self.nlp, Vocab) else self.nlp.vocab,
            words=_words(records),
            spaces=_spaces(records),
            ents=[tag or "" for tag in tags] if any(tags) else None,
            sent_starts=_sent_starts(records),
        )
        set_columns(doc, records, self.layers, self.path)
        return doc

    def _set_sentences(self, doc: Doc, record: Record, sentences: Sequence[int]) -> None:
        """Where sentences begin, unless the parse says it: in a Doc of one record."""
        if doc.has_annotation("DEP"):
            return
        starts = {start: i for i, (start, _) in enumerate(self._offsets(doc[:], record))}
        for start in sentences:
            if start not in starts:
                raise FormatError(
                    f"Expected sentences that begin at a token, got one at {start}, behind "
                    f"{(record.text or '')[:start][-20:]!r}. Correct its offset.",
                    self.path,
                    record.line,
                )
        begins = {starts[start] for start in sentences}
        set_starts(doc, [1 if i in begins or not i else -1 for i in range(len(doc))])

    def _set_values(self, doc: Doc, record: Record) -> None:
        """The layers that are none of spaCy's own, which only formats of one record a Doc have."""
        for name in self.layers & {*record.values} - {VALUES}:
            layer = layer_named(name)
            try:
                layer.from_json(doc, record.values[name])
            except Exception as error:  # whatever the layer's own code raises
                kind = "" if isinstance(error, MTLError) else f"{type(error).__name__}: "
                said = f"In {layer.field!r}, of the layer '{name}': {kind}{error}"
                raise FormatError(said, self.path, record.line) from error

    def _set_numbers(self, doc: Doc, records: Sequence[Record]) -> None:
        """The values of the document, which each sentence of it may have."""
        values: dict[str, float] = {}
        for record in records:
            for key, value in record.values.get(VALUES, {}).items():
                if values.setdefault(key, value) != value:
                    raise FormatError(
                        f"Expected one value of {key!r} for the sentences of a Doc, got "
                        f"{values[key]:g} and {value:g}. Make each sentence a Doc of its own "
                        "(--group 1).",
                        self.path,
                        record.line,
                    )
                if key in doc.cats:
                    raise FormatError(
                        f"Expected {key!r} in doc.cats to be a class or a value, got both. Give "
                        "the classes the name of a group (--group-name).",
                        self.path,
                        record.line,
                    )
        layer_named(VALUES).from_json(doc, values)

    def _set_ents(self, doc: Doc, records: Sequence[Record]) -> None:
        """Write the entities that are given by offsets; where a record has none it is missing."""
        if all(record.ents is None for record in records):
            return
        ents: list[Span] = []
        missing: list[Span] = []
        for record, part in _parts(doc, records):
            if record.ents is None:
                missing.append(part)
                continue
            known = self._without_overlap(self._spans(part, record, record.ents), record)
            ents.extend(known)
            inside = {token.i for span in known for token in span}
            unlabelled = self._spans(part, record, record.unlabelled)
            without = {token.i for span in unlabelled for token in span} - inside
            missing.extend(doc[i : i + 1] for i in sorted(without))
        if records[0].partial:  # the only record of its Doc
            doc.set_ents(ents, default="missing")
        else:
            doc.set_ents(ents, missing=missing)

    def _set_spans(self, doc: Doc, records: Sequence[Record]) -> None:
        groups: dict[str, list[Span]] = {}
        for record, part in _parts(doc, records):
            for key, spans in (record.spans or {}).items():
                if "spans" not in self.layers and not (
                    key == INCORRECT_SPANS and "ents" in self.layers
                ):
                    continue
                groups.setdefault(key, []).extend(self._spans(part, record, spans))
        for key, group in groups.items():
            doc.spans[key] = group

    def _without_overlap(self, ents: list[Span], record: Record) -> list[Span]:
        spans = sorted(ents, key=lambda span: span.start)
        for span, following in pairwise(spans):
            if following.start < span.end:
                raise FormatError(
                    f"Expected entities that do not overlap, got {span.text!r} ({span.label_}) "
                    f"and {following.text!r} ({following.label_}). Put all entities of the file "
                    "into a span group (--overlaps sc), or those that overlap into a group of "
                    'their own: "spans": {"sc": [...]}.',
                    self.path,
                    record.line,
                )
        return spans

    def _spans(self, part: Span, record: Record, char_spans: list[CharSpan]) -> list[Span]:
        """Spans of the record's part of a Doc from offsets in characters of the record's text."""
        text = record.text or ""
        offsets = self._offsets(part, record)
        starts = {start: part.start + i for i, (start, _) in enumerate(offsets)}
        ends = {end: part.start + i for i, (_, end) in enumerate(offsets, start=1)}
        for start, end, label in char_spans:
            if start not in starts or end not in ends or start >= end:
                tokens = [text[s:e] for s, e in offsets if s < end and e > start]
                raise FormatError(
                    f"Expected a span on the borders of tokens, got [{start}, {end}] {label!r} "
                    f"({text[max(start, 0) : max(end, 0)]!r}) over the tokens {tokens}. Correct "
                    "its offsets, or give 'tokens' beside 'text'.",
                    self.path,
                    record.line,
                )
        return [Span(part.doc, starts[start], ends[end], label) for start, end, label in char_spans]

    @staticmethod
    def _offsets(part: Span, record: Record) -> list[tuple[int, int]]:
        """Where each token of the record's part of a Doc is in the record's text."""
        if record.words is None:
            return [(token.idx, token.idx + len(token)) for token in part]
        return align(record.words, record.text or "")

    def _cats(self, records: Sequence[Record]) -> dict[str, float]:
        """All labels of each class group that the records have a value of."""
        cats: dict[str, float] = {}
        for group, labels in self.survey.labels.items():
            values = self._shared_value(records, group)
            if values is not None:
                cats.update({label_key(group, label): float(label in values) for label in labels})
        for group, judged in records[0].judged.items():
            whole = whole_number if group in self.survey.numeric else str
            cats.update({label_key(group, whole(k)): float(is_so) for k, is_so in judged.items()})
        cats.update(records[0].cats or {})
        return {**self._others(records[0], cats), **cats} if self.others_negative else cats

    def _others(self, record: Record, cats: Iterable[str]) -> dict[str, float]:
        """All classes of the groups of `cats` as 0.0, but of those with a yes or no to each."""
        groups = {class_group(key) for key in cats} - set(record.judged)
        labels = self.survey.labels
        named = [label_key(group, label) for group in labels for label in labels[group]]
        return {key: 0.0 for key in [*self.survey.cats, *named] if class_group(key) in groups}

    def _shared_value(self, records: Sequence[Record], group: str) -> list[str] | None:
        shared: list[str] | None = None
        for record in records:
            values = record.classes.get(group)
            if values is not None and group in self.survey.numeric:
                values = [whole_number(value) for value in values]
            if values is not None and shared not in (None, values):
                raise FormatError(
                    f"Expected one value of {group!r} for the sentences of a Doc, got {shared} "
                    f"and {values}. Make each sentence a Doc of its own (--group 1).",
                    self.path,
                    record.line,
                )
            shared = values if shared is None else shared
        return shared


def label_key(group: str, value: str) -> str:
    """The key in `Doc.cats` of a value of a class group."""
    return f"{group}={value}" if group else value


def _parts(doc: Doc, records: Sequence[Record]) -> Iterator[tuple[Record, Span]]:
    """Each record with its tokens in the Doc."""
    start = 0
    for record in records:
        end = len(doc) if record.words is None else start + len(record.words)
        yield record, doc[start:end]
        start = end


def _words(records: Sequence[Record]) -> list[str]:
    return [word for record in records for word in record.words or ()]


def _spaces(records: Sequence[Record]) -> list[bool] | None:
    spaces: list[bool] = []
    for record in records:
        if record.spaces is None:
            return None
        spaces.extend(record.spaces)
    return [*spaces[:-1], False]


def _sent_starts(records: Sequence[Record]) -> list[bool | int | None] | None:
    if not all(record.is_sentence for record in records):
        return None
    return [i == 0 for record in records for i in range(len(record.words or ()))]
