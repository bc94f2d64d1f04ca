"""What can be read as activations: one tensor of real numbers, with a row per image."""

import torch
from torch import Tensor

from stir.errors import LayerError


def are_activations(activations: object, n: int) -> bool:
    """Return whether something is a tensor (n, ...) of real numbers."""
    return (
        isinstance(activations, Tensor)
        and activations.layout == torch.strided
        and not activations.is_nested
        and (activations.is_floating_point() or activations.is_quantized)
        and activations.ndim >= 2
        and len(activations) == n
        and activations[0].numel() > 0
    )


def check_activations(activations: object, layer: str, n: int) -> None:
    """Refuse what a layer gave, where that is not one real number or more for each image.

    Raises
    ------
    LayerError
        Naming the layer and what came.
    """
    if are_activations(activations, n):
        return
    came = type(activations).__name__
    if isinstance(activations, Tensor):
        real = activations.is_floating_point() or activations.is_quantized
        came = str(tuple(activations.shape)) if real and not activations.is_nested else f"a tensor of {activations.dtype}"
    raise not_activations(layer, f"{came} for n={n}", "Name another layer.")


def not_activations(layer: str, came: str, remedy: str) -> LayerError:
    """Return the error for a layer that does not give activations."""
    return LayerError(f"Expected layer {layer!r} to give one tensor (n, ...) of real numbers for n images; got {came}. {remedy}")
