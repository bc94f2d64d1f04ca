"""Fixtures of tests: real images, small models, a check that models are left unchanged, and the one browser of a process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Generator, Tensor, nn

from tests.browser import started_browser

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@pytest.fixture(scope="session")
def digits() -> tuple[Tensor, Tensor]:
    """All of scikit-learn's digits in [0, 1], and their classes."""
    loaded = load_digits()
    return torch.from_numpy(loaded.images).float()[:, None] / 16, torch.from_numpy(loaded.target).long()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One for all tests of a process: Playwright runs once in each."""
    with started_browser() as started:
        yield started


@pytest.fixture
def images(digits: tuple[Tensor, Tensor]) -> Tensor:
    """Twelve digits, (12, 1, 8, 8)."""
    return digits[0][:12].clone()


@pytest.fixture
def flat_images(digits: tuple[Tensor, Tensor]) -> Tensor:
    """Ten digits as vectors of 64 pixels, float64."""
    return digits[0][:10].flatten(1).double()


@pytest.fixture
def generator() -> Generator:
    return torch.Generator().manual_seed(0)


class InPlaceCount(nn.Module):
    """Counts its calls in a buffer that it changes."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.tensor(7))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return x


class RebindingCount(InPlaceCount):
    """Counts its calls by putting a new tensor in the buffer's place."""

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        return x


@pytest.fixture
def lived_in_model() -> nn.Sequential:
    """A model in use: mixed modes, gradients, a frozen parameter, a hook, buffers that change."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3, momentum=0.5),
        nn.ReLU(inplace=True),
        nn.Sequential(InPlaceCount(), RebindingCount(), nn.Dropout(0.5)),
        nn.Flatten(),
        nn.Linear(192, 6),
        nn.ReLU(inplace=True),
        nn.Linear(6, 10),
    )
    nn.init.constant_(model[5].bias, 3)
    model(torch.rand(4, 1, 8, 8)).sum().backward()
    model[0].eval()
    model[3].eval()
    model[5].weight.requires_grad_(False)
    model[5].register_forward_hook(lambda _module, _inputs, _output: None)
    return model


def _condition(model: nn.Module) -> dict[str, Any]:
    parameters = dict(model.named_parameters())
    return {
        "modes": [module.training for module in model.modules()],
        "hooks": [[len(getattr(module, kind)) for kind in HOOKS] for module in model.modules()],
        "requires_grad": {name: p.requires_grad for name, p in parameters.items()},
        "parameters": {name: p.detach().clone() for name, p in parameters.items()},
        "buffers": {name: b.clone() for name, b in model.named_buffers()},
        "gradients": {name: p.grad.clone() for name, p in parameters.items() if p.grad is not None},
    }


@contextmanager
def _watch(model: nn.Module) -> Iterator[None]:
    before = _condition(model)
    yield
    after = _condition(model)
    for plain in ("modes", "hooks", "requires_grad"):
        assert after[plain] == before[plain], plain
    for tensors in ("parameters", "buffers", "gradients"):
        torch.testing.assert_close(after[tensors], before[tensors], rtol=0, atol=0, equal_nan=True)


@pytest.fixture
def left_as_found() -> Callable[[nn.Module], AbstractContextManager[None]]:
    """Return a context manager that fails if a model changes, except for the identity of its tensors."""
    return _watch


def _linear_model(matrix: Tensor) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(matrix.shape[1], matrix.shape[0], bias=False, dtype=matrix.dtype))
    model[0].weight.data = matrix.clone()
    return model


@pytest.fixture
def linear_model() -> Callable[[Tensor], nn.Sequential]:
    """Build the model x -> W x from W; its layer is "0"."""
    return _linear_model


@pytest.fixture
def small_net() -> nn.Sequential:
    """Two convolutions with BatchNorm and a classifier, in train mode; every digit can be inverted."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Flatten(),
        nn.Linear(256, 10),
    ).train()
