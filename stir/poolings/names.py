"""Poolings by name: what each takes, and which function it is for a layer of known layout."""

import re
from functools import partial
from math import prod

from torch import Tensor

from stir.errors import InvalidInputError, LayerError, check_known
from stir.poolings.evidence import Layout
from stir.poolings.functions import Pooling, first_token, flatten, grid_mean, largest, mean, over_positions
from stir.poolings.projection import project

IMAGE = "(n, features, height, width)"
TOKENS = "(n, tokens, features)"
POOLINGS: dict[str, str] = {
    "flatten": "(n, ...)",
    "spatial_mean": IMAGE,
    "global_average": f"{IMAGE} or channels last, or {TOKENS}",
    "global_max": f"{IMAGE} or channels last, or {TOKENS}",
    "class_token": TOKENS,
    "token_mean": TOKENS,
    "token_mean_with_prefix": TOKENS,
    "adaptive_average_KxK": f"{IMAGE} or channels last",
    "random_projection_D": "(n, ...)",
}
"""What the poolings take; K, and D with or without ``_SEED`` after it, stand for numbers, and ``_first`` or ``_last`` may follow
those that find out where channels lie."""
GRAMMAR = re.compile(
    r"(?P<kind>flatten|spatial_mean|class_token|token_mean|token_mean_with_prefix)"
    r"|(?P<found>global_average|global_max|adaptive_average_(?P<height>[1-9]\d{0,3})x(?P<width>[1-9]\d{0,3}))"
    r"(_(?P<channels>first|last))?"
    r"|(?P<projection>random_projection)_(?P<dimensions>[1-9]\d{0,6})(_(?P<seed>\d{1,9}))?"
)


PLAIN: dict[str, Pooling] = {
    "flatten": flatten,
    "spatial_mean": mean,
    "global_average": mean,
    "global_max": largest,
    "class_token": first_token,
    "token_mean": over_positions(mean, "last", 0),
    "token_mean_with_prefix": over_positions(mean, "last", 0),
}
UNKNOWN = (
    "in which neither the functions before it nor images of another size tell which dimension is features. Name it: append "
    "_first or _last; or use 'flatten', or for tokens 'token_mean'."
)
UNKNOWN_FIRST = (
    "in which no convolution, normalisation or pooling before it tells that dimension 1 is features (tokens and channels-last "
    "activations have them last). Use pooling='flatten' or 'global_average', or name a layer that a convolution or pooling ends."
)
UNKNOWN_PREFIX = (
    "in which it is not known how many tokens stand for no position (class token, registers). Use 'token_mean_with_prefix' for "
    "the mean of all, or a function of your own."
)


def _parsed(name: object) -> re.Match[str]:
    parsed = GRAMMAR.fullmatch(name) if isinstance(name, str) else None
    if parsed is None:
        check_known("pooling", name, POOLINGS)  # type: ignore[arg-type]
        raise InvalidInputError(f"Expected numbers in pooling {name!r}; got letters. Write adaptive_average_4x4, for instance.")
    return parsed


def get_pooling(pooling: str | Pooling) -> Pooling:
    """Return a pooling by its name, for activations with features second, or, of tokens, last; a function is one.

    Raises
    ------
    InvalidInputError
        If it is unknown; with near matches.

    Examples
    --------
    >>> import torch
    >>> from stir.poolings import get_pooling
    >>> get_pooling("spatial_mean")(torch.rand(5, 16, 7, 7)).shape
    torch.Size([5, 16])
    """
    if not isinstance(pooling, str) and callable(pooling):
        return partial(_own, pooling)
    parsed = _parsed(pooling)
    if parsed["projection"]:
        return partial(project, int(parsed["dimensions"]), int(parsed["seed"] or 0))
    if parsed["height"]:
        return partial(grid_mean, int(parsed["height"]), int(parsed["width"]))
    return PLAIN[parsed["kind"] or parsed["found"]]


def _own(pooling: Pooling, activations: Tensor) -> Tensor:
    """Return what a function of the caller's makes of activations, if that is a representation."""
    pooled = pooling(activations)
    if not (isinstance(pooled, Tensor) and pooled.ndim == 2 and len(pooled) == len(activations) and pooled.is_floating_point()):
        came = tuple(pooled.shape) if isinstance(pooled, Tensor) else type(pooled).__name__
        raise InvalidInputError(
            f"Expected pooling {pooling_name(pooling)!r} to give (n, d) of real numbers for activations "
            f"{tuple(activations.shape)}; got {came}. Return one row per image."
        )
    return pooled


