"""Trees as four bits of each word, which one matrix product can score.

Gómez-Rodríguez, Roca and Vilares 2023 (https://aclanthology.org/2023.emnlp-main.400). The bits of a
word say whether its head is to its right, whether it is the outermost dependent of its head on that
side, and whether it has dependents to its left, and to its right. A root is the only dependent,
to its right, of a node before the first word. Trees must be projective (`projective`).

Words are decoded from left to right with a stack. On it are left dependents that wait for their
head, those of one head together (L), and heads that wait for dependents to their right (R).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sentences import Rows, Sentences

N_TAGS = 16
COLUMNS = tuple(f"tag-{tag:04b}" for tag in range(N_TAGS))
LEFT, OUTERMOST, HAS_LEFT, HAS_RIGHT = range(4)
BITS = np.arange(N_TAGS)[:, None] >> np.arange(4) & 1 == 1  # (N_TAGS, 4)


def possible_tags(heads: Rows, sentences: Sentences, whole: NDArray[np.bool_]) -> Any:
    """(n_words, N_TAGS) which tags agree with what is known of the tree.

    heads: (n_words,) the number of each word's head, its own for a root, -1 if it is not known;
        projective. whole: (n_words,) whether all that belongs to the word's tree is certainly in
        its sentence; else words with unknown heads in the sentences beside may do.
    """
    bits = _known_bits(heads, sentences, whole)
    return ((bits[:, None] < 0) | (bits[:, None] == BITS)).all(axis=2)


def _known_bits(heads: Rows, sentences: Sentences, whole: NDArray[np.bool_]) -> NDArray[np.int8]:
    """(n_words, 4) each bit, -1 where both are possible."""
    words = np.arange(len(heads))
    known = heads >= 0
    unknown = np.concatenate([[0], np.cumsum(~known)])
    first, end = _reach(sentences, whole)
    may_left = unknown[words] > unknown[first]
    may_right = unknown[end] > unknown[words + 1]
    bits = np.full((len(heads), 4), -1, dtype="int8")
    bits[known, LEFT] = (heads > words)[known]
    for bit, side, may in (
        (HAS_LEFT, known & (heads > words), may_left),
        (HAS_RIGHT, known & (heads < words), may_right),
    ):
        dependents = words[side]
        outermost = words.copy()
        extreme = np.minimum if bit == HAS_LEFT else np.maximum
        extreme.at(outermost, heads[dependents], dependents)
        bits[:, bit] = np.where(outermost != words, 1, np.where(may, -1, 0))
        # Between an outermost dependent and the border another one may be missing.
        free = np.where(may[dependents], -1, 1)
        farthest = outermost[heads[dependents]] == dependents
        bits[dependents, OUTERMOST] = np.where(farthest, free, 0)
    bits[heads == words, OUTERMOST] = 1
    return bits


def _reach(sentences: Sentences, whole: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """(n_words,) the words from which, and before which, dependents of a word may be."""
    n = len(sentences.lengths)
    bounds = np.append(sentences.starts, len(sentences.rows))
    number = sentences.number()
    before = np.where(whole, number, np.maximum(number - 1, 0))
    after = np.where(whole, number + 1, np.minimum(number + 2, n))
    return bounds[before], bounds[after]


def projective(heads: Rows, sentences: Sentences) -> Rows:
    """Heads without arcs that cross: the shorter of two goes to the head of its head.

    heads: (n_words,) the number of each word's head, its own for a root, -1 if it is not known,
        and afterwards where that is the one it would go to. Arcs over a root cross the root's.
    """
    lifted = heads.copy()
    for places in sentences.by_length():
        for row in np.flatnonzero(_crossing(heads[places] - places[:, :1]).any(axis=1)):
            own = _lift(np.maximum(heads[places[row]] - places[row, 0], -1))
            lifted[places[row]] = np.where(own < 0, -1, own + places[row, 0])
    return lifted


def _lift(heads: Rows) -> Rows:
    """The same for one sentence."""
    heads = heads.copy()
    words = np.arange(len(heads))
    while (crossing := _crossing(heads[None])[0]).any():
        higher = heads[heads]  # not used where heads are unknown
        liftable = crossing & (higher != heads)
        arcs = np.flatnonzero(liftable if liftable.any() else crossing)
        word = arcs[np.abs(heads - words)[arcs].argmin()]
        heads[word] = higher[word] if liftable.any() else -1
    return heads


def _crossing(heads: Rows) -> NDArray[np.bool_]:
    """(n, length) whether each word's arc crosses another one, or covers a root."""
    words = np.arange(heads.shape[1])
    low, high = np.minimum(heads, words), np.maximum(heads, words)
    low, high = (np.where(heads < 0, words, each) for each in (low, high))
    low, high = np.where(heads == words, -1, low), np.where(heads == words, words, high)
    a, b, c, d = low[:, :, None], high[:, :, None], low[:, None], high[:, None]
    cross = (a < c) & (c < b) & (b < d)
    crosses: NDArray[np.bool_] = (cross | cross.swapaxes(1, 2)).any(axis=2) & (heads != words)
    return crosses


