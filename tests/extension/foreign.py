"""A package that extends spacy-mtl, as its user would write it: one file.

Two tasks with a layer for each, two topologies, a balancer, a sampler and a file format. The
decorators register them for `--code foreign.py`; an installed package names them as entry points.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Linear, Model, chain, to_numpy, zero_init
from thinc.types import Floats2d

from spacy_mtl.corpora.records import ReadOptions, Record
from spacy_mtl.layers import DocExtension, TokenExtension
from spacy_mtl.metrics.errors import Errors, from_error
from spacy_mtl.metrics.f_score import UNSEEN, Counts
from spacy_mtl.mixing.samplers import Epoch, Sampler
from spacy_mtl.models.heads import TokenHead, take_tokens
from spacy_mtl.models.packed import Packed, row_starts
from spacy_mtl.models.topologies.base import (
    Represented,
    encode,
    encoders,
    run_head,
    summed,
    tasks_of,
    topology,
)
from spacy_mtl.registry import registry
from spacy_mtl.tasks.alignment import require_same_tokens
from spacy_mtl.tasks.base import Step, Task
from spacy_mtl.tasks.losses import softmax_cross_entropy

# A task that is a regression


@registry.mtl_layers("distance")
def make_distance_layer() -> TokenExtension:
    return TokenExtension(
        "distance",
        title="distances to the previous mention",
        json_type="numbers",
        task={"@mtl_tasks": "foreign.Distance.v1"},
        score="distance_score",
    )


@registry.mtl_tasks("foreign.Distance.v1")
class Distance(Task):
    """How many tokens back the previous mention of a token's lemma is, to `token._.distance`.

    A regression of the logarithm. Tokens of which nobody has said it are not learned from.
    """

    layers = ("distance",)
    assigns = ("token._.distance",)
    main_score = "distance_score"

    def __init__(self) -> None:
        self.mean = 0.0

    def begin(self, examples: Sequence[Example], others: Mapping[str, Task]) -> None:
        _, distances = labelled_tokens(examples)
        self.mean = float(np.log1p(distances).mean()) if distances else 0.0

    def make_head(self) -> Model:
        return chain(take_tokens(), Linear(nO=1, init_W=zero_init))

    def n_labelled(self, examples: Sequence[Example]) -> int:
        return len(labelled_tokens(examples)[0])

    def learn(self, head: Model, packed: Packed, examples: Sequence[Example]) -> Step | None:
        rows, distances = labelled_tokens(examples)
        if not rows:
            return None
        scores, bp_head = head(packed, True)
        errors = scores[rows, 0] - head.ops.asarray1f(np.log1p(distances) - self.mean)

        def backward(weight: float) -> Floats2d:
            d_scores = head.ops.alloc2f(*scores.shape)
            d_scores[rows, 0] = weight * errors
            return bp_head(d_scores)

        return Step(float((errors**2).sum()) / 2, len(rows), backward)

    def predict(self, head: Model, packed: Packed, earlier: Mapping[str, Any]) -> Any:
        logarithms = to_numpy(head.predict(packed))[:, 0] + self.mean
        return np.split(np.expm1(logarithms).clip(1), np.cumsum(packed.lengths)[:-1])

    def annotate(self, docs: Sequence[Doc], prediction: Any) -> None:
        for doc, distances in zip(docs, prediction, strict=False):
            for token, distance in zip(doc, distances.tolist(), strict=True):
                token._.distance = distance

    def is_labelled(self, example: Example) -> bool:
        return self.n_labelled([example]) > 0

    def statistics(self, examples: Sequence[Example]) -> Errors:
        units = []
        for number, example in enumerate(examples):
            require_same_tokens(example)
            for gold, guess in zip(example.reference, example.predicted, strict=True):
                if gold._.distance is not None:
                    units.append((number, gold._.distance, guess._.distance))
        document, golds, guesses = zip(*units, strict=True) if units else ((), (), ())
        metric = "mean absolute error in tokens"
        return Errors.absolute(document, golds, guesses, len(examples), metric)

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        error = self.statistics(list(examples)).score()
        return {"distance_mae": error, "distance_score": from_error(error)}

    def state(self) -> dict[str, Any]:
        return {"mean": self.mean}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.mean = float(state.get("mean", 0.0))


def labelled_tokens(examples: Sequence[Example]) -> tuple[list[int], list[float]]:
    """The rows of a batch whose distance is known, and these distances."""
    for example in examples:
        require_same_tokens(example)
    values = [token._.distance for example in examples for token in example.reference]
    rows = [row for row, value in enumerate(values) if value is not None]
    return rows, [values[row] for row in rows]


# A task that needs another


class PairsLayer(DocExtension):
    """`doc._.pairs`: [start, end, start of the other, end of the other, label] for each pair."""

    def labels(self, doc: Doc) -> Counter[str]:
        return Counter(label for *_, label in doc._.pairs or ())


@registry.mtl_layers("pairs")
def make_pairs_layer() -> PairsLayer:
    task = {"@mtl_tasks": "foreign.Pairs.v1"}
    return PairsLayer("pairs", title="pairs of entities", task=task, score="pairs_f")


@registry.mtl_tasks("foreign.Pairs.v1")
class Pairs(Task):
    """How two entities of a document relate, to `doc._.pairs`.

    The candidates are all pairs of entities: those of the reference in training, those that
    another task is going to write in prediction. A pair's score for a label is what the first
    token of the one scores, and that of the other; no relation scores 0.

    entities: the name of the task that finds entities.
    """

    layers = ("pairs", "ents")
    assigns = ("doc._.pairs",)
    main_score = "pairs_f"

    def __init__(self, entities: str = "ner") -> None:
        self.needs = (entities,)
        self.labels: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        return [f"{side} {label}" for side in ("one", "other") for label in self.labels]

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        return sorted({label for eg in examples for *_, label in eg.reference._.pairs or ()})

    def set_labels(self, labels: Iterable[str]) -> None:
        self.labels = tuple(labels)

    def make_head(self) -> Model:
        return TokenHead()

    def n_labelled(self, examples: Sequence[Example]) -> int:
        return sum(len(list(permutations(gold_entities(eg), 2))) for eg in examples)

    def learn(self, head: Model, packed: Packed, examples: Sequence[Example]) -> Step | None:
        pairs = Candidates([gold_entities(example) for example in examples], packed)
        if not pairs.spans:
            return None
        known = [known_pairs(example.reference) for example in examples]
        golds = [
            known[document].get(spans)
            for document, spans in zip(pairs.documents, pairs.spans, strict=True)
        ]
        place = {label: number for number, label in enumerate(self.labels, start=1)}
        classes = head.ops.asarray1i([place.get(gold, 0) for gold in golds])
        tokens, bp_head = head(packed, True)
        scores = pairs.scores(tokens)
        everything = head.ops.xp.ones(len(scores), dtype=bool)
        loss, d_scores = softmax_cross_entropy(scores, classes, everything)
        return Step(
            loss, len(scores), lambda weight: bp_head(pairs.backprop(tokens, weight * d_scores))
        )

    def predict(self, head: Model, packed: Packed, earlier: Mapping[str, Any]) -> Any:
        (entities,) = self.needs
        pairs = Candidates(earlier[entities], packed)
        best = to_numpy(pairs.scores(head.predict(packed)).argmax(axis=1)).tolist()
        found: list[list[Any]] = [[] for _ in packed.docs]
        for document, spans, number in zip(pairs.documents, pairs.spans, best, strict=True):
            if number:
                found[document].append([*spans, self.labels[number - 1]])
        return found

    def annotate(self, docs: Sequence[Doc], prediction: Any) -> None:
        for doc, pairs in zip(docs, prediction, strict=True):
            doc._.pairs = pairs

    def is_labelled(self, example: Example) -> bool:
        return example.reference._.pairs is not None

    def statistics(self, examples: Sequence[Example]) -> Counts:
        labels = (*self.labels, UNSEEN)
        counts = np.zeros((len(examples), len(labels), 3), dtype="int64")
        for row, example in enumerate(examples):
            require_same_tokens(example)
            if not self.is_labelled(example):
                continue
            gold, guess = (
                {(*spans, label) for spans, label in known_pairs(doc).items()}
                for doc in (example.reference, example.predicted)
            )
            for column, pairs in enumerate((gold & guess, guess - gold, gold - guess)):
                for *_, label in pairs:
                    counts[row, labels.index(label if label in labels else UNSEEN), column] += 1
        return Counts(counts, labels, "micro", "F")

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        return {"pairs_f": self.statistics(list(examples)).score()}


class Candidates:
    """All pairs of the entities of each document.

    documents: the number of each pair's document. spans: its (start, end, start, end) there.
    """

    def __init__(self, entities: Sequence[Sequence[tuple[str, int, int]]], packed: Packed) -> None:
        found = [
            (document, (*one[1:], *other[1:]))
            for document, own in enumerate(entities)
            for one, other in permutations(own, 2)
        ]
        starts = row_starts(packed.lengths)
        self.documents = [document for document, _ in found]
        self.spans = [spans for _, spans in found]
        self._one = [int(starts[document]) + spans[0] for document, spans in found]
        self._other = [int(starts[document]) + spans[2] for document, spans in found]

    def scores(self, tokens: Any) -> Any:
        """(n_pairs, 1 + n_labels) of scores of tokens, (n_tokens, 2 * n_labels)."""
        n = tokens.shape[1] // 2
        scores = np.zeros_like(tokens, shape=(len(self.spans), 1 + n))
        scores[:, 1:] = tokens[self._one, :n] + tokens[self._other, n:]
        return scores

    def backprop(self, tokens: Any, d_scores: Any) -> Any:
        """The gradient of the tokens' scores."""
        n = tokens.shape[1] // 2
        d_tokens = np.zeros_like(tokens)
        np.add.at(d_tokens[:, :n], self._one, d_scores[:, 1:])
        np.add.at(d_tokens[:, n:], self._other, d_scores[:, 1:])
        return d_tokens


