"""A descent asks for few numbers of tensors: each time a GPU would stand still."""

import pytest
import torch

from benchmarks.gpu_synchronisations import counted, per_evaluation
from stir.inversion import METHODS, invert

CPU = torch.device("cpu")


@pytest.mark.filterwarnings("ignore::stir.errors.ConvergenceWarning")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", METHODS)
def test_a_descent_waits_for_a_gpu_once_per_evaluation(small_net, images, method, precision):
    settings = {"method": method, "precision": precision, "max_iterations": 20, "tolerance": 1e-6}
    assert per_evaluation(CPU, lambda: invert(small_net, images, random_seed=0, **settings)) <= 1


@pytest.mark.parametrize(
    ("waits", "number"),
    [
        (lambda x: x.sum().item(), 1),
        (lambda x: bool((x > 0).any()), 1),
        (lambda x: x[x > 0], 1),
        (lambda x: x.nonzero(), 1),
        (lambda x: x.tolist(), 1),
        (lambda x: x.masked_fill_(x > 2, 0), 0),
        (lambda x: x[torch.tensor([0, 1])], 0),
        (lambda x: x.__setitem__(x > 2, 0), 0),
        (lambda x: x.__setitem__(x > 0, x[:1] * torch.ones(3)), 1),
    ],
)
def test_what_would_wait_for_a_gpu_is_counted(waits, number):
    x = torch.ones(3)
    with counted(CPU) as count:
        waits(x)
    assert count.synchronisations == number
