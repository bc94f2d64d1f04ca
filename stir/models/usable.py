"""What models can be worked with, and what images they take: said before a forward pass fails, or of one that has failed."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from stir.errors import InvalidInputError

SIDES = {1: "length", 2: "height, width", 3: "depth, height, width"}


def check_model(model: nn.Module, argument: str = "model") -> None:
    """Refuse what is not a `torch.nn.Module` whose layers can be read.

    Raises
    ------
    InvalidInputError
        Naming the argument and what came.
    """
    if not isinstance(model, nn.Module):
        raise InvalidInputError(
            f"Expected {argument} as a torch.nn.Module; got {type(model).__name__}. Wrap a function in a Module."
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise InvalidInputError(
            f"Expected {argument} as Python code; got TorchScript, whose layers cannot be read. Pass what it was made of."
        )
    if isinstance(model, nn.DataParallel) and len(model.device_ids) > 1:
        raise InvalidInputError(
            f"Expected {argument} on one device; got DataParallel over {len(model.device_ids)}, where a layer has several "
            f"outputs. Pass {argument}.module."
        )
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
            raise InvalidInputError(f"Expected {argument} with values; {name!r} has no shape yet. Run a forward pass first.")
        if tensor.is_meta:
            raise InvalidInputError(
                f"Expected {argument} with values; {name!r} is on the device 'meta', which holds shapes alone. Load weights: "
                f"{argument}.to_empty(device='cpu'), then load_state_dict."
            )


def running_eagerly(model: nn.Module) -> AbstractContextManager[Any]:
    """Return a context in which compiled modules run as they were written: compiled code does not see hooks."""
    compiled = any(
        type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


def place_of(model: nn.Module, image: Tensor) -> Tensor:
    """Return a tensor of the device and type that a model takes images in: its first floating-point weight, else the image."""
    return next((parameter for parameter in model.parameters() if parameter.is_floating_point()), image)


def forward(model: nn.Module, images: Tensor) -> Any:
    """Run images through a model for the first time.

    Raises
    ------
    InvalidInputError
        If it fails on them: with the shape that its first convolution takes, or else the reason that PyTorch gives.
    """
    try:
        return model(images.clone())  # the model may work in place
    except (RuntimeError, IndexError, AssertionError, ValueError) as error:
        if isinstance(error, InvalidInputError | torch.OutOfMemoryError) or "memory" in str(error):
            raise
        raise InvalidInputError(_reason(model, images, error)) from error


def _reason(model: nn.Module, images: Tensor, error: Exception) -> str:
    shape = ", ".join(map(str, ("n", *images.shape[1:])))
    for name, module in model.named_modules():
        if isinstance(module, _ConvNd) and not isinstance(module, _ConvTransposeNd):
            remedy = _remedy(module, tuple(images.shape))
            if remedy is None:
                break
            sides = SIDES[len(module.kernel_size)]
            takes = f"(n, {module.in_channels}, {sides}), as the model's first convolution {name!r} takes"
            return f"Expected images of shape {takes}; got ({shape}). {remedy}"
    text = str(error).split("\n")[0][:200].rstrip(".") or type(error).__name__
    return f"Expected images of a shape that the model takes; it fails on ({shape}): {text}. Pass images as the model takes them."


def _remedy(convolution: _ConvNd, shape: tuple[int, ...]) -> str | None:
    """Say how to bring images to what a convolution takes; None if they are."""
    dimensions, channels = len(convolution.kernel_size) + 2, convolution.in_channels
    if len(shape) == dimensions:
        if shape[1] == channels:
            return None
        last_first = ", ".join(map(str, (0, dimensions - 1, *range(1, dimensions - 1))))
        if shape[-1] == channels:
            return f"They have channels last: pass images.permute({last_first})."
        return f"Pass images of {channels} channels."
    if len(shape) == dimensions - 1 and shape[-1] == channels:
        return "A single image with channels last: pass images.permute(2, 0, 1)[None]." if dimensions == 4 else "Pass batches."
    if len(shape) == dimensions - 1:
        return "Add the channels' dimension, images[:, None], or to a single image that of the batch, images[None]."
    return "Pass images of so many dimensions."
