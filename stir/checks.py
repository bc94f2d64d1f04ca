"""Preconditions of images and settings, checked once when they are passed to the library."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from stir.errors import InvalidInputError
from stir.names import shortened
from stir.stored_images import Images, StoredImages

PixelBounds = tuple[float, float] | None
IMAGES_AT_ONCE = 64
ROUNDED_PIXEL = 1e-6
"""Tolerance of pixels out of bounds, as a fraction of their range; resizing in float32 overshoots by less."""


def check_pixel_bounds(pixel_bounds: PixelBounds) -> PixelBounds:
    """Refuse bounds that are not two increasing numbers.

    Raises
    ------
    InvalidInputError
        If ``pixel_bounds`` is neither None nor (low, high), finite, with low < high.
    """
    if pixel_bounds is None:
        return None
    two = isinstance(pixel_bounds, Sequence) and len(pixel_bounds) == 2 and all(map(_is_number, pixel_bounds))
    if not two or not pixel_bounds[0] < pixel_bounds[1]:
        raise InvalidInputError(
            f"Expected pixel_bounds (low, high) with low < high, or None; got {shortened(pixel_bounds)}. "
            "Images in [0, 1] take (0, 1)."
        )
    return float(pixel_bounds[0]), float(pixel_bounds[1])


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and math.isfinite(value)


def check_number(argument: str, value: object, *, over: float, example: str) -> None:
    """Refuse a value that is not a finite number above a bound, naming the argument.

    Raises
    ------
    InvalidInputError
        Naming the argument and its value.
    """
    if not _is_number(value) or not value > over:  # type: ignore[operator]
        raise InvalidInputError(f"Expected {argument} > {over:g} ({example}); got {shortened(value)}. Pass such a number.")


def check_count(argument: str, value: object, meaning: str) -> None:
    """Refuse a value that is not an integer of at least 1.

    Raises
    ------
    InvalidInputError
        Naming the argument and its value.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise InvalidInputError(f"Expected {argument} >= 1; got {shortened(value)}. It is {meaning}: pass an integer.")


def check_batch_size(batch_size: int) -> None:
    """Refuse an invalid batch size.

    Raises
    ------
    InvalidInputError
        If ``batch_size`` is not an integer of at least 1.
    """
    check_count("batch_size", batch_size, "the number of images per batch")


def check_random_seed(random_seed: int) -> None:
    """Refuse an invalid random seed.

    Raises
    ------
    InvalidInputError
        If it is not an integer of at least 0 with at most 64 bits.
    """
    if not isinstance(random_seed, Integral) or isinstance(random_seed, bool) or not 0 <= random_seed < 2**64:
        raise InvalidInputError(f"Expected random_seed as an integer >= 0; got {shortened(random_seed)}. It has 64 bits at most.")


def check_images(images: Images, argument: str = "images", *, pixel_bounds: PixelBounds = None) -> None:
    """Refuse images that are not a batch of finite floating-point values within the bounds, up to rounding.

    Raises
    ------
    InvalidInputError
        Naming the argument, the value, and the remedy.
    """
    if not isinstance(images, Tensor | StoredImages):
        raise InvalidInputError(
            f"Expected {argument} as a torch.Tensor; got {type(images).__name__}. Convert with torch.as_tensor."
        )
    if not images.dtype.is_floating_point:
        raise InvalidInputError(
            f"Expected {argument} of a floating-point type in [0, 1]; got {images.dtype}. "
            f"Divide 8-bit images by 255: {argument}.float() / 255."
        )
    if isinstance(images, Tensor) and (images.layout != torch.strided or images.is_nested or images.is_meta):
        kind = "nested" if images.is_nested else "meta (shapes without values)" if images.is_meta else images.layout
        raise InvalidInputError(f"Expected {argument} as a dense tensor with values; got one that is {kind}. Make it dense.")
    if len(images.shape) < 2 or 0 in images.shape:
        raise InvalidInputError(
            f"Expected {argument} of shape (n, channels, height, width) with n >= 1; got {tuple(images.shape)}. "
            f"Add the batch dimension to a single image: {argument}[None]."
        )
    for start in range(0, len(images), IMAGES_AT_ONCE):
        _check_pixels(images[start : start + IMAGES_AT_ONCE], start, argument, pixel_bounds)


def _check_pixels(images: Tensor, start: int, argument: str, pixel_bounds: PixelBounds) -> None:
    if not torch.isfinite(images).all():
        number = start + first_bad(images)
        raise InvalidInputError(f"Expected finite {argument}; got NaN or infinity in image {number}. Leave such images out.")
    if pixel_bounds is None:
        return
    low, high = images.min().item(), images.max().item()
    excess = max(pixel_bounds[0] - low, high - pixel_bounds[1])
    if excess > max(ROUNDED_PIXEL, torch.finfo(images.dtype).eps) * (pixel_bounds[1] - pixel_bounds[0]):
        raise InvalidInputError(
            f"Expected {argument} within pixel_bounds {pixel_bounds}; got values from {low:.4g} to {high:.4g}. "
            f"Scale the images (normalisation belongs in the model), or pass other pixel_bounds, or None. Excess: {excess:.2g}."
        )


def clamped(images: Images, pixel_bounds: PixelBounds) -> Images:
    """Return images with pixels clamped to the bounds, since rounding may exceed them; images on disk are returned unchanged."""
    if pixel_bounds is None or not isinstance(images, Tensor):
        return images
    within = pixel_bounds[0] <= images.min().item() and images.max().item() <= pixel_bounds[1]
    return images if within else images.clamp(*pixel_bounds)


def first_bad(rows: Tensor) -> int:
    """Return the index of the first row with NaN or infinity."""
    return int((~torch.isfinite(rows)).flatten(1).any(dim=1).nonzero()[0])
