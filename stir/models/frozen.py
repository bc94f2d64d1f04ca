"""Borrow a model for measurement, and give it back as it was found."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def frozen(model: nn.Module) -> Iterator[nn.Module]:
    """Put a model in eval mode without parameter gradients; restore it at the end.

    The mode of every submodule, ``requires_grad`` of every parameter and the
    content of every buffer are as before, also after an exception. Gradients
    that were there stay.
    """
    modes = [(module, module.training) for module in model.modules()]
    wants = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        model.eval()
        for parameter, _ in wants:
            parameter.requires_grad_(False)
        yield model
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, want in wants:
            parameter.requires_grad_(want)
        with torch.no_grad():
            for module, name, buffer, content in buffers:
                # A forward pass may write into a buffer, or put another tensor in its place.
                setattr(module, name, buffer)
                buffer.copy_(content)