# What is on a stack, two bits each from the lowest on, in an integer: nothing, the node before the
# first word as long as it waits for the root, L, or R.
NOTHING, NODE, L, R = range(4)
_FULL = 1 << 58  # from here on nothing is put on a stack
_DEPTH = 32


def _transitions() -> tuple[NDArray[np.int8], NDArray[np.int16]]:
    """What tags do to a stack with these three uppermost items, (64, N_TAGS) by tag.

    Returns whether the tag is possible, 2 if nothing waits afterwards, so that no word may follow;
    and by how many the number of words grows that must follow, as one word takes an L and the R
    right below at most.
    """
    possible = np.zeros((64, N_TAGS), dtype="int8")
    growth = np.zeros((64, N_TAGS), dtype="int16")
    for items in range(64):
        stack = [items & 3, items >> 2 & 3, items >> 4, NOTHING]
        for tag, (left, outermost, has_left, has_right) in enumerate(BITS.tolist()):
            top, below = stack[has_left : has_left + 2]
            if left:
                fits = top != NOTHING if outermost else top == L
            else:
                fits = top == R or (top == NODE and outermost)
            ends = not left and outermost and not has_right and below == NOTHING
            possible[items, tag] = (fits and (not has_left or stack[0] == L)) * (1 + ends)
            if left:
                growth[items, tag] = outermost and top == L
            else:
                growth[items, tag] = -int(outermost)
            growth[items, tag] += has_right - (has_left and top == L)
    return possible, growth


_POSSIBLE, GROWTH = _transitions()
# For words that others follow, and for the last word of a sentence.
PENALTIES = np.where([_POSSIBLE == 1, _POSSIBLE == 2], 0, -np.inf).astype("float32")


def decode(scores: NDArray[np.float32], sentences: Sentences, beam: int = 8) -> Rows:
    """(n_words,) the number of each word's head, by the best valid tags.

    scores: (n_words, N_TAGS). Where the best tag of each word gives no tree, a beam search looks
    for it; it always finds one.
    """
    tags = scores.argmax(axis=1).astype("int8")
    lengths, starts = sentences.lengths, sentences.starts
    order = np.argsort(-lengths, kind="stable")
    order = order[~_are_valid(tags, starts[order], lengths[order])]
    _search(scores, tags, starts[order], lengths[order], beam)
    order = np.argsort(-lengths, kind="stable")
    return _heads(tags, starts[order], lengths[order])


def _are_valid(tags: NDArray[np.int8], starts: Rows, lengths: Rows) -> NDArray[np.bool_]:
    """(n,) whether each sentence's tags are those of a tree. Sentences are by length, the longest
    first, here and below, so that all advance together."""
    valid = np.ones(len(starts), dtype=bool)
    stack = np.full(len(starts), NODE, dtype="uint64")
    for place, m in _places(lengths):
        tag = tags[starts[:m] + place]
        last = (lengths[:m] == place + 1).astype("int8")
        valid[:m] &= PENALTIES[last, _uppermost(stack[:m]), tag] == 0
        valid[:m] &= stack[:m] < _FULL
        stack[:m] = _after(stack[:m], tag)
    return valid


