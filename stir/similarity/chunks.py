"""Representations in chunks: tensors in memory, or arrays on disk that are read on demand."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

CHUNK_BYTES = 2**26
"""Approximate size of a read, as float64; it bounds the memory, independently of the size of the array."""

CACHED_BYTES = 2**24
"""Approximate size of a chunk of a read, as float64: small enough to stay in the cache, but large enough
that the synchronisation of threads does not dominate when cores are shared."""

LEAST_LENGTH = 512
"""Minimum number of rows or columns of a chunk, if possible; products of thinner ones are slow."""


class Matrix(Protocol):
    """The input of a measure: a tensor, an HDF5 dataset, a NumPy array or memory map, (n, d)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Images, features."""
        ...

    @property
    def dtype(self) -> Any:
        """A floating-point type."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any) -> Any:
        """Return a rectangle given by slices of rows and columns."""
        ...


def rectangle(x: Matrix, key: Any) -> Tensor:
    """Return a part of ``x`` as a tensor without gradient: a view of a tensor, or a copy of an array."""
    part = x[key]
    if isinstance(part, Tensor):
        return part.detach()
    # torch supports neither foreign byte orders nor negative strides, and warns about read-only memory.
    part = np.asarray(part)
    return torch.from_numpy(np.require(part, dtype=part.dtype.newbyteorder("="), requirements=["C", "W"]))


def row_chunks(x: Matrix) -> Iterator[Float[Tensor, "b d"]]:
    """Yield chunks of images with all their features."""
    read, piece = _lengths(x.shape[1])
    for start in range(0, len(x), read):
        yield from rectangle(x, slice(start, start + read)).split(piece)


def paired_row_chunks(x: Matrix, y: Matrix) -> Iterator[tuple[Float[Tensor, "b d1"], Float[Tensor, "b d2"]]]:
    """Yield chunks of the same images from both."""
    read, piece = _lengths(x.shape[1] + y.shape[1])
    for start in range(0, len(x), read):
        some = slice(start, start + read)
        yield from zip(rectangle(x, some).split(piece), rectangle(y, some).split(piece), strict=True)


def feature_chunks(x: Matrix) -> Iterator[Float[Tensor, "n b"]]:
    """Yield chunks of features for all images."""
    read, piece = _lengths(len(x))
    for start in range(0, x.shape[1], read):
        yield from rectangle(x, (slice(None), slice(start, start + read))).split(piece, dim=1)


def _lengths(width: int) -> tuple[int, int]:
    """Return how many rows of a width to read at once, and how many of them to yield at a time."""
    return max(1, CHUNK_BYTES // (8 * width)), max(LEAST_LENGTH, CACHED_BYTES // (8 * width))
