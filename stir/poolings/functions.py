"""The functions that make vectors of activations; which dimensions they are over has been settled before."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from stir.dtypes import widened

Pooling = Callable[[Float[Tensor, "n ..."]], Float[Tensor, "n d"]]


def flatten(activations: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
    """Return all features of all positions."""
    return activations.flatten(1)


def mean(activations: Float[Tensor, "n features ..."]) -> Float[Tensor, "n features"]:
    """Return the mean over positions, in float32 or wider."""
    if activations.ndim == 2:
        return activations
    return widened(activations.flatten(2)).mean(dim=2).to(activations.dtype)


def largest(activations: Float[Tensor, "n features ..."]) -> Float[Tensor, "n features"]:
    """Return the largest value over positions."""
    return activations if activations.ndim == 2 else activations.flatten(2).amax(dim=2)


def first_token(activations: Float[Tensor, "n tokens features"]) -> Float[Tensor, "n features"]:
    """Return the class token."""
    return activations[:, 0]


def grid_mean(height: int, width: int, activations: Float[Tensor, "n features h w"]) -> Float[Tensor, "n d"]:
    """Return the means over a grid of regions, as adaptive average pooling has them.

    Means are products of matrices here: the gradient of torch's own pooling is not deterministic on GPUs.
    """
    wide = widened(activations)
    rows, columns = (_means_over(size, n, wide) for size, n in zip(wide.shape[2:], (height, width), strict=True))
    return torch.einsum("nchw,hk,wl->nckl", wide, rows, columns).flatten(1).to(activations.dtype)


def _means_over(size: int, n: int, like: Tensor) -> Float[Tensor, "size n"]:
    return functional.adaptive_avg_pool1d(torch.eye(size, dtype=like.dtype, device=like.device)[None], n)[0]


def over_positions(pool: Pooling, channels: str, prefix: int) -> Pooling:
    """Return a pooling of activations with features second as one of a layer's, without the tokens before positions."""
    if channels == "first" and prefix == 0:
        return pool
    return partial(_rearranged, pool, channels, prefix)


def _rearranged(pool: Pooling, channels: str, prefix: int, activations: Tensor) -> Tensor:
    first = activations.movedim(-1, 1) if channels == "last" else activations
    return pool(first[:, :, prefix:] if prefix else first)