def pooling_name(pooling: str | Pooling) -> str:
    """Return what a pooling is called; a function is called as where it is defined.

    Examples
    --------
    >>> import torch
    >>> from stir.poolings import pooling_name
    >>> pooling_name("spatial_mean")
    'spatial_mean'
    >>> pooling_name(torch.nn.functional.relu)
    'torch.nn.functional.relu'
    """
    if isinstance(pooling, str):
        return pooling
    return f"{getattr(pooling, '__module__', '')}.{getattr(pooling, '__qualname__', type(pooling).__name__)}"


def is_free(pooling: str | Pooling) -> bool:
    """Return whether a pooling takes activations of any layout, so that none need be found out."""
    return not isinstance(pooling, str) or _parsed(pooling)["kind"] == "flatten"


def settled(pooling: str | Pooling, layer: str, layout: Layout) -> Pooling:
    """Return the function that pools activations of a known layout.

    Parameters
    ----------
    pooling : str or callable
        A name, or a function (n, ...) -> (n, d).
    layer : str
        Its name, for the message.
    layout : Layout
        Of the layer's activations.

    Raises
    ------
    LayerError
        If the layer is none that the pooling takes, or it is not known which dimensions it would be over; saying what to do.
    """
    pool = get_pooling(pooling)
    if is_free(pooling):
        return pool
    parsed, shape = _parsed(pooling), layout.shape
    if (reason := _reason(parsed, layout)) is not None:
        takes = POOLINGS[parsed["kind"]] if parsed["kind"] else POOLINGS[_family(parsed)]
        raise LayerError(f"Expected layer {layer!r} to give {takes} for pooling {pooling!r}; got {shape}, {reason}")
    if parsed["found"] and len(shape) > 2:
        channels = str(parsed["channels"] or layout.channels)
        return over_positions(pool, channels, layout.n_prefix(channels) or 0)
    return over_positions(mean, "last", layout.n_prefix() or 0) if parsed["kind"] == "token_mean" else pool


def _reason(parsed: re.Match[str], layout: Layout) -> str | None:
    """Return why a pooling does not take a layer's activations, with what to do instead; None if it does."""
    kind, n_dimensions = parsed["kind"] or "", len(layout.shape)
    if parsed["projection"]:
        wide = prod(layout.shape[1:]) > int(parsed["dimensions"])
        return None if wide else "which has no more features than that. Use pooling='flatten', or fewer dimensions."
    if "token" in kind:
        return _reason_for_tokens(kind, layout)
    if n_dimensions == 2 and not parsed["height"]:
        return None
    if kind == "spatial_mean":
        return None if layout.channels == "first" else UNKNOWN_FIRST
    if parsed["height"] and n_dimensions != 4:
        return "which is no image. Use 'global_average', or name a layer of a convolution."
    channels = parsed["channels"] or layout.channels
    if channels is None:
        return UNKNOWN
    if layout.channels not in (None, channels):
        return f"in which channels lie {layout.channels}. Leave _{channels} out."
    if layout.n_prefix(channels) is None:
        return UNKNOWN_PREFIX
    sides = layout.shape[2:] if channels == "first" else layout.shape[1:-1]
    if parsed["height"] and (sides[0] < int(parsed["height"]) or sides[1] < int(parsed["width"])):
        return f"which has {sides[0]} x {sides[1]} positions. Use a smaller grid."
    return None


def _reason_for_tokens(kind: str, layout: Layout) -> str | None:
    if len(layout.shape) != 3:
        return "which is no sequence of tokens. Use 'global_average', or name a layer that gives tokens."
    if layout.channels == "first":
        return "in which features are dimension 1, not the last. Use 'global_average'."
    if kind == "class_token" and not layout.tokens.has_class_token:
        return "and the model has no class token (no weight called cls_token or class_embedding). Use 'token_mean'."
    if kind == "class_token" and layout.n_prefix() == 0:
        return "which has no class token at this layer. Use 'token_mean'."
    if kind != "token_mean_with_prefix" and layout.n_prefix() is None:
        return UNKNOWN_PREFIX
    return None


def _family(parsed: re.Match[str]) -> str:
    if parsed["projection"]:
        return "random_projection_D"
    return "adaptive_average_KxK" if parsed["height"] else str(parsed["found"])
