"""Where in a model a representation is read: a module by its dotted name, or the penultimate layer."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import LayerError, near_matches

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
