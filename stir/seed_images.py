"""Kinds of seed image, from which an inversion starts.

Each seed image depends only on the random seed and the image index, so that it does not change with the
number of images or the batch size; it is made when it is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.checks import PixelBounds, check_random_seed
from stir.errors import InvalidInputError, check_known
from stir.stored_images import Images

SEED_IMAGE_STREAM, PARTNER_STREAM = 0, 1
LOW_CONTRAST = 0.25
"""Part of the contrast that `low_contrast_noise` keeps."""


def random_stream(random_seed: int, *key: int) -> np.random.Generator:
    """Return an independent generator per key, such as (stream, image index)."""
    return np.random.default_rng(np.random.SeedSequence(random_seed, spawn_key=key))


@dataclass(frozen=True)
class SeedImages:
    """The seed images of all reference images, made on demand: ``seeds[index]``, ``seeds[:]``."""

    kind: str
    reference_images: Images
    """X, for shape, type and device; `other_image` and `other_class_image` use its images."""
    random_seed: int
    pixel_bounds: PixelBounds
    labels: Int[Tensor, " n"] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of X."""
        return tuple(self.reference_images.shape)

    def __len__(self) -> int:
        return len(self.reference_images)

    def __getitem__(self, which: "Int[Tensor, ' k'] | slice") -> Float[Tensor, "k ..."]:
        index = torch.arange(len(self), device="cpu")[which] if isinstance(which, slice) else which.cpu()
        like = self.reference_images
        seeds = SEED_IMAGES[self.kind](self, index).to(device=like.device, dtype=like.dtype)
        return seeds if self.pixel_bounds is None else seeds.clamp(*self.pixel_bounds)

    def noise(self, number: int, draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]) -> Tensor:
        """Draw the noise of one image."""
        return torch.from_numpy(draw(random_stream(self.random_seed, SEED_IMAGE_STREAM, number), self.shape[1:]))

    @property
    def bounds(self) -> tuple[float, float]:
        """Black and white."""
        return (0.0, 1.0) if self.pixel_bounds is None else self.pixel_bounds

    @cached_property
    def cycle(self) -> Int[Tensor, " n"]:
        """A random cycle through all images, as the index of the next image per image."""
        order = torch.from_numpy(random_stream(self.random_seed, SEED_IMAGE_STREAM).permutation(len(self)))
        following = torch.empty_like(order)
        following[order] = order.roll(1)
        return following

    @cached_property
    def by_class(self) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"], Int[Tensor, " n"]]:
        """Image indices sorted by class, and for each image the start and the size of its class in that order."""
        labels = torch.as_tensor(self.labels).cpu()
        _, classes, sizes = labels.unique(return_inverse=True, return_counts=True)
        return labels.argsort(stable=True), (sizes.cumsum(0) - sizes)[classes], sizes[classes]


def _normal(stream: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return stream.standard_normal(shape, dtype=np.float32)


def _uniform(stream: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return stream.random(shape, dtype=np.float32)


def normal_noise(seeds: SeedImages, index: Tensor) -> Tensor:
    """Draw every pixel from N(0, 1): the published method's start."""
    return torch.stack([seeds.noise(number, _normal) for number in index.tolist()])


def uniform_noise(seeds: SeedImages, index: Tensor) -> Tensor:
    """Draw every pixel from U(0, 1)."""
    return torch.stack([seeds.noise(number, _uniform) for number in index.tolist()])


def low_contrast_noise(seeds: SeedImages, index: Tensor) -> Tensor:
    """Start at normal noise with a quarter of its contrast, about middle grey; ImageNet networks are inverted sooner."""
    low, high = seeds.bounds
    middle = (low + high) / 2
    return middle + LOW_CONTRAST * (normal_noise(seeds, index).clamp(low, high) - middle)


def shared_noise(seeds: SeedImages, index: Tensor) -> Tensor:
    """Draw one picture from N(0, 1), the same for all images."""
    return seeds.noise(0, _normal).expand(len(index), *seeds.shape[1:]).clone()


def white(seeds: SeedImages, index: Tensor) -> Tensor:
    """Start at the upper pixel bound."""
    return torch.full((len(index), *seeds.shape[1:]), seeds.bounds[1], dtype=torch.float32, device="cpu")


def black(seeds: SeedImages, index: Tensor) -> Tensor:
    """Start at the lower pixel bound."""
    return torch.full((len(index), *seeds.shape[1:]), seeds.bounds[0], dtype=torch.float32, device="cpu")


def other_image(seeds: SeedImages, index: Tensor) -> Tensor:
    """Start at another reference image; each is used once, by a random cycle through all images."""
    return seeds.reference_images[seeds.cycle[index].to(seeds.reference_images.device)]


def other_class_image(seeds: SeedImages, index: Tensor) -> Tensor:
    """Start at a random reference image of another class."""
    order, starts, sizes = seeds.by_class
    chosen = []
    for number in index.tolist():
        start, size = int(starts[number]), int(sizes[number])
        # Count without the image's own class, which is contiguous.
        place = int(random_stream(seeds.random_seed, SEED_IMAGE_STREAM, number).integers(len(seeds) - size))
        chosen.append(int(order[place if place < start else place + size]))
    return seeds.reference_images[torch.tensor(chosen, dtype=torch.long, device=seeds.reference_images.device)]


SEED_IMAGES: dict[str, Callable[[SeedImages, Tensor], Tensor]] = {
    "normal_noise": normal_noise,
    "uniform_noise": uniform_noise,
    "low_contrast_noise": low_contrast_noise,
    "shared_noise": shared_noise,
    "white": white,
    "black": black,
    "other_image": other_image,
    "other_class_image": other_class_image,
}


def make_seed_images(
    kind: str,
    reference_images: Images,
    *,
    random_seed: int,
    pixel_bounds: PixelBounds,
    labels: Int[Tensor, " n"] | None = None,
) -> SeedImages:
    """Return seed images for all reference images, within the pixel bounds.

    Parameters
    ----------
    kind : str
        A name in `SEED_IMAGES`.
    reference_images : Float[Tensor, "n ..."] or StoredImages
        X.
    random_seed : int
        At least 0. The same seed gives the same images on every device.
    pixel_bounds : (float, float) or None
        Pixels are clamped to them.
    labels : Int[Tensor, "n"], optional
        Classes of the images, required by `other_class_image`.

    Raises
    ------
    InvalidInputError
        If the kind is unknown, or cannot be made from these images.
    """
    check_known("kind of seed image", kind, SEED_IMAGES)
    check_random_seed(random_seed)
    n = len(reference_images)
    if kind == "other_image" and n < 2:
        raise InvalidInputError("Expected at least 2 reference images for seed images 'other_image'; got 1.")
    if kind == "other_class_image":
        _check_labels(labels, n)
    return SeedImages(kind, reference_images, random_seed, pixel_bounds, labels)


def _check_labels(labels: Tensor | None, n: int) -> None:
    if labels is None or len(labels) != n:
        came = "none" if labels is None else f"{len(labels)} for {n} images"
        raise InvalidInputError(f"Expected labels, one per image, for seed images 'other_class_image'; got {came}.")
    if (labels == labels[0]).all():
        raise InvalidInputError("Expected reference images of several classes for seed images 'other_class_image'; got one.")
