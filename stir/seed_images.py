"""Kinds of starting picture: where the descent to an IRI begins."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from stir.checks import PixelBounds
from stir.errors import InvalidInputError, near_matches


@dataclass(frozen=True)
class Sitting:
    """What a seed image may be made from."""

    reference_images: Float[Tensor, "n ..."]
    generator: Generator
    pixel_bounds: PixelBounds
    labels: Int[Tensor, " n"] | None

    @property
    def bounds(self) -> tuple[float, float]:
        """Black and white."""
        return (0.0, 1.0) if self.pixel_bounds is None else self.pixel_bounds


def normal_noise(sitting: Sitting) -> Tensor:
    """Draw every pixel from N(0, 1): the published method's start."""
    like = sitting.reference_images
    return torch.randn(like.shape, generator=sitting.generator, dtype=like.dtype)


def uniform_noise(sitting: Sitting) -> Tensor:
    """Draw every pixel from U(0, 1)."""
    like = sitting.reference_images
    return torch.rand(like.shape, generator=sitting.generator, dtype=like.dtype)


def shared_noise(sitting: Sitting) -> Tensor:
    """Draw one picture from N(0, 1), the same for all images."""
    like = sitting.reference_images
    return torch.randn(like.shape[1:], generator=sitting.generator, dtype=like.dtype).expand(like.shape).clone()


def white(sitting: Sitting) -> Tensor:
    """Start at the upper pixel bound."""
    return torch.full_like(sitting.reference_images, sitting.bounds[1])


def black(sitting: Sitting) -> Tensor:
    """Start at the lower pixel bound."""
    return torch.full_like(sitting.reference_images, sitting.bounds[0])


def other_image(sitting: Sitting) -> Tensor:
    """Start at another reference image: each is taken once, by a random cycle through all."""
    n = len(sitting.reference_images)
    if n < 2:
        raise InvalidInputError("Expected at least 2 reference images for seed images 'other_image'; got 1.")
    order = torch.randperm(n, generator=sitting.generator)
    partner = torch.empty(n, dtype=torch.long)
    partner[order] = order.roll(1)
    return sitting.reference_images[partner.to(sitting.reference_images.device)].clone()


def other_class_image(sitting: Sitting) -> Tensor:
    """Start at a random reference image of another class."""
    images, labels = sitting.reference_images, sitting.labels
    if labels is None or len(labels) != len(images):
        came = "none" if labels is None else f"{len(labels)} for {len(images)} images"
        raise InvalidInputError(f"Expected labels, one an image, for seed images 'other_class_image'; got {came}.")
    labels = labels.cpu()
    if (labels == labels[0]).all():
        raise InvalidInputError("Expected reference images of several classes for seed images 'other_class_image'; got one.")
    others = (labels[:, None] != labels[None]).double()
    return images[torch.multinomial(others, 1, generator=sitting.generator).squeeze(1).to(images.device)].clone()


SEED_IMAGES: dict[str, Callable[[Sitting], Tensor]] = {
    "normal_noise": normal_noise,
    "uniform_noise": uniform_noise,
    "shared_noise": shared_noise,
    "white": white,
    "black": black,
    "other_image": other_image,
    "other_class_image": other_class_image,
}


def make_seed_images(
    kind: str,
    reference_images: Float[Tensor, "n ..."],
    *,
    pixel_bounds: PixelBounds,
    generator: Generator,
    labels: Int[Tensor, " n"] | None = None,
) -> Float[Tensor, "n ..."]:
    """Make a seed image for every reference image, within the pixel bounds.

    Parameters
    ----------
    kind : str
        A name in `SEED_IMAGES`.
    reference_images : Float[Tensor, "n ..."]
        For shape, type and device; `other_image` and `other_class_image` start at them.
    pixel_bounds : (float, float) or None
        Pixels are clamped to them.
    generator : torch.Generator
        On the CPU, so that every device starts from the same pictures.
    labels : Int[Tensor, "n"], optional
        Classes of the images, which `other_class_image` needs.

    Raises
    ------
    InvalidInputError
        If the kind is unknown, or cannot be made from these images.
    """
    if kind not in SEED_IMAGES:
        raise InvalidInputError(f"Unknown kind of seed image {kind!r}. {near_matches(kind, SEED_IMAGES)}")
    seeds = SEED_IMAGES[kind](Sitting(reference_images, generator, pixel_bounds, labels)).to(reference_images.device)
    return seeds if pixel_bounds is None else seeds.clamp(*pixel_bounds)
