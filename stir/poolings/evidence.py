"""Which dimension of activations is features: learnt from a forward pass, and from one with images of another size."""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from torch import Tensor
from torch.overrides import TorchFunctionMode

from stir.poolings.tokens import NO_TOKENS, Tokens

CHANNELS_FIRST = ("conv", "batch_norm", "group_norm", "instance_norm", "max_pool", "avg_pool", "adaptive_", "lp_pool")
"""Functions whose results are (n, features, ...), by the beginnings of their names."""
FEATURES_LAST = ("linear", "layer_norm", "rms_norm", "scaled_dot_product_attention")
"""Functions whose results are (n, ..., features), or, permuted afterwards, of as many features."""

Channels = Literal["first", "last"]


@dataclass(frozen=True)
class Seen:
    """What a forward pass has told up to some place."""

    last: tuple[bool, tuple[int, ...], int] | None = None
    """Of the last function that tells: whether its features are second, its shape, its number of features."""
    features: frozenset[int] = frozenset()
    """Numbers of features of all such functions."""
    areas: frozenset[int] = frozenset()
    """Numbers of positions in the results of convolutions."""


class Evidence(TorchFunctionMode):
    """Watches a forward pass for functions that tell which dimension is features; the last one counts."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note the form of what such a function gives."""
        output = func(*args, **(kwargs or {}))
        name, of = getattr(func, "__name__", ""), output[0] if isinstance(output, tuple) and output else output
        if isinstance(of, Tensor) and of.ndim > 2 and name.startswith(CHANNELS_FIRST + FEATURES_LAST):
            first = name.startswith(CHANNELS_FIRST)
            n_features = of.shape[1 if first else -1]
            areas = {prod(of.shape[2:])} if name.startswith("conv") else set()
            self.seen = Seen((first, tuple(of.shape), n_features), self.seen.features | {n_features}, self.seen.areas | areas)
        return output


@dataclass(frozen=True)
class Layout:
    """What is known of the activations of a layer."""

    shape: tuple[int, ...]
    """With n."""
    channels: Channels | None = None
    """Whether features are dimension 1 or the last; None where that is not known."""
    tokens: Tokens = NO_TOKENS
    """Those that the model adds."""
    areas: frozenset[int] = frozenset()
    """Numbers of positions in the results of the convolutions before the layer."""

    def n_prefix(self, channels: Channels | str | None = None) -> int | None:
        """Return how many tokens stand before those of positions: class token, registers; None where that is not known."""
        if len(self.shape) != 3:
            return 0
        return self.tokens.before(self.shape[2 if (channels or self.channels) == "first" else 1], self.areas)


def channels_of(shape: tuple[int, ...], other: tuple[int, ...] | None, seen: Seen) -> Channels | None:
    """Return which dimension is features, of activations of more than two dimensions.

    Parameters
    ----------
    shape : tuple of int
        Of the activations, with n.
    other : tuple of int or None
        The same for images of another size: positions change with the size, features do not.
    seen : Seen
        What the forward pass told up to the layer; it decides where the sizes do not.
    """
    fixed = range(1, len(shape))
    if other is not None and len(other) == len(shape):
        fixed_ones = [dimension for dimension in fixed if shape[dimension] == other[dimension]]
        if len(fixed_ones) < 2:
            return _side(fixed_ones, shape)
        by_functions = _by_functions(shape, seen)
        return by_functions if {"first": 1, "last": len(shape) - 1}.get(str(by_functions)) in fixed_ones else None
    return _by_functions(shape, seen)


def _side(dimensions: list[int], shape: tuple[int, ...]) -> Channels | None:
    if dimensions == [1]:
        return "first"
    return "last" if dimensions == [len(shape) - 1] else None


def _by_functions(shape: tuple[int, ...], seen: Seen) -> Channels | None:
    if seen.last is None or shape[1] == shape[-1]:
        return None
    channels_first, last, n_features = seen.last
    if channels_first and len(shape) == len(last) and shape[2:] == last[2:] and shape[1:] != (*last[2:], last[1]):
        return "first"
    side = _side([dimension for dimension in range(1, len(shape)) if shape[dimension] == n_features], shape)
    # Where a linear layer mixes positions, as in MLP-Mixers, their number is one of features, too.
    opposite = shape[-1] if side == "first" else shape[1]
    return None if opposite in seen.features else side
