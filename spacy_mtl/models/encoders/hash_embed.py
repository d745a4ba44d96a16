"""The function of `spacy.MultiHashEmbed.v2`, computed once for each distinct word."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IDS, ORTH
from spacy.ml.models.tok2vec import MultiHashEmbed
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d

from ...errors import MTLError
from ..packed import token_attributes
from ..static_vectors import check_static_vectors, needing_static_vectors
from ..tables import add_to_rows
from .array_backend import FEW_ROWS
from .backends import FewRows, Prepared, backend_for
from .stock import Fingerprint, Found, MaxoutNodes
from .vector_cache import VectorCache, feature_keys

Features = NDArray[np.uint64]


def HashEmbed(
    width: int,
    attrs: list[str | int],
    rows: list[int],
    include_static_vectors: bool,
    cache_bits: int = 16,
) -> Model[list[Doc], list[Floats2d]]:
    """Embed attributes of words by hashing, and mix them with a maxout layer.

    Computes what `spacy.MultiHashEmbed.v2` computes and has its parameters, so that one's weights
    can be loaded into the other. Documents to (n_tokens, width) each. As a word's vector depends
    on its attributes alone, each distinct row of them is embedded and mixed once per batch; in
    prediction vectors are remembered from batch to batch, unless there are static ones, which may
    change at any time.

    width: of the vectors, and of each table's rows.
    attrs: the attributes of tokens to embed, such as "NORM" and "SHAPE".
    rows: of each attribute's table; hashes share rows where it has fewer than there are values.
    include_static_vectors: whether the pipeline's word vectors are mixed in.
    cache_bits: up to 2 ** cache_bits words are remembered, of 4 * width bytes each; 0 for none.
    RAISES (MTLError): If `rows` and `attrs` differ in length, for a width or number of rows below
        1, or for an attribute that is none.
    """
    if len(rows) != len(attrs) or not attrs:
        raise MTLError(
            "Expected as many `rows` as `attrs`, and at least one, "
            f"got {len(rows)} and {len(attrs)}."
        )
    if min(width, *rows) < 1:
        raise MTLError(f"Expected a width and `rows` of 1 or more, got {width} and {rows}.")
    if not 0 <= cache_bits <= 24:
        raise MTLError(f"Expected `cache_bits` from 0 to 24, got {cache_bits}.")
    columns = [_attribute(attr) for attr in attrs]
    stock = MultiHashEmbed(width, list(attrs), rows, include_static_vectors)
    return Model(
        "hash_embed",
        forward,
        init=partial(_init, stock.init),
        layers=list(stock.layers),
        dims={name: stock.maybe_get_dim(name) for name in stock.dim_names},
        attrs={"settings": _Settings(columns, width, cache_bits)},
    )


class _Settings:
    """What the weights do not determine; no part of a saved model."""

    def __init__(self, columns: list[int], width: int, cache_bits: int) -> None:
        self.columns = columns
        self.width = width
        self.cache = VectorCache(cache_bits)
        self.few = FewRows()
        self.prepared: Prepared[Any] = Prepared()
        self.nodes: Found[_Nodes] = Found(_Nodes.of)

    def __reduce__(self) -> Any:
        return _Settings, (self.columns, self.width, self.cache.bits)


@dataclass(frozen=True)
class _Nodes:
    """The nodes that hold parameters: tables by column, static vectors if any, the maxout."""

    tables: list[Model]
    static: Model | None
    mixer: MaxoutNodes
    fingerprint: Fingerprint

    @classmethod
    def of(cls, model: Model) -> "_Nodes":
        nodes = list(model.walk())
        tables = [node for node in nodes if node.name == "hashembed"]
        static = next((node for node in nodes if node.name == "static_vectors"), None)
        by_column = sorted(tables, key=lambda node: int(node.attrs["column"]))
        mixer = MaxoutNodes.below(model)[0]
        return cls(by_column, static, mixer, Fingerprint(model))


def forward(
    model: Model[list[Doc], list[Floats2d]], docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    """Embed the distinct words of a batch, and hand each document its rows."""
    settings = model.attrs["settings"]
    nodes, lengths = settings.nodes.below(model), [len(doc) for doc in docs]
    if not any(lengths):
        return [model.ops.alloc2f(0, settings.width) for _ in docs], lambda dYs: docs
    features = _features(docs, settings.columns, nodes.static is not None)
    vocab = docs[0].vocab
    if not is_train:
        return _parted(_predict(model, nodes, features, vocab), lengths), _no_backprop
    keys = feature_keys(features)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    Y, backprop_distinct = _begin_update(model, nodes, features[first], inverse, vocab)

    def backprop(dYs: list[Floats2d]) -> list[Doc]:
        backprop_distinct(model.ops.xp.concatenate(dYs))
        return docs

    return _parted(Y, lengths), backprop


def _init(init_stock: Callable[..., Any], model: Model, X: Any = None, Y: Any = None) -> None:
    """Initialize as spaCy's layer does, where there are word vectors if they are wanted."""
    if X:
        check_static_vectors(model, X[0].vocab)
    init_stock(model, X, Y)


def _no_backprop(dYs: Any) -> Any:
    raise MTLError("Expected a forward with is_train before the gradient, got a prediction.")