def _search(
    scores: NDArray[np.float32], tags: NDArray[np.int8], starts: Rows, lengths: Rows, beam: int
) -> None:
    """Set the tags of these sentences to the best valid ones, by beam search."""
    shape = (len(starts), beam)
    stack = np.full(shape, NODE, dtype="uint64")
    needed = np.ones(shape, dtype="int16")
    total = np.full(shape, -np.inf, dtype="float32")
    total[:, :1] = 0
    steps = []
    for place, m in _places(lengths):
        rest = lengths[:m] - 1 - place
        items = _uppermost(stack[:m])
        candidates = PENALTIES[(rest == 0).astype("int8")[:, None], items]
        candidates += total[:m, :, None]
        candidates += scores[starts[:m] + place][:, None]
        grown = needed[:m, :, None] + GROWTH[items]
        candidates[grown > rest[:, None, None]] = -np.inf
        _keep_shallow(candidates, stack[:m])
        flat = candidates.reshape(m, -1)
        best = np.argpartition(flat, -beam, axis=1)[:, -beam:]
        parent, tag = best // N_TAGS, best % N_TAGS
        total[:m] = np.take_along_axis(flat, best, 1)
        needed[:m] = np.take_along_axis(grown.reshape(m, -1), best, 1)
        stack[:m] = _after(np.take_along_axis(stack[:m], parent, 1), tag)
        steps.append((m, parent.astype("int8"), tag.astype("int8")))
    chosen = total.argmax(axis=1)
    for place, (m, parent, tag) in reversed(list(enumerate(steps))):
        rows = np.arange(m)
        tags[starts[:m] + place] = tag[rows, chosen[:m]]
        chosen[:m] = parent[rows, chosen[:m]]


def _keep_shallow(candidates: NDArray[np.float32], stack: NDArray[np.uint64]) -> None:
    full = stack >= _FULL
    if full.any():
        pushes = BITS[:, HAS_RIGHT] | (BITS[:, LEFT] & BITS[:, OUTERMOST])
        candidates[full[..., None] & pushes] = -np.inf


def _places(lengths: Rows) -> list[tuple[int, int]]:
    """Each place in a sentence, with the number of sentences that have a word there."""
    places = np.arange(int(lengths.max(initial=0)))
    counts = np.searchsorted(-lengths, -places)
    return list(zip(places.tolist(), counts.tolist(), strict=True))


def _uppermost(stack: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (stack & np.uint64(63)).astype("int64")


_POPS = (2 * (BITS[:, HAS_LEFT] + 0 + (~BITS[:, LEFT] & BITS[:, OUTERMOST]))).astype("uint64")
_PUSHED = np.where(BITS[:, LEFT] & BITS[:, OUTERMOST], L, 0).astype("uint64")
_THEN = np.where(BITS[:, HAS_RIGHT], R, 0).astype("uint64")


def _after(stack: NDArray[np.uint64], tag: NDArray[Any]) -> NDArray[np.uint64]:
    """The stacks after these tags."""
    two = np.uint64(2)
    stack = stack >> _POPS[tag]
    for pushed in (_PUSHED[tag], _THEN[tag]):
        stack = (stack << (two * (pushed > 0))) | pushed
    return stack


def _heads(tags: NDArray[np.int8], starts: Rows, lengths: Rows) -> Rows:
    """(n_words,) the heads that valid tags give."""
    n_words = len(tags)
    heads, group = np.full((2, n_words), -1)
    of_group = np.full(n_words, -1)  # the head of left dependents, by the outermost of them
    items = np.full((len(starts), _DEPTH), -1)
    size = np.zeros(len(starts), dtype="int64")
    for place, m in _places(lengths):
        word, rows = starts[:m] + place, np.arange(m)
        left, outermost, has_left, has_right = BITS[tags[word]].T
        taken = rows[has_left]
        size[taken] -= 1
        of_group[items[taken, size[taken]]] = word[taken]
        top = np.where(size[:m] > 0, items[rows, size[:m] - 1], word)
        group[word] = np.where(left, np.where(outermost, word, top), -1)
        heads[word] = top
        size[:m] -= ~left & outermost & (size[:m] > 0)
        for pushing in (left & outermost, has_right):
            pushed = rows[pushing]
            items[pushed, size[pushed]] = word[pushed]
            size[pushed] += 1
    return np.where(group >= 0, of_group[np.maximum(group, 0)], heads)
