"""The PyTorch module under the encoder: from pieces to token vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from ...errors import MTLError
from ..freezing import freeze_again
from .pieces import Pieces, split_docs
from .settings import POOLINGS, Settings
from .weights import Pretrained, from_bytes, read_pretrained, to_bytes
from .windows import Window, batches_of, padded, windows_of

Tensor = torch.Tensor


@dataclass(frozen=True)
class Part:
    """Windows of like lengths, which go through the transformer at once.

    ids: (n_windows, longest), padded; lengths: (n_windows,), special pieces among them.
    rows, pieces: (n,) the rows whose vectors are kept, all windows one below the other, and
        of which pieces they are.
    """

    ids: Tensor
    lengths: NDArray[np.int64]
    rows: Tensor
    pieces: Tensor


@dataclass(frozen=True)
class Batch:
    """Documents as the module reads them.

    n_pieces: of all documents. members, starts: the pieces of all tokens one behind the other,
        and where in them those of each token begin.
    shapes: (n_tokens,) rows of the embedding of shapes.
    """

    parts: list[Part]
    n_pieces: int
    members: Tensor
    starts: Tensor
    shapes: Tensor


class TransformerModule(nn.Module):
    """Token vectors of documents by a pretrained transformer, (n_tokens, width_out).

    It is empty up to `read` or `load`. loaded: whether `load` set it.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.pretrained: Pretrained | None = None
        self.loaded = False
        self.special: tuple[list[int], list[int]] = ([], [])
        self.shapes: Any = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def read(self, name: str) -> None:
        """Read the weights from a folder, or by a name on the hub."""
        self._take(read_pretrained(name))

    def load(self, data: bytes, device: Any) -> None:
        """Set all to what `dump` gave."""
        pretrained, weights = from_bytes(data)
        self._take(pretrained)
        self.load_state_dict(weights)
        self.to(device)
        self.loaded = True

    def dump(self) -> bytes:
        """Configuration, tokenizer and weights."""
        if self.pretrained is None:
            raise MTLError("Expected the encoder to be initialized before it is saved.")
        return to_bytes(self.pretrained, self.state_dict())

    def split(self, docs: Sequence[Any], rows: NDArray[np.uint64]) -> Batch:
        """Documents as `forward` takes them. rows: (n_tokens,) hashes of their shapes."""
        pretrained = self._pretrained()
        special = sum(map(len, self.special))
        pieces = split_docs(pretrained.tokenizer, docs)
        windows = windows_of(pieces, self.settings.window - special, self.settings.overlap)
        offsets = np.cumsum([0, *(len(each.ids) for each in pieces)])
        parts = [
            self._part([windows[number] for number in numbers], pieces, offsets)
            for numbers in batches_of(windows, special, self.settings.batch)
        ]
        members, starts = _members(pieces, offsets, self.settings.pooling == "first")
        shapes = (rows % max(self.settings.shape_rows, 1)).astype("int64")
        tensors = (self._tensor(array) for array in (members, starts, shapes))
        return Batch(parts, int(offsets[-1]), *tensors)

    def _part(
        self, windows: Sequence[Window], pieces: Sequence[Pieces], offsets: NDArray[np.int64]
    ) -> Part:
        before, _ = self.special
        pad = getattr(self._pretrained().config, "pad_token_id", None) or 0
        read = [pieces[w.doc].ids[w.start : w.end] for w in windows]
        ids, lengths = padded(read, self.special, pad)
        rows, kept = [], []
        for number, w in enumerate(windows):
            row = number * ids.shape[1] + len(before) + w.first - w.start
            rows.append(np.arange(row, row + w.last - w.first))
            kept.append(np.arange(offsets[w.doc] + w.first, offsets[w.doc] + w.last))
        all_rows, all_kept = (self._tensor(np.concatenate(part)) for part in (rows, kept))
        return Part(self._tensor(ids), lengths, all_rows, all_kept)

    def _tensor(self, array: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def forward(self, batch: Batch) -> Tensor:
        """(n_tokens, width_out) vectors; zeros for a token without a piece."""
        width = self.settings.width_out
        vectors = torch.zeros(max(batch.n_pieces, 1), width, device=self.device)
        for part in batch.parts:
            found = self._read(part.ids, part.lengths).reshape(-1, width)
            vectors = vectors.index_copy_(0, part.pieces, found[part.rows].float())
        mode = POOLINGS[self.settings.pooling]
        tokens = F.embedding_bag(batch.members, vectors, batch.starts, mode=mode)
        if self.shapes is not None:
            tokens = tokens + self.shapes(batch.shapes)
        return tokens

    def _read(self, ids: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """(n_windows, longest, width_out) vectors of all pieces in windows of like lengths."""
        mask = None
        if lengths.min() < ids.shape[1]:
            n_each = torch.from_numpy(lengths).to(ids.device)
            mask = (torch.arange(ids.shape[1], device=ids.device) < n_each[:, None]).long()
        deeper = self.settings.layers != 1 or self.settings.mix
        found = self.transformer(
            input_ids=ids, attention_mask=mask, output_hidden_states=deeper, return_dict=True
        )
        last: Tensor = found.last_hidden_state
        if not deeper:
            return last
        states = torch.stack([*found.hidden_states[:-1], last])  # which has had the last norm
        if self.settings.mix:
            weights = torch.softmax(self.mix_weights, 0) * self.mix_gain
            return torch.einsum("l,lwpd->wpd", weights.to(states.dtype), states)
        chosen = states[-self.settings.layers :]
        return torch.cat(list(chosen), dim=-1) if self.settings.stacked else chosen.mean(0)

    def _pretrained(self) -> Pretrained:
        if self.pretrained is None:
            raise MTLError("Expected an encoder with weights: initialize the pipeline or load one.")
        return self.pretrained

    def _take(self, pretrained: Pretrained) -> None:
        """Set up the layers for a transformer."""
        settings, config = self.settings, pretrained.config
        if config.hidden_size != settings.width:
            raise MTLError(
                f"Expected `width` to be that of the transformer, {config.hidden_size}, got "
                f"{settings.width}. The listeners' `width` is the same."
            )
        if settings.layers > config.num_hidden_layers + 1:
            raise MTLError(
                f"Expected `layers` of up to {config.num_hidden_layers + 1}, the transformer's and "
                f"its embeddings, got {settings.layers}."
            )
        if settings.window > pretrained.longest:
            raise MTLError(
                f"Expected a `window` of up to {pretrained.longest} pieces, which is what the "
                f"transformer reads, got {settings.window}."
            )
        self.pretrained = pretrained
        self.transformer = pretrained.transformer
        self.special = _special(pretrained.tokenizer)
        if settings.checkpointing:
            _compute_again(self.transformer)
        if settings.mix:
            self.mix_weights = nn.Parameter(torch.zeros(config.num_hidden_layers + 1))
            self.mix_gain = nn.Parameter(torch.ones(1))
        if settings.shape_rows:
            self.shapes = nn.Embedding(settings.shape_rows, settings.width_out)
            nn.init.zeros_(self.shapes.weight)
        freeze_again(self)
        self.eval()


def _compute_again(transformer: Any) -> None:
    """Let the backward pass compute the layers again."""
    name = "activation_checkpointing_enable"  # as newer versions call it
    enable = getattr(transformer, name, transformer.gradient_checkpointing_enable)
    try:
        enable({"use_reentrant": False})
    except ValueError as error:
        raise MTLError(
            "Expected a transformer whose layers can be computed again for "
            f"`gradient_checkpointing`, got {type(transformer).__name__}. Set it to false, and "
            "`accumulate_gradient` of [training] higher, which needs less memory too."
        ) from error


def _special(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The pieces that stand before and behind each text."""
    found = tokenizer.encode("a", add_special_tokens=True)
    own = [i for i, special in enumerate(found.special_tokens_mask) if not special]
    if not own:
        raise MTLError("Expected the transformer's tokenizer to know the letter a.")
    return found.ids[: own[0]], found.ids[own[-1] + 1 :]


def _members(
    pieces: Sequence[Pieces], offsets: NDArray[np.int64], only_first: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pieces of all tokens one behind the other, and where those of each begin."""
    if not pieces:
        return np.zeros(0, "int64"), np.zeros(0, "int64")
    first = np.concatenate([p.first + at for p, at in zip(pieces, offsets, strict=False)])
    n_each = np.concatenate([p.end - p.first for p in pieces])
    if only_first:
        n_each = np.minimum(n_each, 1)
    starts = np.cumsum(n_each) - n_each
    members = np.repeat(first - starts, n_each) + np.arange(n_each.sum())
    return members, starts
