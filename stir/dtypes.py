"""Data types for sums and squares."""

from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """Return half-precision values as float32, in which their squares and sums do not overflow; others unchanged."""
    return x.float() if x.dtype.is_floating_point and x.dtype.itemsize < 4 else x
