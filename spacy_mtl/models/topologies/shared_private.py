"""A space that all tasks share beside one of each task's own, kept apart by an adversary."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ...errors import MTLError
from ...marks import CORPUS
from ..adversary import Adversary, adversary_step
from ..encoding import Encoder
from ..packed import Packed
from .base import (
    FIRST,
    BatchPenalty,
    Labelled,
    Represented,
    Sharing,
    add_part,
    encode,
    encoders,
    named_corpora,
    own_steps,
    summed,
    topology,
)
from .own_steps import OwnSteps
from .stages import Configured, Stage, initialize_stages, run_stage
from .towers import copied

SHARED, ADVERSARY = "shared", "the:adversary"


def SharedPrivate(
    tok2vec: Encoder,
    encode: Stage,
    corpora: list[str] = [],  # noqa: B006
    private: bool = True,
    reversal: Any = 0.05,
    orthogonality: float = 0.01,
    adversary_width: int = 64,
) -> Sharing:
    """Vectors of a space that all share, beside those of a space of each task's own.

    An adversary learns to tell from the shared vectors of a document which task it is labelled
    for, and its gradient goes into the shared space reversed, so that nothing there tells (Ganin et
    al. 2016, https://jmlr.org/papers/v17/15-239.html; Liu et al. 2017,
    https://aclanthology.org/P17-1001). It learns from documents that are labelled for one task
    alone: of use where each corpus has a task of its own, not where all tasks read the same texts.

    With `corpora` the spaces are of corpora in place of tasks, and the adversary tells the corpus,
    also of documents without labels: for the adaptation to another domain. A corpus is known by the
    mark that `spacy_mtl.MixedCorpus.v1` leaves; a document without one, as in prediction, has zeros
    in place of the private vectors, unless `doc.user_data["spacy_mtl_corpus"]` says it.

    tok2vec: what stands below both: a listener, an encoder of its own, or embeddings.
    encode: a layer from vectors to vectors of the same width, of which the shared space and each
        private one are copies, each with first numbers of its own.
    corpora: the names of corpora to keep apart; none for tasks.
    private: whether there are private spaces; without, the shared one is all that tasks see.
    reversal: how strongly the adversary's gradient, of its loss summed over documents in nats, goes
        into the shared space; a number, or a thinc schedule over the optimizer's steps. 0 for no
        adversary.
    orthogonality: the weight of the squared inner products between shared and private vectors,
        summed over all pairs of their columns and divided by the number of tokens.
    adversary_width: of its hidden layer.
    RAISES (MTLError): For a weight below zero, and a corpus that is named twice.
    """
    if len({*corpora}) < len(corpora):
        raise MTLError(f"Expected each of `corpora` once, got {', '.join(corpora)}.")
    if orthogonality < 0:
        raise MTLError(f"Expected `orthogonality` of at least 0, got {orthogonality}.")
    model = topology(
        "shared_private",
        partial(_represent, orthogonality=orthogonality),
        {FIRST: tok2vec},
        corpora=corpora,
        sees_labelled=True,
        grow=_grow,
        init_parts=_initialize,
        own_steps=OwnSteps(reversal, "`reversal` of the shared space"),
        penalty=BatchPenalty("orthogonality", orthogonality),
    )
    model.attrs.update(private_spaces=private, adversary_width=adversary_width)
    model.attrs["configured"] = Configured(encode)
    return model


def _grow(model: Sharing, heads: Mapping[str, Model]) -> None:
    tasks = list(heads)
    configured = model.attrs.pop("configured").layer
    by_corpus = bool(named_corpora(model))
    spaces = model.attrs["spaces"] = named_corpora(model) or tasks
    add_part(model, SHARED, copied(configured))
    for space in spaces if model.attrs["private_spaces"] else ():
        own = [] if by_corpus else [space]
        add_part(model, _private(space), copied(configured), own, told=by_corpus)
    add_part(model, ADVERSARY, Adversary(len(spaces), model.attrs["adversary_width"]), told=True)


def _private(space: str) -> str:
    return f"private:{space}"


def _initialize(model: Sharing, docs: list[Doc]) -> None:
    spaces = [_private(space) for space in model.attrs["spaces"]]
    layers = [model.get_ref(name) for name in (SHARED, *spaces) if model.has_ref(name)]
    initialize_stages(model, docs, layers, "`encode` of spacy_mtl.SharedPrivate.v1")
    packed, _ = encode(encoders(model)[FIRST], docs, False)
    model.get_ref(ADVERSARY).initialize(X=model.ops.alloc2f(1, packed.X.shape[1]))


class _Spaces:
    """The shared and private vectors of a batch, (n_tokens, width) each."""

    def __init__(
        self,
        model: Sharing,
        docs: list[Doc],
        is_train: bool,
        labelled: Labelled,
        orthogonality: float,
    ) -> None:
        self._model = model
        self._orthogonality = orthogonality
        self._is_train = is_train
        self._labelled = labelled
        self._below, self._bp_encode = encode(encoders(model)[FIRST], docs, is_train)
        shared = model.get_ref(SHARED)
        self.shared, self._bp_shared = run_stage(shared, self._below.X, self._lengths, is_train)
        self._private: dict[str, _Part] = {}

    @property
    def _lengths(self) -> Any:
        return self._below.lengths

    def represent(self, spaces: Sequence[str]) -> Packed:
        """The shared vectors beside those of private spaces, which have different documents."""
        if not self._model.attrs["private_spaces"]:
            return Packed(self.shared, self._lengths, self._below.docs)
        own = sum((self._part(each).spread() for each in spaces), self._nothing())
        X = self._model.ops.xp.hstack([self.shared, own])
        return Packed(X, self._lengths, self._below.docs)

    def _nothing(self) -> Any:
        return self._model.ops.alloc2f(*self._below.X.shape)

    def _part(self, space: str) -> "_Part":
        if space not in self._private:
            stage = self._model.get_ref(_private(space))
            documents = self.documents(space)
            self._private[space] = _Part(stage, self._below, documents, self._is_train)
        return self._private[space]

    def documents(self, space: str) -> Sequence[int]:
        """The numbers of the documents that belong to a space."""
        if named_corpora(self._model):
            return [n for n, name in enumerate(self._labelled.corpora) if name == space]
        return self._labelled.documents(space)

    def down(self, gradients: Mapping[str, Any], own: Mapping[str, Any], frozen: Any) -> set[str]:
        """Run the spaces and the encoder backward; the parts that learned by it.

        gradients: of the shared vectors, by task. own: of private vectors, by space.
        """
        d_shared = summed(self._model.ops, self._below, gradients.values())
        down = []
        for space, dP in own.items():
            part = self._private[space]
            d_both, d_own = part.orthogonal(self.shared, self._orthogonality)
            d_shared[part.rows] += d_both
            down.append(part.backprop(dP[part.rows] + d_own))
        learned = {_private(space) for space in own if len(self._private[space].rows)}
        if (reversed_gradient := self._reversed()) is not None:
            d_shared += reversed_gradient
            learned.add(ADVERSARY)
        down.append(self._bp_shared(d_shared))
        if FIRST not in frozen:
            self._bp_encode(summed(self._model.ops, self._below, down))
        return learned

    def _reversed(self) -> Any:
        """The reversed gradient of the adversary, which learns by it as it is; None where it
        does not learn."""
        steps: Any = own_steps(self._model)
        strength = steps.strength()
        if not strength:
            return None
        spaces = self._model.attrs["spaces"]
        belongs = np.zeros((len(self._lengths), len(spaces)), dtype=bool)
        for column, space in enumerate(spaces):
            belongs[list(self.documents(space)), column] = True
        adversary = self._model.get_ref(ADVERSARY)
        gradient = adversary_step(adversary, self.shared, self._lengths, belongs)
        return None if gradient is None else -strength * gradient


class _Part:
    """A private space of some documents of a batch. rows: of their tokens."""

    def __init__(
        self, stage: Stage, below: Packed, documents: Sequence[int], is_train: bool
    ) -> None:
        self._below = below
        inside = np.zeros(len(below.lengths), dtype=bool)
        inside[list(documents)] = True
        xp: Any = stage.ops.xp
        self.rows = xp.asarray(np.flatnonzero(np.repeat(inside, below.lengths)))
        self._ops = stage.ops
        X: Any = below.X
        self.P, self._bp_stage = run_stage(stage, X[self.rows], below.lengths[inside], is_train)

    def spread(self) -> Any:
        """The vectors of all tokens, zeros for those of other documents."""
        X = self._ops.alloc2f(*self._below.X.shape)
        X[self.rows] = self.P
        return X

    def backprop(self, dP: Any) -> Any:
        """The gradient of what stands below, (n_tokens, width), of all tokens."""
        dX = self._ops.alloc2f(*self._below.X.shape)
        dX[self.rows] = self._bp_stage(dP)
        return dX

    def orthogonal(self, shared: Any, weight: float) -> tuple[Any, Any]:
        """The gradients of the penalty: of the shared vectors in these rows, of the private."""
        S, P = shared[self.rows], self.P
        product = (2 * weight / max(1, len(S))) * (S.T @ P)
        return P @ product.T, S @ product


def _represent(
    model: Sharing,
    docs: list[Doc],
    tasks: list[str],
    is_train: bool,
    labelled: Labelled,
    orthogonality: float,
) -> Represented:
    corpora = named_corpora(model)
    if not labelled.known:
        marks = [doc.user_data.get(CORPUS, "") for doc in docs]
        labelled = Labelled(len(docs), corpora=marks)
    spaces = _Spaces(model, docs, is_train, labelled, orthogonality)
    seen = {task: corpora or [task] for task in tasks}
    packed: dict[str, Packed] = {}
    for task in tasks:
        same = packed.get(tasks[0]) if corpora else None
        packed[task] = same or spaces.represent(seen[task])
    width = spaces.shared.shape[1]

    def backprop(
        gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()
    ) -> Collection[str]:
        own: dict[str, Any] = {}
        if model.attrs["private_spaces"]:
            for task, dX in gradients.items():
                for space in seen[task]:
                    own[space] = own.get(space, 0) + dX[:, width:]
        return spaces.down({task: dX[:, :width] for task, dX in gradients.items()}, own, frozen)

    return Represented(packed, dict.fromkeys(tasks, SHARED), backprop, shared_width=width)
