"""Activations (n, ...) -> representation (n, d): a pooling knows which dimension is features, or is refused."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from stir.dtypes import widened
from stir.errors import LayerError, check_known

CHANNELS_FIRST = ("conv", "batch_norm", "group_norm", "instance_norm", "max_pool", "avg_pool", "adaptive_", "lp_pool")
"""Functions whose results are (n, features, ...), by the beginnings of their names."""
FEATURES_LAST = ("linear", "layer_norm", "rms_norm", "scaled_dot_product_attention")
"""Functions whose results are (n, ..., features), or, permuted afterwards, of as many features."""

Pooling = Callable[[Float[Tensor, "n ..."]], Float[Tensor, "n d"]]


def _flatten(activations: Tensor) -> Tensor:
    return activations.flatten(1)


def _spatial_mean(activations: Tensor) -> Tensor:
    if activations.ndim == 2:
        return activations
    return widened(activations.flatten(2)).mean(dim=2).to(activations.dtype)


POOLINGS: dict[str, Pooling] = {"flatten": _flatten, "spatial_mean": _spatial_mean}


def get_pooling(name: str | Pooling) -> Pooling:
    """Return a pooling by its name; a function is one.

    Raises
    ------
    InvalidInputError
        If it is unknown; with near matches.
    """
    if not isinstance(name, str) and callable(name):
        return name
    check_known("pooling", name, POOLINGS)
    return POOLINGS[name]


class Evidence(TorchFunctionMode):
    """Watches a forward pass for functions that tell which dimension is features; the last one counts."""

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[bool, tuple[int, ...], int] | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note the form of what such a function gives."""
        output = func(*args, **(kwargs or {}))
        name, of = getattr(func, "__name__", ""), output[0] if isinstance(output, tuple) and output else output
        if isinstance(of, Tensor) and of.ndim > 2 and name.startswith(CHANNELS_FIRST + FEATURES_LAST):
            first = name.startswith(CHANNELS_FIRST)
            self._last = first, tuple(of.shape), of.shape[1 if first else -1]
        return output

    def features_are_second(self, shape: tuple[int, ...]) -> bool:
        """Return whether activations of a shape are known to be (n, features, ...)."""
        if self._last is None or len(shape) != len(self._last[1]):
            return False
        channels_first, last, n_features = self._last
        if channels_first and shape[2:] == last[2:] and (shape == last or shape[1:] != (*last[2:], last[1])):
            return True
        return shape[1] == n_features and n_features not in shape[2:]


def check_pooling(name: str | Pooling, layer: str, evidence: Evidence, activations: Float[Tensor, "n ..."]) -> None:
    """Refuse a mean over space where it is not known which dimensions are space.

    Parameters
    ----------
    name : str
        Of the pooling.
    layer : str
        Its name, for the message.
    evidence : Evidence
        Of the forward pass up to the layer.
    activations : Float[Tensor, "n ..."]
        The layer's.

    Raises
    ------
    LayerError
        Saying what to do instead.
    """
    if name != "spatial_mean" or activations.ndim == 2 or evidence.features_are_second(tuple(activations.shape)):
        return
    raise LayerError(
        f"Expected layer {layer!r} to give (n, features, height, width) for pooling 'spatial_mean'; got "
        f"{tuple(activations.shape)}, in which no convolution, normalisation or pooling before it tells that dimension 1 is "
        "features (tokens and channels-last activations have them last). Use pooling='flatten', or name a layer that a "
        "convolution or pooling ends."
    )
