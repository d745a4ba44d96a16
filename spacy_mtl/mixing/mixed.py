"""Several corpora as one, each with the layers it vouches for and the labels it knows."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from spacy.language import Language
from spacy.pipeline import SentenceRecognizer
from spacy.training import Example

from ..corpora.augmented import Augmenter, Reader, keeping_missing, read_keeping_missing
from ..corpora.layers import blank_layer, present_layers
from ..errors import MTLError
from ..layers import layer_named, table
from ..marks import mark
from ..pipeline.live import multitasks, task_names
from ..tasks.capable import value_keys_of
from ..values import note_keys

KnownLabels = dict[str, dict[str, list[str]]]


class MixedCorpus:
    """Reads named corpora and marks each reference with its corpus.

    The references are copies: what the readers give stays as it is.

    corpora: readers by name.
    layers: for some of the names, the layers that the corpus vouches for, by their names in
        `spacy_mtl.layers`; all its others are blanked, so that they count as missing, with a
        warning at the first document that loses one. Of lemmas, parses and sentences it warns only
        if a component of the pipeline learns from them. `dep` vouches for `sents` too. Corpora that
        are not named keep what they have.
    labels: for some of the names, by task, the only labels that the corpus knows: where its
        annotation lacks one of the others, that says nothing. Only `multitask` can mask them.
    sizes: for some of the names, the number of documents, which `spacy_mtl.MixtureBatches.v1`
        counts otherwise when it streams. A corpus without end needs one.
    augmenter: gives the examples to train on for each one of any corpus. What the documents lack
        stays missing, as for the readers' own augmenters, see `KeepsMissing`.
    """

    def __init__(
        self,
        corpora: Mapping[str, Reader],
        layers: Mapping[str, list[str]] | None = None,
        labels: Mapping[str, Any] | None = None,
        sizes: Mapping[str, int] | None = None,
        augmenter: Augmenter | None = None,
    ) -> None:
        if not corpora:
            raise MTLError("Expected at least one corpus in `corpora`, got none.")
        for name, reader in corpora.items():
            if not callable(reader):
                raise MTLError(f"Expected a reader for the corpus '{name}', got {reader!r}.")
        self.corpora = {
            name: read_keeping_missing(reader, f"the corpus '{name}'")
            for name, reader in corpora.items()
        }
        self.layers = dict(layers or {})
        self.labels = _checked_labels(labels or {}, self.corpora)
        self.sizes = dict(sizes or {})
        self.augmenter = augmenter and keeping_missing(augmenter, "the mixed corpora")
        self.warned: dict[str, set[str]] = {}  # layers of which somebody was told, by corpus
        _check_names("layers", self.layers, self.corpora)
        _check_names("sizes", self.sizes, self.corpora)
        for layer in (layer for wanted in self.layers.values() for layer in wanted):
            layer_named(layer)
        for name, size in self.sizes.items():
            if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
                raise MTLError(
                    f"Expected a whole number of 1 or more as the size of the corpus '{name}', "
                    f"got {size!r}."
                )

    def __call__(self, nlp: Language) -> "Mixture":
        """The examples of all corpora, which are read while they are gone through.

        RAISES (MTLError): If labels are declared of a task that the pipeline does not have, or
            without a component `multitask`.
        """
        tasks = task_names(multitasks(nlp))
        for name, by_task in self.labels.items():
            if by_task and not tasks:
                raise MTLError(
                    f"Expected a component 'multitask' in the pipeline, as the corpus '{name}' "
                    "has `labels`: only its tasks mask the labels that a corpus does not know. "
                    "Without it, take the `labels` out."
                )
            if unknown := [task for task in by_task if task not in tasks]:
                raise MTLError(
                    f"Expected labels of the tasks {', '.join(tasks)} in what the corpus '{name}' "
                    f"is declared to know, got {', '.join(unknown)}. Correct its `labels`."
                )
        return Mixture(self, nlp)


@dataclass(frozen=True)
class Mixture:
    """What a `MixedCorpus` reads: the corpora in turn, or each by itself, as often as wanted."""

    corpus: MixedCorpus
    nlp: Language

    def __iter__(self) -> Iterator[Example]:
        """Every example once: one of each corpus in turn, as long as it has any.

        So the first hundred, which is what spaCy initializes a pipeline with that it trains on a
        stream, come from all corpora.
        """
        readings = [self.read(name) for name in self.corpus.corpora]
        while readings:
            for reading in list(readings):
                example = next(reading, None)
                if example is None:
                    readings.remove(reading)
                else:
                    yield example

    def read(self, name: str) -> Iterator[Example]:
        """The examples of one corpus from its beginning, marked and blanked.

        RAISES (MTLError): At its end, if there were none.
        """
        silent = _not_learned(self.nlp)
        values = value_keys_of(
            task for pipe in multitasks(self.nlp).values() for task in pipe.tasks.values()
        )
        index = -1
        for index, given in enumerate(self._augmented(name)):
            example = Example(given.predicted, given.reference.copy())
            mark(example, name, index, self.corpus.labels.get(name))
            note_keys(example.reference, values)
            if name in self.corpus.layers:
                blanked = _blank_others(example, self.corpus.layers[name])
                self._warn(name, blanked - silent)
            yield example
        if index < 0:
            raise MTLError(
                f"Expected documents in the corpus '{name}', got none. Check the path of its "
                "reader and what the reader leaves out, or take the corpus out."
            )

    def _augmented(self, name: str) -> Iterator[Example]:
        augmenter = self.corpus.augmenter
        for given in self.corpus.corpora[name](self.nlp):
            if augmenter is None:
                yield given
            else:
                yield from augmenter(self.nlp, Example(given.predicted, given.reference.copy()))

    def _warn(self, name: str, blanked: set[str]) -> None:
        """Say what a corpus loses, each layer once."""
        warned = self.corpus.warned.setdefault(name, set())
        if not (new := blanked - warned):
            return
        warned |= new
        message = (
            f"The corpus '{name}' has annotation that it does not vouch for: "
            f"{', '.join(sorted(new))}. It is left out."
        )
        pipes = self.nlp.pipeline if "sents" in new else []
        for senter in (pipe for pipe, part in pipes if isinstance(part, SentenceRecognizer)):
            message += f" To '{senter}' missing sentence starts are none, not unknown."
        for task, layers in _half_vouched(self.nlp, self.corpus.layers[name], new).items():
            kept = [layer for layer in layers if layer in self.corpus.layers[name]]
            message += (
                f" The task '{task}' learns from {', '.join(layers)}; the corpus '{name}' vouches "
                f"for {', '.join(kept)} alone."
            )
        warnings.warn(message, stacklevel=3)


def create_mixed_corpus(
    corpora: dict[str, Any],
    layers: dict[str, list[str]] | None = None,
    labels: dict[str, Any] | None = None,
    sizes: dict[str, int] | None = None,
    augmenter: Callable[[Language, Example], Any] | None = None,
) -> MixedCorpus:
    """Make the reader `spacy_mtl.MixedCorpus.v1`; see `MixedCorpus`."""
    return MixedCorpus(corpora, layers, labels, sizes, augmenter)


def _blank_others(example: Example, vouched: Collection[str]) -> set[str]:
    doc = example.reference
    kept = {*vouched, "sents"} if "dep" in vouched else set(vouched)
    unwanted = present_layers(doc) - kept
    for layer in unwanted:
        blank_layer(doc, layer)
    return unwanted


def _not_learned(nlp: Language) -> set[str]:
    """The layers that nothing in the pipeline learns from, of those that spaCy's own components
    set, too: files have them often, and pipelines do without.

    Which these are, tasks and other components say of themselves.
    """
    ours = multitasks(nlp)
    learned = {
        layer for pipe in ours.values() for task in pipe.tasks.values() for layer in task.layers
    }
    used: set[str] = set()
    for name, pipe in nlp.pipeline:
        if getattr(pipe, "is_trainable", False) and name not in ours:
            meta = nlp.get_pipe_meta(name)
            used.update(meta.assigns, meta.requires)
    others = {name: layer for name, layer in table().items() if layer.components}
    return {name for name, layer in others.items() if used.isdisjoint(layer.assigns)} - learned


def _half_vouched(
    nlp: Language, vouched: Collection[str], blanked: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The layers of the tasks that keep the first one of theirs and lose another."""
    tasks = [item for pipe in multitasks(nlp).values() for item in pipe.tasks.items()]
    return {
        name: task.layers
        for name, task in tasks
        if task.layers[0] in vouched and not {*blanked}.isdisjoint(task.layers)
    }


def _check_names(setting: str, given: Iterable[str], corpora: Iterable[str]) -> None:
    for name in given:
        if name not in corpora:
            raise MTLError(f"Expected {setting} of the corpora {', '.join(corpora)}, got '{name}'.")


def _checked_labels(labels: Mapping[str, Any], corpora: Iterable[str]) -> KnownLabels:
    _check_names("labels", labels, corpora)
    for name, by_task in labels.items():
        if not isinstance(by_task, dict):
            raise MTLError(
                f"Expected the labels of the corpus '{name}' by task, got {by_task!r}. Put them "
                f'behind the name of the task, as in ner = ["PER"].'
            )
        for task, known in by_task.items():
            listed = isinstance(known, (list, tuple))
            if not listed or not all(isinstance(label, str) for label in known):
                raise MTLError(
                    f"Expected a list of labels of the task '{task}' in the corpus '{name}', got "
                    f"{known!r}."
                )
    return {
        name: {task: list(known) for task, known in by_task.items()}
        for name, by_task in labels.items()
    }
