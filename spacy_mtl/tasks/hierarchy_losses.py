"""Probabilities and losses of a tree of labels, from a score for each of them.

A node's score decides among its siblings, given that their parent applies: by a softmax where one
label applies on each level, else by a sigmoid of its own. The probability of a node is the product
of those on its path. What a document says is summed up from the leaves to the root, and the
gradient goes the other way; of sets of siblings about which it says nothing, it is exactly zero.

Scores are (n_docs, n_labels), in the order of `Hierarchy.labels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from thinc.api import get_array_module
from thinc.types import ArrayXd, Floats2d

from .hierarchy import Hierarchy, Siblings
from .losses import divergence, sigmoid

# An array of numpy or cupy; thinc's types do not know all of their common interface.
Array = Any


def log_probabilities(tree: Hierarchy, scores: Floats2d) -> Floats2d:
    """The log of each label's probability where each document has one leaf: that of the leaves
    add up to 1, and that of a parent is the sum of those below it."""
    xp = get_array_module(scores)
    widened = _widened(tree, scores, -np.inf)
    found = xp.zeros_like(widened)
    for parents, children in map(_on(xp), tree.levels):
        found[:, children] = found[:, parents][:, :, None] + _log_softmax(xp, widened[:, children])
    return found[:, : tree.root]


def probabilities(tree: Hierarchy, scores: Floats2d) -> Floats2d:
    """Each label's probability where a document can have any: that of a parent is at least as
    high as that of each label below it."""
    xp = get_array_module(scores)
    widened = sigmoid(_widened(tree, scores, 0.0))
    found = xp.ones_like(widened)
    for parents, children in map(_on(xp), tree.levels):
        found[:, children] = found[:, parents][:, :, None] * widened[:, children]
    return found[:, : tree.root]


def path_cross_entropy(
    tree: Hierarchy,
    scores: Floats2d,
    left: ArrayXd,
    choices: ArrayXd | None = None,
    smoothing: float = 0.0,
) -> tuple[float, Floats2d]:
    """The summed -log of the probability that the leaf is one of those that are left, and its
    gradient, where each document has one leaf.

    left: (n_docs, n_labels) bool, the leaves that a document may have, at least one; all, if it
        says nothing. Of labels that are no leaves it is not used.
    choices: the same shape, bool, see `Hierarchy.choices`: the softmax is over these. None for all.
    smoothing: as for `softmax_cross_entropy`, in each set of siblings of which one is left.
    """
    xp = get_array_module(scores)
    if choices is not None:
        scores = xp.where(choices, scores, -np.inf)
    widened = _widened(tree, scores, -np.inf)
    whole = _widened(tree, left, True)  # whether all below is left
    inside = xp.where(whole, 0.0, -np.inf).astype(scores.dtype)  # log of what is left below
    steps = []
    for parents, children in map(_on(xp), reversed(tree.levels)):
        log_p = _log_softmax(xp, widened[:, children])
        through = log_p + inside[:, children]
        whole[:, parents] = whole[:, children].all(axis=2)
        inside[:, parents] = xp.where(whole[:, parents], 0.0, _log_sum(xp, through))
        steps.append((parents, children, log_p, through))
    reach, d_scores = xp.zeros_like(widened), xp.zeros_like(widened)
    reach[:, tree.root] = 1.0
    for parents, children, log_p, through in reversed(steps):
        total = inside[:, parents][:, :, None]
        target = xp.exp(through - xp.where(xp.isfinite(total), total, 0.0))
        reach[:, children] = reach[:, parents][:, :, None] * target
        if smoothing:
            target = _smoothed(xp, target, xp.isfinite(log_p), xp.isfinite(through), smoothing)
        d_scores[:, children] = reach[:, parents][:, :, None] * (xp.exp(log_p) - target)
    return -float(inside[:, tree.root].sum()), xp.ascontiguousarray(d_scores[:, : tree.root])


def tree_divergence(
    tree: Hierarchy, scores: Floats2d, taught: Floats2d, mask: Array, one_leaf: bool
) -> tuple[float, Floats2d]:
    """The summed Kullback-Leibler divergence of the distribution over a document's labels from that
    of a teacher's scores, and its gradient: that of each choice counts by how probable the teacher
    takes it to be that what is above applies.

    mask: (n_docs,) the documents that count, or (n_docs, n_labels) their labels. one_leaf: whether
        each document has one leaf, or any labels.
    """
    if one_leaf:
        logs = [log_probabilities(tree, each) for each in (scores, taught)]
        xp: Any = get_array_module(scores)
        above = [_widened(tree, each, 0.0)[:, tree.parent] for each in logs]
        P, Q = (xp.exp(each - parents) for each, parents in zip(logs, above, strict=True))
        weights = xp.exp(above[1]) * mask[:, None]
    else:
        P, Q = sigmoid(scores), sigmoid(taught)
        weights = _widened(tree, probabilities(tree, taught), 1.0)[:, tree.parent] * mask
    return divergence(P, Q, weights, not one_leaf)


def _smoothed(xp: Any, target: Array, there: Array, left: Array, smoothing: float) -> Array:
    """The targets, with a share spread over the siblings that are there where one is left."""
    n_others = there.sum(axis=2, keepdims=True) - 1
    single = (left.sum(axis=2, keepdims=True) == 1) & (n_others > 0)
    each = there * (smoothing / xp.maximum(n_others, 1))
    smoothed = xp.where(left, 1.0 - smoothing, each).astype(target.dtype)
    return xp.where(single, smoothed, target)


def node_cross_entropy(
    tree: Hierarchy, scores: Floats2d, truths: Floats2d, mask: ArrayXd
) -> tuple[float, Floats2d]:
    """The summed -log of the probability of what is known, and its gradient, where a document can
    have any labels.

    truths: (n_docs, n_labels) 1 where a label applies, as do all above it, else 0. mask: the same
        shape, bool, what is known; what is below a label that does not apply changes nothing.
    """
    xp = get_array_module(scores)
    widened = _widened(tree, scores, 0.0)
    yes, no = -_softplus(xp, -widened), -_softplus(xp, widened)
    applies, is_known = _widened(tree, truths, 0.0) >= 0.5, _widened(tree, mask, False)
    told = is_known.copy()  # whether anything is known of the node or below
    below = xp.zeros_like(widened)  # log-likelihood of what is known below, if the node applies
    nodes = xp.zeros_like(widened)  # of the node and what is below, if its parent applies
    for parents, children in map(_on(xp), reversed(tree.levels)):
        on, off = yes[:, children] + below[:, children], no[:, children]
        either = xp.where(told[:, children], xp.logaddexp(on, off), 0.0)
        decided = xp.where(applies[:, children], on, off)
        nodes[:, children] = xp.where(is_known[:, children], decided, either)
        below[:, parents] += nodes[:, children].sum(axis=2)
        told[:, parents] |= told[:, children].any(axis=2)
    P = sigmoid(widened)
    inferred = told & ~is_known
    posterior = xp.exp(xp.where(inferred, yes + below - nodes, 0.0))
    target = xp.where(inferred, posterior, xp.where(is_known, applies, P)).astype(scores.dtype)
    reach, d_scores = xp.ones_like(widened), xp.zeros_like(widened)
    for parents, children in map(_on(xp), tree.levels):
        above = reach[:, parents][:, :, None]
        d_scores[:, children] = above * (P[:, children] - target[:, children])
        reach[:, children] = above * target[:, children]
    return -float(below[:, tree.root].sum()), xp.ascontiguousarray(d_scores[:, : tree.root])


def _on(xp: Any) -> Any:
    """From a level to its parents and children, as arrays on the scores' device."""

    def pair(level: Siblings) -> tuple[Array, Array]:
        return xp.asarray(level.parents), xp.asarray(level.children)

    return pair


def _widened(tree: Hierarchy, cells: Array, fill: float | bool) -> Array:
    """(n_docs, n_nodes) with columns for the root and for no node."""
    xp: Any = get_array_module(cells)
    widened = xp.full((len(cells), tree.n_nodes), fill, dtype=cells.dtype)
    widened[:, : tree.root] = cells
    return widened


def _log_softmax(xp: Any, scores: Array) -> Array:
    return scores - _log_sum(xp, scores)[:, :, None]


def _log_sum(xp: Any, scores: Array) -> Array:
    """Of each set of siblings; -inf where all are."""
    highest = scores.max(axis=2, keepdims=True)
    highest = xp.where(xp.isfinite(highest), highest, 0.0).astype(scores.dtype)
    with np.errstate(divide="ignore"):
        return xp.log(xp.exp(scores - highest).sum(axis=2)) + highest[:, :, 0]


def _softplus(xp: Any, scores: Array) -> Array:
    """log(1 + exp(score)), without overflow."""
    return xp.maximum(scores, 0) + xp.log1p(xp.exp(-xp.abs(scores)))
