"""What the corpora of a config say about each task, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.util import registry, resolve_dot_names
from thinc.api import Config

from ..configs.single_task import Settings, tasks_of
from ..corpora.coverage import files_of
from ..corpora.readers import gold_token_examples
from ..errors import MTLError
from ..mixing.mixed import MixedCorpus
from ..tasks.base import Task
from ..training.initialization import initialized

_AT_ONCE = 256
_MOST = 10_000  # documents of a corpus that is read as a stream
TEST = "test"
TRAIN = "train"


@dataclass
class TaskCoverage:
    """How much a corpus says about a task. units: tokens, documents or a document's classes."""

    docs: int = 0
    units: int = 0


@dataclass(frozen=True)
class TaskSurvey:
    """A config's pipeline, initialized, and what its data have.

    tasks: with the component of each. coverage: by task and corpus, the test data as "test".
    """

    nlp: Language
    tasks: dict[str, tuple[str, Task]]
    coverage: dict[str, dict[str, TaskCoverage]] = field(default_factory=dict)

    @property
    def without(self) -> dict[str, list[str]]:
        """By task, the training corpora that say nothing about it."""
        return {
            task: [name for name, found in corpora.items() if name != TEST and not found.units]
            for task, corpora in self.coverage.items()
        }


def survey_tasks(config: Settings, test: Path) -> TaskSurvey:
    """Initialize the pipeline of a config, and count what its corpora have for each task.

    RAISES (MTLError): If the config has nothing to compare, or a task has no labelled unit in the
        training or the test data.
    """
    nlp = initialized(Config(config))
    found = TaskSurvey(nlp, tasks_of(nlp))
    cover(found, {**training_examples(nlp), TEST: test_examples(test, nlp)})
    for task, by_corpus in found.coverage.items():
        in_train = any(by_corpus[name].units for name in by_corpus if name != TEST)
        for where, there in (("training", in_train), ("test", by_corpus[TEST].units > 0)):
            if not there:
                raise MTLError(
                    f"Expected {where} data with labels for the task '{task}', got none. Take the "
                    "task out of the config, or correct the paths."
                )
    return found


def test_examples(path: Path, nlp: Language) -> Iterator[Example]:
    """The examples of a `.spacy` file or a folder of them, on the files' own tokens."""
    for file in files_of([path]):
        yield from gold_token_examples(file, nlp)


def training_examples(nlp: Language) -> dict[str, Iterable[Example]]:
    """The examples of each training corpus in the pipeline's config, once through; of a stream its
    first 10,000."""
    config = nlp.config.interpolate()
    settings: dict[str, Any] = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    [corpus] = resolve_dot_names(config, [settings["train_corpus"]])
    most = _MOST if settings["max_epochs"] == -1 else None
    if isinstance(corpus, MixedCorpus):
        mixture = corpus(nlp)
        return {name: islice(mixture.read(name), most) for name in corpus.corpora}
    return {TRAIN: islice(corpus(nlp), most)}


def cover(found: TaskSurvey, corpora: Mapping[str, Iterable[Example]]) -> None:
    """Note how much the corpora say about each task."""
    for name, examples in corpora.items():
        for task, coverage in covered(found, examples).items():
            found.coverage.setdefault(task, {})[name] = coverage


def covered(found: TaskSurvey, examples: Iterable[Example]) -> Mapping[str, TaskCoverage]:
    """How much examples say about each task."""
    coverage = {name: TaskCoverage() for name in found.tasks}
    reading = iter(examples)
    while batch := list(islice(reading, _AT_ONCE)):
        for name, (_, task) in found.tasks.items():
            for example in batch:
                units = task.n_labelled([example])
                coverage[name].docs += units > 0
                coverage[name].units += units
    return coverage
