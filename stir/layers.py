"""Where in a model a representation is read: a module by its dotted name, or the penultimate layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import InvalidInputError, LayerError, near_matches
from stir.models import Architecture, architecture_depths
from stir.models.depths import Depths

PENULTIMATE = "penultimate"


@dataclass(frozen=True)
class Layer:
    """Where in a model a representation is read."""

    name: str
    """Dotted name in ``named_modules()``."""
    side: str
    """``"output"`` of that module, or its ``"input"`` (the penultimate layer)."""


@torch.no_grad()
def resolve_layer(model: nn.Module, layer: str | None, image: Float[Tensor, "1 ..."]) -> Layer:
    """Find a layer by running one image through the whole model.

    Parameters
    ----------
    model : torch.nn.Module
        A model in eval mode.
    layer : str or None
        A dotted name of ``named_modules()``; None (or ``"penultimate"``) is the
        input of the linear layer that the forward pass calls last.
    image : Float[Tensor, "1 ..."]
        One image.

    Raises
    ------
    LayerError
        If there is no such layer, or it is not called exactly once, or its
        output is not one tensor with a row an image.
    """
    modules = dict(model.named_modules())
    watched = _watched(modules, layer)
    calls: list[tuple[str, Any, Any]] = []
    handles = [
        modules[name].register_forward_hook(
            lambda _m, inputs, keywords, output, name=name: calls.append((name, tensor_argument(inputs, keywords), output)),
            with_kwargs=True,
        )
        for name in watched
    ]
    try:
        model(image)
    finally:
        for handle in handles:
            handle.remove()
    if layer in (None, PENULTIMATE):
        return _penultimate(calls)
    if len(calls) != 1:
        raise LayerError(
            f"Expected layer {layer!r} to be called once in a forward pass; it was called {len(calls)} times. "
            "Name a layer that is called once, such as its parent."
        )
    _check_activations(calls[0][2], str(layer))
    return Layer(str(layer), "output")


def _watched(modules: dict[str, nn.Module], layer: str | None) -> list[str]:
    if layer in (None, PENULTIMATE):
        linear = [name for name, module in modules.items() if isinstance(module, nn.Linear)]
        if not linear:
            raise LayerError("The model has no linear layer, so no penultimate layer: name one with layer=...")
        return linear
    if layer == "" or layer not in modules:
        raise LayerError(f"The model has no layer {layer!r}. {near_matches(layer or '', filter(None, modules))}")
    return [layer]


def tensor_argument(inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a module was called with, by place or by name."""
    return next(iter((*inputs, *keywords.values())), None)


def _penultimate(calls: list[tuple[str, Any, Any]]) -> Layer:
    if not calls:
        raise LayerError("The forward pass calls no linear layer, so there is no penultimate one: name a layer.")
    name, inputs, _ = calls[-1]
    if sum(call[0] == name for call in calls) != 1:
        raise LayerError(f"The last linear layer {name!r} is called several times: name a layer that is called once.")
    _check_activations(inputs, f"input of {name}")
    return Layer(name, "input")


def _check_activations(activations: object, layer: str) -> None:
    if not isinstance(activations, Tensor) or activations.ndim < 2 or len(activations) != 1:
        came = tuple(activations.shape) if isinstance(activations, Tensor) else type(activations).__name__
        raise LayerError(
            f"Expected layer {layer!r} to give one tensor (n, ...) for n images; got {came} for n=1. Name another layer."
        )


def relative_depth(architecture: Architecture, layer: str) -> float:
    """Return how deep a layer lies: convolutions and linear layers up to its output, over all, each on the longest way.

    Parameters
    ----------
    architecture : Architecture
        Its width does not matter.
    layer : str
        Dotted name, or ``"penultimate"``.

    Returns
    -------
    float
        From 0 (before the first) to 1 (the classifier's output).

    Raises
    ------
    LayerError
        If there is no such layer, or it is called several times.
    """
    depths = _depths(architecture)
    of_layer = depths.of_layer | ({} if depths.of_penultimate is None else {PENULTIMATE: depths.of_penultimate})
    if layer not in of_layer:
        raise LayerError(
            f"Architecture {architecture.name!r} has no layer {layer!r} that is called once. {near_matches(layer, of_layer)}"
        )
    return of_layer[layer]


def layers_at_depths(architecture: Architecture, depths: Sequence[float]) -> list[str]:
    """Return the blocks of an architecture that lie nearest to relative depths, to compare architectures layer by layer.

    A block is a layer that everything passes through; of several at one depth it is the last and outermost, so the
    activation after a convolution, or the stage that ends there.

    Parameters
    ----------
    architecture : Architecture
        Its width does not matter.
    depths : sequence of float
        Each over 0 and at most 1, as in `relative_depth`.

    Returns
    -------
    list of str
        A dotted name for each depth; one twice where two depths are nearest to one block.

    Raises
    ------
    InvalidInputError
        If a depth is not in (0, 1].
    """
    if outside := [depth for depth in depths if not 0 < depth <= 1]:
        raise InvalidInputError(f"Expected relative depths over 0 and at most 1; got {outside[0]!r}. 1 is the network's output.")
    of_layer, blocks = _depths(architecture).of_layer, _depths(architecture).blocks
    return [min(blocks, key=lambda block: abs(of_layer[block] - depth)) for depth in depths]


@lru_cache
def _depths(architecture: Architecture) -> Depths:
    return architecture_depths(architecture)
