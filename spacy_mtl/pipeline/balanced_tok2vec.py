"""The factory "balanced_tok2vec": one encoder under spaCy's own components."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline.tok2vec import DEFAULT_TOK2VEC_MODEL, Tok2Vec, Tok2VecListener
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from .. import registry  # noqa: F401  the default config names a function in it
from ..balancing.base import Balancer
from ..balancing.fixed import FixedWeights
from ..balancing.gradients import ConflictMeter, TaskGradients
from ..models.encoding import encode_docs
from ..models.fitting import fitting
from ..models.static_vectors import check_static_vectors
from ..state import State, joined, part_of
from .balancers import balancer_bytes, checked_balancer, load_balancer, warn_if_homogeneous
from .encoded_batch import EncodedBatch, Losses, batch_id
from .live import announce
from .sample import sample_docs
from .saving import BALANCER, whole
from .word_batches import WordBatchedPipe

TASKS = "tasks"  # in `cfg`: the components that the balancer knows


@Language.factory(
    "balanced_tok2vec",
    assigns=["doc.tensor"],
    default_config={
        "model": DEFAULT_TOK2VEC_MODEL,
        "balancer": {"@mtl_balancers": "spacy_mtl.FixedWeights.v1"},
        "conflict_every": 0,
    },
)
def make_balanced_tok2vec(
    nlp: Language, name: str, model: Model, balancer: Any, conflict_every: int
) -> "BalancedTok2Vec":
    """Make the component.

    model: as that of spaCy's factory "tok2vec", with the same default.
    balancer: from the registry `mtl_balancers`; its tasks are the components that listen.
    conflict_every: updates between two measurements of the gradients' conflict, 0 for none.
    """
    announce(nlp)
    balancer = checked_balancer(balancer, name)
    return BalancedTok2Vec(nlp.vocab, model, name, balancer, conflict_every)


class BalancedTok2Vec(WordBatchedPipe, Tok2Vec):
    """spaCy's `Tok2Vec`, with a balancer between its listeners and the encoder.

    Each listening component is a task. Its listeners' gradients are kept apart until
    `finish_update`, or until the next `update` if several batches are accumulated; then the
    weighted sum goes through the encoder once. spaCy's own waits for the last listener instead,
    and loses the gradients of the others where that one has no labels in the batch. A gradient
    that is zero everywhere takes no part, and without any the encoder does not move.

    Weights scale what a component sends to the encoder, not the gradients of its own
    parameters, for which Adam would cancel most of a constant factor anyway.

    Balancers that look at losses get what each component has added to the dict that `update` is
    given, in the component's own unit; of one with `reports_mean_losses`, such as `MultiTask`, the
    running mean that it reports.

    conflict_every: measure how the components' gradients stand to each other at every so many
        batches, 0 for never; `conflict` has the result, of the gradients before weighting.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "tok2vec",
        balancer: Balancer | None = None,
        conflict_every: int = 0,
    ) -> None:
        super().__init__(vocab, model, name)
        self.balancer = FixedWeights() if balancer is None else balancer
        self.conflict = ConflictMeter(conflict_every)
        self._weights: dict[str, list[float]] = {}
        self._batch: EncodedBatch | None = None
        self._has_gradient = False
        self._started = False
        self._report_means: set[str] = set()

    @property
    def parts(self) -> list[str]:
        """The encoder is one."""
        return [self.name]

    @property
    def stepping(self) -> set[str]:
        """The encoder, if it has a gradient that the next `finish_update` applies."""
        return {self.name} if self._has_gradient else set()

    @stepping.setter
    def stepping(self, parts: set[str]) -> None:
        self._has_gradient = bool(parts)

    @property
    def task_weights(self) -> dict[str, float]:
        """Each component's mean weight since the last evaluation, in the batches that had it."""
        return {component: fmean(weights) for component, weights in self._weights.items()}

    def find_listeners(self, component: Any) -> None:
        """Make the component's listeners known that have this encoder's name, or "*"."""
        super().find_listeners(component)
        if getattr(component, "reports_mean_losses", False):
            self._report_means.add(component.name)

    def remove_listener(self, listener: Tok2VecListener, component_name: str) -> bool:
        """Forget a listener, in a list of its own: `nlp.replace_listeners` goes through the one
        that there was, and would pass over the next."""
        if component_name in self.listener_map:
            self.listener_map[component_name] = list(self.listener_map[component_name])
        return bool(super().remove_listener(listener, component_name))

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None
    ) -> None:
        """Initialize the model; the balancer begins anew, with the present listeners if any."""
        self._begin_anew()
        if nlp is not None:
            warn_if_homogeneous(self.balancer, nlp)
        validate_get_examples(get_examples, "BalancedTok2Vec.initialize")
        check_static_vectors(self.model, self.vocab)
        with fitting(f"the model of '{self.name}'"):
            self.model.initialize(X=sample_docs(get_examples, self.vocab))

    def predict(self, docs: Iterable[Doc]) -> list[Floats2d]:
        """(n_tokens, width) vectors of each document."""
        return encode_docs(self.model, list(docs), False)[0]

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: Losses | None = None,
    ) -> Losses:
        """Run forward, hand the vectors to the listeners, and collect what they send back.

        sgd: applied when the gradients of the batch are complete, at the next call.
        losses: gets the sum of the listeners' squared gradients, as with spaCy's own.
        """
        losses = {} if losses is None else losses
        examples = list(examples)
        validate_examples(examples, "BalancedTok2Vec.update")
        self.complete_backward()
        if self.name not in losses:
            self.conflict.reset()
            self._weights = {}
        docs = [eg.predicted for eg in examples]
        set_dropout_rate(self.model, drop)
        vectors, backprop = encode_docs(self.model, docs, True)
        batch = EncodedBatch(self.name, self.model.ops, vectors, backprop, losses, sgd or None)
        identity = batch_id(docs)
        for component, listeners in self.listener_map.items():
            for each in listeners:
                listener: Any = each
                listener.get_batch_id = batch_id  # in place of spaCy's, which is slow
                listener.receive(identity, vectors, partial(batch.add, component))
        self._batch = batch
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """Run the batch's gradients backward, and apply what has accumulated, if anything.

        A batch that got no gradient yet stays: `nlp.update(sgd=...)` calls this before the
        components that listen.
        """
        self.complete_backward()
        if self._has_gradient:
            super().finish_update(sgd)
            self._has_gradient = False

    def use_params(self, params: dict[Any, Any]) -> Iterator[None]:
        """Put other parameters in the place of the model's, up to the second step of this iterator.

        What waits to go backward does so before, as that needs the parameters of its forward.
        """
        self.complete_backward()
        yield from super().use_params(params)

    def complete_backward(self) -> None:
        """Send the weighted sum of the gradients that came since the last call backward."""
        batch = self._batch
        gradients = batch.take() if batch else {}
        if not batch or not gradients:
            return
        weights = self._balance(batch, gradients)
        weighted = [dX * float(weights[name]) for name, dX in gradients.items() if weights[name]]
        if weighted:
            batch.backward(sum(weighted[1:], start=weighted[0]))
            self._has_gradient = True
            if batch.sgd:
                self.finish_update(batch.sgd)

    def _balance(self, batch: EncodedBatch, gradients: dict[str, Floats2d]) -> dict[str, float]:
        """Each component's weight in this batch."""
        self._start_balancer()
        measured = TaskGradients(dict.fromkeys(gradients, batch.X), gradients)
        self.conflict.observe(measured)
        losses = batch.losses_of(gradients, self._report_means)
        seen = measured if self.balancer.needs_gradients else None
        weights = self.balancer.weights(losses, seen)
        for component, weight in weights.items():
            self._weights.setdefault(component, []).append(weight)
        return weights

    def _begin_anew(self) -> None:
        """Forget a training before."""
        self.balancer.reset()
        self._started = False
        self.cfg.pop(TASKS, None)
        if self.listener_map:
            self._start_balancer()
        self.conflict.restart()
        self._weights = {}
        self._batch = None
        self._has_gradient = False

    def _start_balancer(self) -> None:
        """Tell the balancer its tasks: at first, and when a component has come to listen.

        Components that have gone stay among them, so that its settings and state still fit.
        """
        known = self.cfg.get(TASKS, [])
        new = [name for name in self.listening_components if name not in known]
        if known and not self._started:
            self.balancer.start(known)  # what its state was saved with
        if new:
            self.balancer.start([*known, *new])
            self.cfg[TASKS] = [*known, *new]
        self._started = True

    def state(self) -> State:
        """What it knows of its training, between two steps; see `spacy_mtl.state.Stateful`."""
        own = {n: np.asarray(getattr(self, n)) for n in ("_started", "_has_gradient")}
        known = {name: np.asarray(i) for i, name in enumerate(self.cfg.get(TASKS, []))}
        weights = {name: np.asarray(values) for name, values in self._weights.items()}
        parts = {"balancer": self.balancer.state(), "conflict": self.conflict.state()}
        return joined({"own": own, "known": known, "weights": weights, **parts})

    def load_state(self, state: State) -> None:
        """Go on from there.

        RAISES (MTLError): If it is of other components or another balancer.
        """
        known = part_of(state, "known")
        if known:
            self.cfg[TASKS] = sorted(known, key=lambda name: int(known[name]))
            self.balancer.start(self.cfg[TASKS])
        self.balancer.load_state(part_of(state, "balancer"))
        self.conflict.load_state(part_of(state, "conflict"))
        self._weights = {name: v.tolist() for name, v in part_of(state, "weights").items()}
        own = part_of(state, "own")
        self._started, self._has_gradient = bool(own["_started"]), bool(own["_has_gradient"])
        self._batch = None

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """What spaCy's own writes, and the balancer's state, which that one can read over."""
        parts = srsly.msgpack_loads(super().to_bytes(exclude=exclude))
        if BALANCER not in exclude:
            parts[BALANCER] = balancer_bytes(self.balancer)
        return bytes(srsly.msgpack_dumps(parts))

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "BalancedTok2Vec":
        """Set weights and state to those of `to_bytes`, ours or of spaCy's own tok2vec."""
        with whole(self.name):
            super().from_bytes(bytes_data, exclude=exclude)
            load = partial(load_balancer, self.balancer)
            util.from_bytes(bytes_data, {BALANCER: load}, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the component to a folder."""
        super().to_disk(path, exclude=exclude)
        data = balancer_bytes(self.balancer)
        parts: dict[str, Callable[[Path], Any]] = {BALANCER: lambda p: p.write_bytes(data)}
        util.to_disk(path, parts, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "BalancedTok2Vec":
        """Set weights and state to those in a folder, of ours or of spaCy's own tok2vec."""
        with whole(self.name):
            super().from_disk(path, exclude=exclude)
            if (Path(path) / BALANCER).exists():
                load = partial(load_balancer, self.balancer)
                util.from_disk(path, {BALANCER: lambda p: load(p.read_bytes())}, exclude)
        return self
