"""Precision of layers during training: float32, or bfloat16 with weights in float32."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

PRECISIONS = ("float32", "bfloat16")


@contextmanager
def computing_in(precision: str, model: nn.Module, device: torch.device) -> Iterator[torch.memory_format]:
    """Run a model in a precision, and yield the memory format to use; weights stay in float32.

    bfloat16 is combined with channels last: on a CPU it takes two fifths of the time of float32, and on a GPU
    tensor cores require it. The model's memory format is restored afterwards.
    """
    if precision == "float32":
        yield torch.contiguous_format
        return
    try:
        model.to(memory_format=torch.channels_last)
        # Cached copies of weights would outlive a step of the descent.
        with torch.autocast(device.type, torch.bfloat16, cache_enabled=False):
            yield torch.channels_last
    finally:
        model.to(memory_format=torch.contiguous_format)