def _predict(model: Model, nodes: _Nodes, features: Features, vocab: Vocab) -> Floats2d:
    """(n_tokens, width) the tokens' vectors, remembered or computed."""
    settings, backend = model.attrs["settings"], backend_for(model.ops)
    if len(features) <= FEW_ROWS:
        (few,) = settings.few.layers(backend, [nodes.mixer], 0)
        return _mixed(model, nodes, few, features, vocab)
    state = (model.ops, backend, *nodes.fingerprint.take())
    mixer = settings.prepared.get(state, lambda: backend.MaxoutNorm(nodes.mixer.params(), 0))

    def compute(places: NDArray[np.int64]) -> Floats2d:
        return _mixed(model, nodes, mixer, features[places], vocab)

    keys = feature_keys(features)
    # Static vectors may change at any time, and are too many to look for changes in.
    if nodes.static or not settings.cache.bits:
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        return compute(first)[model.ops.xp.asarray(inverse)]
    vectors: Floats2d = settings.cache.vectors(keys, settings.width, state, compute, model.ops)
    return vectors


def _mixed(model: Model, nodes: _Nodes, mixer: Any, features: Features, vocab: Vocab) -> Floats2d:
    """(n, width) the vectors of rows of features."""
    backend = backend_for(model.ops)
    embedded, _ = _embed(model, nodes, features, vocab, False)
    mixed: Floats2d = backend.to_array(mixer.predict(backend.from_array(embedded)), model.ops)
    return mixed


def _begin_update(
    model: Model, nodes: _Nodes, features: Features, inverse: NDArray[np.int64], vocab: Vocab
) -> tuple[Floats2d, Callable[[Floats2d], None]]:
    """The tokens' vectors out of those of distinct rows, `inverse` being each token's row.

    Dropout strikes tokens, not rows, as in spaCy's layer.
    """
    backend, ops = backend_for(model.ops), model.ops
    embedded, backprop_embed = _embed(model, nodes, features, vocab, True)
    mixer = backend.MaxoutNorm(nodes.mixer.params(), 0, train=True)
    mixed, backprop_mix = mixer.begin_update(backend.from_array(embedded))
    rows = ops.xp.asarray(inverse.astype("int32"))
    Y = backend.to_array(mixed, ops)[rows]
    rate = nodes.mixer.dropout_rate
    kept = None
    if rate:
        kept = backend.to_array(backend.keep_mask(backend.from_array(Y), rate, ops), ops)

    def backprop(dY: Any) -> None:
        if kept is not None:
            dY = dY * kept
        d_mixed = ops.alloc2f(len(features), Y.shape[1])
        ops.scatter_add(d_mixed, rows, ops.as_contig(dY))
        d_embedded, grads = backprop_mix(backend.from_array(d_mixed))
        nodes.mixer.inc_grads(*grads)
        backprop_embed(backend.to_array(d_embedded, ops))

    return (Y if kept is None else Y * kept), backprop


def _embed(
    model: Model, nodes: _Nodes, features: Features, vocab: Vocab, is_train: bool
) -> tuple[Any, Callable[[Any], None]]:
    """(n, n_tables * width) the tables' vectors, and the static ones, side by side."""
    ops, width = model.ops, model.attrs["settings"].width
    parts: list[tuple[Any, Callable[[Any], Any]]] = [
        _look_up(table, ops.xp.asarray(features[:, column]), is_train)
        for column, table in enumerate(nodes.tables)
    ]
    if nodes.static is not None:
        with needing_static_vectors(nodes.static, vocab):
            ragged, backprop_static = nodes.static([_Words(features[:, -1], vocab)], is_train)

        def backprop_vectors(d_vectors: Any) -> None:
            backprop_static(type(ragged)(ops.as_contig(d_vectors), ragged.lengths))

        parts.append((ragged.data, backprop_vectors))

    def backprop(dX: Any) -> None:
        for i, (_, backprop_part) in enumerate(parts):
            backprop_part(ops.as_contig(dX[:, i * width : (i + 1) * width]))

    return ops.xp.concatenate([vectors for vectors, _ in parts], axis=1), backprop


def _look_up(table: Model, ids: Any, is_train: bool) -> tuple[Any, Callable[[Any], None]]:
    """The sum of four rows of the table for each of `ids`, as thinc's `HashEmbed` has it."""
    ops = table.ops
    E: Any = table.get_param("E")
    hashed: Any = ops.hash(ops.as_contig(ids, dtype="uint64"), table.attrs["seed"])
    rows = hashed % E.shape[0]
    vectors: Any = ops.gather_add(E, rows)
    rate = table.attrs.get("dropout_rate") if is_train else None
    kept: Any = ops.get_dropout_mask((E.shape[1],), rate) if rate else None
    if kept is not None:
        vectors *= kept

    def backprop(d_vectors: Any) -> None:
        if kept is not None:
            d_vectors = d_vectors * kept
        columns = [ops.as_contig(rows[:, k], dtype="i") for k in range(rows.shape[1])]
        add_to_rows(table, "E", columns, d_vectors)

    return vectors, backprop


@dataclass(frozen=True)
class _Words:
    """Words out of their documents, for the layer of static vectors."""

    keys: NDArray[np.uint64]
    vocab: Vocab

    def __len__(self) -> int:
        return len(self.keys)

    def to_array(self, attr: int) -> NDArray[np.uint64]:
        return self.keys


def _features(docs: list[Doc], columns: list[int], with_vectors: bool) -> Features:
    """(n_tokens, n_features) hashes; the last one is that which vectors are found by."""
    wanted = list(columns)
    if with_vectors:
        wanted.append(int(getattr(docs[0].vocab.vectors, "attr", ORTH)))
    return token_attributes(docs, wanted)


def _parted(Y: Any, lengths: list[int]) -> list[Floats2d]:
    ends = np.cumsum(lengths, dtype="int64").tolist()
    return [Y[end - n : end] for end, n in zip(ends, lengths, strict=True)]


def _attribute(attr: str | int) -> int:
    number = IDS.get(attr.upper()) if isinstance(attr, str) else attr
    if number not in IDS.values():
        raise MTLError(f"Expected an attribute of tokens such as NORM or SHAPE, got {attr!r}.")
    return int(number)
