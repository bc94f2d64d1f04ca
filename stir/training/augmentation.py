"""Augmentation: random flips and shifts."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import pad

AUGMENTATIONS = ("none", "flip", "crop_flip")
SHIFT = 8
"""Images are shifted by at most their side divided by this."""


def augment(images: Float[Tensor, "n c h w"], augmentation: str, generator: Generator) -> Float[Tensor, "n c h w"]:
    """Return images that are flipped left to right and shifted at random, padded with black.

    Parameters
    ----------
    images : Float[Tensor, "n c h w"]
        In [0, 1].
    augmentation : str
        ``"none"``, ``"flip"`` or ``"crop_flip"``.
    generator : torch.Generator
        On the device of the images.

    References
    ----------
    He et al. 2016, arXiv:1512.03385, section 4.2.
    """
    if augmentation == "none":
        return images
    flipped = torch.rand(len(images), 1, 1, 1, dtype=torch.float32, generator=generator, device=images.device) < 0.5
    images = torch.where(flipped, images.flip(3), images)
    return images if augmentation == "flip" else _shifted(images, generator)


def _shifted(images: Tensor, generator: Generator) -> Tensor:
    n, _, height, width = images.shape
    most = max(height, width) // SHIFT
    padded = pad(images, (most, most, most, most)).permute(0, 2, 3, 1)
    down, right = torch.randint(2 * most + 1, (2, n, 1), generator=generator, dtype=torch.long, device=images.device)
    rows = down + torch.arange(height, device=images.device)
    columns = right + torch.arange(width, device=images.device)
    picture = torch.arange(n, device=images.device)[:, None, None]
    return padded[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
