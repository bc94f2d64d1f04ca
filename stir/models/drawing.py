"""Random numbers that a seed determines, while code of others draws them from global generators."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from stir.models.making import Making

NUMPY_SEEDS = 2**32


@contextmanager
def drawing_from(random_seed: int) -> Iterator[None]:
    """Seed the global generators of PyTorch's CPU, NumPy and Python, and put their states back afterwards."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(random_seed))
        np.random.seed(int(random_seed) % NUMPY_SEEDS)
        random.seed(int(random_seed))
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def importing() -> Iterator[None]:
    """Run what a module does on import as if nothing were drawn or placed: it happens once, in whatever is built first."""
    with drawing_from(0), Making("cpu"):
        yield
