"""Ranges and means of the features of a representation, computed in one pass."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from stir.dtypes import widened
from stir.similarity.chunks import CACHED_BYTES, Matrix, row_chunks


@dataclass(frozen=True)
class Features:
    """Statistics per feature, over all images."""

    first: Float[Tensor, " d"]
    """Features of the first image."""
    low: Float[Tensor, " d"]
    high: Float[Tensor, " d"]
    mean: Float[Tensor, " d"]
    """In float64."""

    @property
    def are_finite(self) -> bool:
        """Whether no image has NaN or infinity."""
        return bool(torch.isfinite(self.low).all() and torch.isfinite(self.high).all())

    @property
    def spread(self) -> Float[Tensor, " d"]:
        """The largest difference from the first image."""
        first, low, high = widened(self.first), widened(self.low), widened(self.high)
        return torch.maximum(high - first, first - low)

    @property
    def differ(self) -> bool:
        """Whether images differ in a feature by more than rounding."""
        largest = torch.maximum(self.high.abs(), self.low.abs())
        return bool((self.spread > 4 * torch.finfo(self.low.dtype).eps * largest).any())

    @property
    def largest_deviation(self) -> float:
        """The largest difference from a mean."""
        return torch.maximum(self.high.double() - self.mean, self.mean - self.low.double()).max().item()


def summarise(x: Matrix) -> Features:
    """Return the statistics of the features of ``x``; NaN is propagated."""
    found = [_of_rows(rows) for rows in row_chunks(x)]
    first, low, high, total = found[0]
    for _, of_low, of_high, of_total in found[1:]:
        low, high, total = torch.minimum(low, of_low), torch.maximum(high, of_high), total + of_total
    return Features(first=first, low=low, high=high, mean=total / len(x))


def _of_rows(rows: Float[Tensor, "b d"]) -> tuple[Tensor, ...]:
    """Return the first row, minimum, maximum and sum; a tile is read three times, twice from the cache."""
    tiles = rows.split(max(1, CACHED_BYTES // (8 * len(rows))), dim=1)
    found = [(tile[0], tile.amin(dim=0), tile.amax(dim=0), tile.sum(dim=0, dtype=torch.float64)) for tile in tiles]
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))


def power_of_two_over(value: float) -> float:
    """Return the smallest power of two above a value, and 0 for 0; dividing by it causes no rounding."""
    return math.ldexp(1.0, max(-1000, min(math.frexp(value)[1], 1000))) if value > 0 else 0.0
