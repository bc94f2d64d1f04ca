"""Rate of the machine, and operations of an evaluation."""

import time

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stir.inversion import InversionSettings
from stir.inversion.fast_forward import fast_forwards

SIDE = 2048
REPEATS = 8


def matmul_rate(dtype: torch.dtype) -> float:
    """Return the best rate (FLOP/s) of square matrix products."""
    x = torch.ones(SIDE, SIDE, dtype=dtype)
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        x @ x
        seconds.append(time.perf_counter() - began)
    return 2 * SIDE**3 / min(seconds)


def evaluation_flop(model: nn.Module, images: Tensor) -> float:
    """Count the operations per picture of a forward and backward pass up to the penultimate layer."""
    forward = fast_forwards(model, None, images[:4], InversionSettings()).exact
    assert forward is not None, "the model could not be traced"
    # With gradients, since attention without them takes a fused path that is not counted.
    with FlopCounterMode(display=False) as counter:
        forward(images[:1].detach().requires_grad_(True))
    # The backward pass only computes gradients of pixels: it has as many products as the forward pass, and none for weights.
    return 2 * counter.get_total_flops()


def describe_rates(rates: dict[str, float]) -> str:
    """Return the rates as text."""
    return ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {name}" for name, rate in rates.items())
