"""Networks whose invariances are known, as experiment files name them: ``networks.py:linear``."""

import numpy as np
import torch
from torch import nn

N_PIXELS = 24


def matrix(first: int, last: int, mixing: int) -> np.ndarray:
    """Return a map that reads the dimensions from ``first`` to ``last`` of a fixed basis of pixel space, in a mixture."""
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(N_PIXELS, N_PIXELS)))[0]
    size, rng = last - first, np.random.default_rng(mixing)
    rotation = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return rotation @ np.diag(np.linspace(0.7, 1.4, size)) @ basis[first:last]


def linear(first: int, last: int, mixing: int) -> nn.Module:
    """Return a linear network without bias, in float64."""
    layer = nn.Linear(N_PIXELS, last - first, bias=False, dtype=torch.float64)
    layer.weight.data = torch.from_numpy(matrix(first, last, mixing))
    return nn.Sequential(nn.Flatten(), layer)
