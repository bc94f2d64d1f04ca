"""Types of numbers that sums and squares are taken in."""

from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """Return half-precision values in float32, where their squares and sums do not overflow; others as they are."""
    return x.float() if x.dtype.is_floating_point and x.dtype.itemsize < 4 else x
