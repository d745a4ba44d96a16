"""What the encoder's settings may be."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import MTLError
from ..encoders import backends

PRECISIONS = (*backends.PRECISIONS, "int8")
POOLINGS = {"first": "sum", "mean": "mean", "maximum": "max"}  # as PyTorch calls them


@dataclass(frozen=True)
class Settings:
    """Those of `TransformerEncoder`, without the name of the weights."""

    width: int
    pooling: str
    layers: int
    mix: bool
    stacked: bool
    window: int
    overlap: int
    shape_rows: int
    batch: int
    checkpointing: bool

    @property
    def width_out(self) -> int:
        """Of a token's vector."""
        return self.width * (self.layers if self.stacked else 1)


def check(settings: Settings, precision: str) -> None:
    """RAISES (MTLError): For settings that no transformer can have."""
    if settings.pooling not in POOLINGS:
        raise MTLError(f"Expected `pooling` to be one of {[*POOLINGS]}, got {settings.pooling!r}.")
    if precision not in PRECISIONS:
        raise MTLError(f"Expected `precision` to be one of {[*PRECISIONS]}, got {precision!r}.")
    for name, least in (("layers", 1), ("batch", 1), ("shape_rows", 0)):
        if getattr(settings, name) < least:
            raise MTLError(f"Expected `{name}` of at least {least}, got {getattr(settings, name)}.")
    if settings.mix and settings.stacked:
        raise MTLError("Expected `mix` or `stacked`, got both: one mean of all layers, or none.")
    if settings.mix and settings.layers > 1:
        raise MTLError(
            f"Expected no `layers` beside `mix`, which is a mean of all of them, got "
            f"{settings.layers}. Leave one of the two out."
        )
    if settings.window < 8 or not 0 <= settings.overlap < settings.window // 2:
        raise MTLError(
            "Expected a `window` of at least 8 pieces, and an `overlap` of less than half of it, "
            f"got {settings.window} and {settings.overlap}."
        )
