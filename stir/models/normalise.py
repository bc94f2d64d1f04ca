"""Normalisation as part of the model: images stay in [0, 1] outside it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import InvalidInputError

PUBLISHED = "published"
"""What the model's own library states for its published weights."""
NORMALISATIONS = {"none": ((0.0,) * 3, (1.0,) * 3), "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))}
"""Mean and standard deviation of pixels in [0, 1]. There is a further one, each network's own: `PUBLISHED`."""


class Normalise(nn.Module):
    """Subtract a mean from images in [0, 1] and divide by a standard deviation, per channel.

    Both are buffers, so a checkpoint carries them and a gradient passes through.

    Parameters
    ----------
    channels : int, optional
        Of the images. The mean is 0 and the standard deviation 1 until others are given, fitted or loaded.
    mean, std : sequence of float, optional
        A number per channel, both or neither, of pixels in [0, 1].

    Raises
    ------
    InvalidInputError
        If there are not as many means as standard deviations or channels, or a standard deviation is not positive.

    Examples
    --------
    Put the preprocessing of a network in front of it:

    >>> import torch
    >>> from stir.models import Normalise
    >>> network = torch.nn.Conv2d(3, 8, 3)
    >>> model = torch.nn.Sequential(Normalise(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)), network)
    >>> model(torch.rand(2, 3, 8, 8)).shape
    torch.Size([2, 8, 6, 6])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, channels: int | None = None, *, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        if mean is None and std is None and channels is not None:
            mean, std = [0.0] * channels, [1.0] * channels
        if mean is None or std is None or not len(mean) == len(std) == (channels or len(mean)) > 0 or min(std) <= 0:
            raise InvalidInputError(
                f"Expected channels, or a mean and a positive std per channel; got channels={channels}, mean={mean}, std={std}. "
                "Give both or neither."
            )
        self.register_buffer("mean", torch.tensor([float(value) for value in mean], dtype=torch.float32))
        self.register_buffer("std", torch.tensor([float(value) for value in std], dtype=torch.float32))

    def fit(self, images: Float[Tensor, "n c h w"]) -> None:
        """Take mean and standard deviation from training images."""
        self.mean.copy_(images.mean(dim=(0, 2, 3)))
        self.std.copy_(images.std(dim=(0, 2, 3)).clamp_min(1e-3))

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Normalise a batch."""
        return (images - self.mean[:, None, None]) / self.std[:, None, None]
