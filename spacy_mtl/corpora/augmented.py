"""Augmenters that leave missing annotation missing."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.augment import dont_augment

from ..layers import layer_named, table, token_layers
from ..layers.tokens import TokenLayer
from ..marks import LABELS
from ..values import note_values, noted_values

Augmenter = Callable[[Language, Example], Iterable[Example]]
Reader = Callable[[Language], Iterable[Example]]
Ranges = tuple[NDArray[np.intp], NDArray[np.intp]]


class KeepsMissing:
    """An augmenter after whose work missing annotation is missing again.

    `Example.to_dict`, by which augmenters change an example, says O and "no features" of tokens of
    which nothing was known, and forgets sentence starts unless there is a parse. What the source
    lacked is blanked again, token by token. Its sentence starts come back, and so do values, and
    layers in user data if each token comes from one of the source's, in order. Other annotation
    that the source lacked is kept, with a warning at the first example that has it.

    augmenter: gives examples for one.
    place: where it stands, for the warning.
    """

    def __init__(self, augmenter: Augmenter, place: str) -> None:
        self.augmenter = augmenter
        self.place = place
        self.warned: set[str] = set()  # layers of which somebody was told

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """The augmented examples."""
        source = _Known.of(example.reference)  # the augmenter may change the example itself
        for augmented in self.augmenter(nlp, example):
            self._warn(source.restore(augmented.reference))
            yield augmented

    def _warn(self, added: set[str]) -> None:
        if new := added - self.warned:
            self.warned |= new
            warnings.warn(
                f"The augmenter of {self.place} gives annotation that its documents lack: "
                f"{', '.join(sorted(new))}. It is kept, and learned. If it says nothing that is "
                "known, let the augmenter leave it out.",
                stacklevel=3,
            )


def keeping_missing(augmenter: Augmenter, place: str) -> Augmenter:
    """The augmenter as a `KeepsMissing`, unless it is one or changes nothing."""
    if augmenter is dont_augment or isinstance(augmenter, KeepsMissing):
        return augmenter
    return KeepsMissing(augmenter, place)


def read_keeping_missing(reader: Reader, place: str) -> Reader:
    """A copy of a reader such as `spacy.Corpus` whose attribute `augmenter` keeps what is missing
    missing; the reader itself if it has none."""
    augmenter = getattr(reader, "augmenter", None)
    if not callable(augmenter) or keeping_missing(augmenter, place) is augmenter:
        return reader
    copied: Any = copy.copy(reader)
    object.__setattr__(copied, "augmenter", keeping_missing(augmenter, place))
    checked: Reader = copied
    return checked


@dataclass(frozen=True)
class _Known:
    """What is known of a Doc, before somebody changes it or another is made of it.

    values: of each token, by layer; 0 where nothing is known. spans, cats: the keys.
    labels: the only labels that its corpus knows, if not all. noted: what `doc._.values` has.
    extensions: by layer, what is in user data, as JSON.
    """

    words: list[str]
    values: dict[str, NDArray[np.uint64]]
    spans: frozenset[str]
    cats: frozenset[str]
    labels: Any
    noted: Mapping[str, Any]
    extensions: dict[str, Any]

    @classmethod
    def of(cls, doc: Doc) -> _Known:
        values = {name: layer.keys(doc) for name, layer in token_layers().items()}
        words = [token.text for token in doc]
        labels = doc.user_data.get(LABELS)
        rows = table().items()
        extensions = {name: layer.to_json(doc) for name, layer in rows if layer.in_user_data}
        keys = frozenset(doc.spans), frozenset(doc.cats)
        return cls(words, values, *keys, labels, noted_values(doc), extensions)

    def restore(self, doc: Doc) -> set[str]:
        """Blank what a Doc that was made of this one denies without anybody knowing; the layers of
        which it tells what was not known."""
        if self.labels is not None:
            doc.user_data.setdefault(LABELS, self.labels)
        note_values(doc, {**self.noted, **noted_values(doc)})
        added = {"cats"} if set(doc.cats) - self.cats else set()
        for key in set(doc.spans) - self.spans:
            if len(doc.spans[key]):
                added.add("spans")
            else:
                del doc.spans[key]
        ranges = _sources(self.words, [token.text for token in doc])
        if len(doc) == len(self.words) and (ranges[1] - ranges[0] == 1).all():
            self._restore_extensions(doc)
        rows = token_layers()
        for name, values in self.values.items():
            layer = rows[name]
            found = layer.keys(doc)
            unknown = ~_all_of(values != 0, ranges)
            denied = _denied(doc, layer, found)
            if name == "sents":
                _restore_starts(doc, values, found, ranges)
                denied &= not doc.has_annotation("DEP")
            elif (unknown & (found != 0) & ~denied).any():
                added.add(name)
            if (unknown & denied).any():
                layer.blank_tokens(doc, unknown & denied)
        return added

    def _restore_extensions(self, doc: Doc) -> None:
        for name, value in self.extensions.items():
            layer = layer_named(name)
            if value is not None and not layer.present(doc):
                layer.from_json(doc, value)


def _denied(doc: Doc, layer: TokenLayer, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """The tokens of which a layer says "none here"."""
    denial = layer.denial(doc)
    return (keys == np.uint64(denial)) & (denial != 0)


def _restore_starts(
    doc: Doc, values: NDArray[np.uint64], found: NDArray[np.uint64], ranges: Ranges
) -> None:
    """Give tokens that have one source token its sentence start, if they lost it."""
    first, end = ranges
    single = np.flatnonzero((end - first == 1) & (found == 0))
    starts = found.copy()
    starts[single] = values[first[single]]
    if not np.array_equal(starts, found):
        doc.from_array(["SENT_START"], starts)


def _all_of(known: NDArray[np.bool_], ranges: Ranges) -> NDArray[np.bool_]:
    """Of each range, whether all in it are known."""
    first, end = ranges
    totals = np.concatenate([[0], np.cumsum(known)])
    complete: NDArray[np.bool_] = totals[end] - totals[first] == end - first
    return complete


def _sources(before: Sequence[str], after: Sequence[str]) -> Ranges:
    """Of each token after, the first and the end of those before that it comes from.

    One where the tokens are the same, or others in the same number; otherwise all that a row of
    tokens stands for, and both neighbours of what was put between.
    """
    old, new = ([word.casefold() for word in words] for words in (before, after))
    first = np.zeros(len(new), dtype=np.intp)
    end = np.zeros(len(new), dtype=np.intp)
    if old == new:
        return np.arange(len(new)), np.arange(len(new)) + 1
    for _, i, i_end, j, j_end in SequenceMatcher(None, old, new).get_opcodes():
        if i_end - i == j_end - j:
            first[j:j_end] = np.arange(i, i_end)
            end[j:j_end] = first[j:j_end] + 1
        elif i == i_end:
            first[j:j_end], end[j:j_end] = max(i - 1, 0), min(i + 1, len(old))
        else:
            first[j:j_end], end[j:j_end] = i, i_end
    return first, end
