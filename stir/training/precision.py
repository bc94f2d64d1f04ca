"""What layers compute in while they train: float32, or bfloat16 with weights in float32."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

PRECISIONS = ("float32", "bfloat16")


@contextmanager
def computing_in(precision: str, model: nn.Module, device: torch.device) -> Iterator[torch.memory_format]:
    """Let a model compute in a precision, and give the memory format that suits it; weights stay float32.

    bfloat16 goes with channels last: on a CPU it takes two fifths of the time of float32, and on a GPU it is
    what tensor cores take. The model's memory format is as before afterwards.
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
