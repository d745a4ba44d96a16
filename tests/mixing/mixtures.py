"""Small corpora whose documents say which they are."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import spacy
from pipeline.helpers import make_nlp, multitask
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.mixing.mixed import MixedCorpus, Mixture

NLP = spacy.blank("en")


class CountingReader:
    """Reads `n` documents NAME0, NAME1, ... and counts them, over all passes.

    words: the longest document's length. annotation: of a document's words, as `Doc` takes it.
    """

    def __init__(self, name: str, n: int, words: int = 1, **annotation: Any) -> None:
        self.name, self.n, self.words, self.annotation = name, n, words, annotation
        self.n_read = 0

    def __call__(self, nlp: Language) -> Iterator[Example]:
        for i in range(self.n):
            self.n_read += 1
            words = [f"{self.name}{i}"] + ["w"] * (i * 7 % self.words)
            given = {key: [value] * len(words) for key, value in self.annotation.items()}
            doc = Doc(nlp.vocab, words=words, **given)
            yield Example(Doc(nlp.vocab, words=words), doc)


def mixture(sizes: Mapping[str, int], words: int = 1) -> Mixture:
    """Corpora of so many documents, as a reader gives them; with `list`, as spaCy's loop does."""
    readers = {name: CountingReader(name, n, words) for name, n in sizes.items()}
    return MixedCorpus(readers)(NLP)


def name_of(example: Example) -> str:
    """What the document calls itself: its corpus and its number there."""
    return example.reference[0].text


def corpus_of(example: Example) -> str:
    return name_of(example).rstrip("0123456789")


def names(batches: Iterable[list[Example]]) -> list[list[str]]:
    return [[name_of(example) for example in batch] for batch in batches]


def texts(batches: Iterable[list[Example]]) -> list[str]:
    return list(chain.from_iterable(names(batches)))


def counts(batches: Iterable[list[Example]]) -> Counter[str]:
    return Counter(corpus_of(example) for batch in batches for example in batch)


def tagged_mixture(sizes: Mapping[str, int]) -> Mixture:
    """Corpora with tags, for a pipeline that has a task for them."""
    readers = {name: CountingReader(name, n, 5, tags="T") for name, n in sizes.items()}
    return MixedCorpus(readers)(make_nlp(["tagger", "ner"]))


def set_history(source: Mixture, evaluations: Iterable[Mapping[str, float]]) -> None:
    """Let these be the scores so far, main scores by task."""
    history = multitask(source.nlp).history
    history.load_state({})
    for scores in evaluations:
        history.record(scores)
