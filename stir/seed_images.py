"""Kinds of starting picture: where the descent to an IRI begins."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from stir.checks import PixelBounds
from stir.errors import InvalidInputError, near_matches


def normal_noise(like: Tensor, generator: Generator) -> Tensor:
    """Draw every pixel from N(0, 1): the published method's start."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype)


def uniform_noise(like: Tensor, generator: Generator) -> Tensor:
    """Draw every pixel from U(0, 1)."""
    return torch.rand(like.shape, generator=generator, dtype=like.dtype)


SEED_IMAGES: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "normal_noise": normal_noise,
    "uniform_noise": uniform_noise,
}


def make_seed_images(
    kind: str, reference_images: Float[Tensor, "n ..."], *, pixel_bounds: PixelBounds, generator: Generator
) -> Float[Tensor, "n ..."]:
    """Make a seed image for every reference image, within the pixel bounds.

    Parameters
    ----------
    kind : str
        A name in `SEED_IMAGES`.
    reference_images : Float[Tensor, "n ..."]
        For shape, type and device.
    pixel_bounds : (float, float) or None
        Pixels are clamped to them.
    generator : torch.Generator
        On the CPU, so that every device starts from the same pictures.
    """
    if kind not in SEED_IMAGES:
        raise InvalidInputError(f"Unknown kind of seed image {kind!r}. {near_matches(kind, SEED_IMAGES)}")
    seeds = SEED_IMAGES[kind](reference_images, generator).to(reference_images.device)
    return seeds if pixel_bounds is None else seeds.clamp(*pixel_bounds)
