"""Networks whose invariances are known, as experiment files name them: ``networks.py:linear``."""

import numpy as np
import torch
from torch import Tensor, nn

N_PIXELS = 24
N_FEATURES = 6


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


class SumOverChannels(nn.Module):
    """Takes sums over channels alone: no change of the channels that keeps their sum is seen."""

    def forward(self, images: Tensor) -> Tensor:
        """Return one feature per pixel."""
        return images.sum(dim=1).flatten(1)


class CircularConvolution(nn.Module):
    """Takes means over space of features of a circular convolution: no circular translation is seen."""

    def __init__(self, channels: int, random_seed: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, N_FEATURES, 3, padding=1, padding_mode="circular", dtype=torch.float64)
        generator = torch.Generator().manual_seed(random_seed)
        for weights in self.convolution.parameters():
            weights.data = torch.randn(weights.shape, generator=generator, dtype=torch.float64)

    def forward(self, images: Tensor) -> Tensor:
        """Return one value per feature."""
        return torch.nn.functional.softplus(self.convolution(images)).mean(dim=(2, 3))


class MeanOverPixels(nn.Module):
    """Takes means over space of functions of single pixels: no permutation of pixels is seen."""

    def __init__(self, channels: int, random_seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(random_seed)
        self.weight = nn.Parameter(torch.randn(N_FEATURES, channels, generator=generator, dtype=torch.float64))
        self.bias = nn.Parameter(torch.randn(N_FEATURES, 1, generator=generator, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        """Return one value per feature."""
        return (self.weight @ images.flatten(2) + self.bias).sin().mean(dim=2)


class FirstChannel(nn.Module):
    """Takes one channel, so that the order of channels is seen."""

    def forward(self, images: Tensor) -> Tensor:
        """Return one feature per pixel."""
        return images[:, 0].flatten(1)


class ContrastOfChannels(nn.Module):
    """Takes what sums over channels leave out: the difference of the first two."""

    def forward(self, images: Tensor) -> Tensor:
        """Return one feature per pixel."""
        return (images[:, 0] - images[:, 1]).flatten(1)


class Places(nn.Module):
    """Takes what means over space leave out: where pixels are."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the pixels, less the mean over space per channel."""
        return (images - images.mean(dim=(2, 3), keepdim=True)).flatten(1)


def behind(network: nn.Module, features: int, random_seed: int) -> nn.Module:
    """Return a network that reads another network's features alone, so that it has all invariances of that one."""
    generator = torch.Generator().manual_seed(random_seed)
    layer = nn.Linear(features, N_FEATURES, dtype=torch.float64)
    layer.weight.data = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64) / features**0.5
    layer.bias.data = torch.randn(layer.bias.shape, generator=generator, dtype=torch.float64)
    return nn.Sequential(network, layer, nn.Softplus())