def gold_entities(example: Example) -> list[tuple[str, int, int]]:
    """The entities of a reference, none if nobody has looked for pairs of them."""
    if example.reference._.pairs is None:
        return []
    return [(span.label_, span.start, span.end) for span in example.reference.ents]


def known_pairs(doc: Doc) -> dict[tuple[int, ...], str]:
    """The label of each pair."""
    return {tuple(spans): label for *spans, label in doc._.pairs or ()}


# Topologies


@registry.architectures("foreign.TwoEncoders.v1")
def TwoEncoders(tok2vec: Model, second: Model, second_tasks: list[str]) -> Model:
    """Two encoders, of whatever widths; the tasks of `second_tasks` see the second one."""
    model = topology("two_encoders", see_one, {"tok2vec": tok2vec, "second": second})
    model.attrs["second_tasks"] = second_tasks
    return model


def see_one(model: Model, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
    output = {name: encode(each, docs, is_train) for name, each in encoders(model).items()}
    seconds = model.attrs["second_tasks"]
    sites = {task: "second" if task in seconds else "tok2vec" for task in tasks}

    def backprop(gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()) -> list[str]:
        for name, (packed, bp_encode) in output.items():
            if name not in frozen:
                own = [dX for task, dX in gradients.items() if sites[task] == name]
                bp_encode(summed(model.ops, packed, own))
        return []

    return Represented({task: output[site][0] for task, site in sites.items()}, sites, backprop)


@registry.architectures("foreign.Stacked.v1")
def Stacked(tok2vec: Model, lower: str, upper: list[str]) -> Model:
    """The tasks `upper` see the scores of the task `lower` beside the encoder's output.

    Without `lower` they see the encoder's output alone. (Hashimoto et al. 2017,
    https://aclanthology.org/D17-1206)
    """
    model = topology("stacked", see_lower, {"tok2vec": tok2vec})
    model.attrs.update(lower=lower, upper=upper)
    return model


def see_lower(model: Model, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
    encoded, bp_encode = encode(encoders(model)["tok2vec"], docs, is_train)
    lower = model.attrs["lower"]
    above = [task for task in tasks if task in model.attrs["upper"] and lower in tasks_of(model)]
    packed = dict.fromkeys(tasks, encoded)
    sites = dict.fromkeys(tasks, "tok2vec")
    width = encoded.X.shape[1]
    ran = {}
    if above:
        ran[lower] = run_head(model, lower, encoded, is_train)
        X = model.ops.xp.hstack([encoded.X, ran[lower].scores])
        packed.update(dict.fromkeys(above, Packed(X, encoded.lengths, docs)))
        sites.update(dict.fromkeys(above, "scores"))

    def backprop(gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()) -> list[str]:
        down = [dX for task, dX in gradients.items() if task not in above]
        dX_above = [dX for task, dX in gradients.items() if task in above]
        if dX_above:
            dX = sum(dX_above[1:], dX_above[0])
            down.append(dX[:, :width])
            down.append(ran[lower].backprop(model.ops.xp.ascontiguousarray(dX[:, width:])))
        if "tok2vec" not in frozen:
            bp_encode(summed(model.ops, encoded, down))
        return [lower] if dX_above else []

    return Represented(packed, sites, backprop, ran)


# A balancer, a sampler, a file format


@registry.mtl_balancers("foreign.LossBalanced.v1")
class LossBalanced:
    """Weighs a task by the part of its first loss that is left, to the power of `alpha`.

    (Liu et al. 2019, https://doi.org/10.1609/aaai.v33i01.33019977)
    """

    needs_gradients = False

    def __init__(self, alpha: float = 0.5) -> None:
        self.alpha = alpha
        self.first: dict[str, float] = {}

    def start(self, tasks: list[str]) -> None:
        pass

    def reset(self) -> None:
        self.first = {}

    def weights(self, losses: Mapping[str, float], gradients: Any = None) -> dict[str, float]:
        self.first = {**losses, **self.first}
        return {
            task: (loss / self.first[task]) ** self.alpha if self.first[task] else 1.0
            for task, loss in losses.items()
        }

    def state(self) -> dict[str, Any]:
        return {task: np.asarray(loss) for task, loss in self.first.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.first = {task: float(loss) for task, loss in state.items()}


@registry.mtl_samplers("foreign.ByName.v1")
class ByName(Sampler):
    """Corpora weigh as the config says, and 1 where it says nothing."""

    def __init__(self, by_name: dict[str, float]) -> None:
        self.by_name = by_name

    def weights(self, epoch: Epoch) -> list[float]:
        return [self.by_name.get(name, 1.0) for name in epoch.names]


@registry.mtl_formats("slashes")
def read_slashes(path: Path, options: ReadOptions) -> Iterator[Record]:
    """A sentence on each line, of words with their tags: "Ana/NNP sleeps/VBZ"."""
    with path.open(encoding="utf8") as file:
        for number, line in enumerate(file, start=1):
            words, _, tags = zip(*(each.rpartition("/") for each in line.split()), strict=True)
            yield Record(number, words=list(words), tags=list(tags))
