"""Preconditions of images, representations and settings, said once, at the boundary."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from stir.chunks import Matrix, row_chunks
from stir.errors import ConstantFeaturesError, InvalidInputError
from stir.features import Features, summarise
from stir.names import shortened
from stir.stored_images import Images, StoredImages

PixelBounds = tuple[float, float] | None
IMAGES_AT_ONCE = 64
ROUNDED_PIXEL = 1e-6
"""A pixel may be so far out of the bounds, as a part of their range: resizing in float32 overshoots by less."""


def check_pixel_bounds(pixel_bounds: PixelBounds) -> PixelBounds:
    """Refuse bounds that are not two rising numbers.

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
    """Refuse what is not a finite number over a bound.

    Raises
    ------
    InvalidInputError
        Naming the argument and what came.
    """
    if not _is_number(value) or not value > over:  # type: ignore[operator]
        raise InvalidInputError(f"Expected {argument} > {over:g} ({example}); got {shortened(value)}. Pass such a number.")


def check_count(argument: str, value: object, meaning: str) -> None:
    """Refuse what is not an integer of at least 1.

    Raises
    ------
    InvalidInputError
        Naming the argument and what came.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise InvalidInputError(f"Expected {argument} >= 1; got {shortened(value)}. It is {meaning}: pass an integer.")


def check_batch_size(batch_size: int) -> None:
    """Refuse a batch of no images.

    Raises
    ------
    InvalidInputError
        If ``batch_size`` is not an integer of at least 1.
    """
    check_count("batch_size", batch_size, "the number of images at once")


def check_random_seed(random_seed: int) -> None:
    """Refuse what is no random seed.

    Raises
    ------
    InvalidInputError
        If it is not an integer of at least 0, of at most 64 bits.
    """
    if not isinstance(random_seed, Integral) or isinstance(random_seed, bool) or not 0 <= random_seed < 2**64:
        raise InvalidInputError(f"Expected random_seed as an integer >= 0; got {shortened(random_seed)}. It has 64 bits at most.")


def check_images(images: Images, argument: str = "images", *, pixel_bounds: PixelBounds = None) -> None:
    """Refuse what is not a batch of finite floating-point images within the bounds, up to rounding.

    Raises
    ------
    InvalidInputError
        Naming the argument, what came, and the remedy.
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
        number = start + _first_bad(images)
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
    """Return images whose pixels are within the bounds, which rounding may have missed; images on disk as they are."""
    if pixel_bounds is None or not isinstance(images, Tensor):
        return images
    within = pixel_bounds[0] <= images.min().item() and images.max().item() <= pixel_bounds[1]
    return images if within else images.clamp(*pixel_bounds)


def _first_bad(images: Tensor) -> int:
    return int((~torch.isfinite(images)).flatten(1).any(dim=1).nonzero()[0])


def check_representation(x: Matrix, argument: str, *, least_n: int) -> Features:
    """Refuse what no similarity can be computed from.

    Parameters
    ----------
    x : Matrix
        A representation (n, d), one image a row: a tensor, HDF5 dataset, NumPy array or memory map,
        read once and a piece at a time.
    argument : str
        Its name, for the message.
    least_n : int
        The fewest images that the estimator takes.

    Returns
    -------
    Features
        Their means and ranges, found on the way.

    Raises
    ------
    ConstantFeaturesError
        If every image has the same representation, up to rounding.
    InvalidInputError
        If it is not a finite floating-point matrix of at least ``least_n`` rows.
    """
    check_form(x, argument, least_n=least_n)
    features = summarise(x)
    check_finite(x, features, argument)
    if not features.differ:
        raise constant_features(argument, len(x), features.spread.max().item())
    return features


def check_form(x: Matrix, argument: str, *, least_n: int) -> None:
    """Refuse what is not a floating-point matrix of at least ``least_n`` rows, whatever its entries.

    Raises
    ------
    InvalidInputError
        Naming the argument and what came.
    """
    if not _is_floating_point(x):
        raise InvalidInputError(
            f"Expected {argument} as a floating-point tensor (n, d), or an HDF5 dataset or NumPy array; "
            f"got {getattr(x, 'dtype', None) or type(x).__name__}. Convert it, e.g. with .float()."
        )
    if len(x.shape) != 2 or x.shape[1] == 0:
        raise InvalidInputError(
            f"Expected {argument} of shape (n, d); got {tuple(x.shape)}. Flatten activations: {argument}.flatten(1)."
        )
    if len(x) < least_n:
        raise InvalidInputError(
            f"Expected {argument} with at least {least_n} images for this estimator; got {len(x)}. Use more images."
        )


def _is_floating_point(x: object) -> bool:
    """Tell matrices of 16, 32 or 64 bits; the mask of a masked array would be lost, so it is none."""
    if isinstance(x, Tensor):
        return x.is_floating_point()
    dtype = getattr(x, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize <= 8 and not isinstance(x, np.ma.MaskedArray)


def check_finite(x: Matrix, features: Features, argument: str) -> None:
    """Refuse NaN and infinity in a matrix of these features.

    Raises
    ------
    InvalidInputError
        Naming the argument and the first such image.
    """
    if features.are_finite:
        return
    rows_before = 0
    for rows in row_chunks(x):
        if not torch.isfinite(rows).all():
            raise InvalidInputError(
                f"Expected finite {argument}; got NaN or infinity for image {rows_before + _first_bad(rows)}. "
                "Look for an overflow in the model, or leave the image out."
            )
        rows_before += len(rows)


def constant_features(argument: str, n: int, spread: float) -> ConstantFeaturesError:
    """Return the error of n images that are represented alike."""
    return ConstantFeaturesError(
        f"Expected features that differ between images in {argument}; all {n} images are represented alike "
        f"(spread {spread:.2g}). A dead layer, or one image repeated: choose another layer or other images."
    )


def check_paired(x: Matrix, y: Matrix, arguments: tuple[str, str] = ("x", "y")) -> None:
    """Refuse two representations of different numbers of images.

    Raises
    ------
    InvalidInputError
        Naming both shapes.
    """
    if len(x) != len(y):
        raise InvalidInputError(
            f"Expected both representations (n, d) with equal n; got {arguments[0]} {tuple(x.shape)} and "
            f"{arguments[1]} {tuple(y.shape)}. Extract both from the same images."
        )
