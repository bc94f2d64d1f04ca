"""Checks of the matrices that measures accept, in memory and on disk."""

import numpy as np
import torch
from torch import Tensor

from stir.checks import first_bad
from stir.errors import ConstantFeaturesError, InvalidInputError
from stir.similarity.chunks import Matrix, row_chunks
from stir.similarity.features import Features, summarise

LARGEST = 1e70
"""Sums of fourth powers are finite for entries below this, and positive for spreads above its inverse."""


def check_matrices(x: Matrix, y: Matrix, *, least_n: int) -> None:
    """Refuse two representations that cannot be compared.

    Parameters
    ----------
    x, y : Matrix
        Representations, one row per image: tensors, HDF5 datasets or NumPy arrays.
    least_n : int
        The fewest images that the estimator takes.

    Raises
    ------
    ConstantFeaturesError
        If every image has the same representation, up to rounding.
    InvalidInputError
        If one is not a finite floating-point matrix of at least ``least_n`` rows, or the
        numbers of rows differ, or entries are so large or small that their powers leave float64.
    """
    _check_range(check_representation(x, "x", least_n=least_n), "x")
    _check_range(check_representation(y, "y", least_n=least_n), "y")
    check_paired(x, y)


def _check_range(features: Features, argument: str) -> None:
    largest = max(features.high.max().item(), -features.low.min().item())
    spread = features.spread.max().item()
    if largest > LARGEST or spread < 1 / LARGEST:
        raise InvalidInputError(
            f"Expected {argument} with entries up to {LARGEST:.0g} that differ by at least {1 / LARGEST:.0g}; got entries up to "
            f"{largest:.2g} with a spread of {spread:.2g}. Multiply {argument} by a constant: the measures do not depend on it."
        )


def check_representation(x: Matrix, argument: str, *, least_n: int) -> Features:
    """Refuse matrices for which similarities are undefined.

    Parameters
    ----------
    x : Matrix
        A representation (n, d), one row per image: a tensor, HDF5 dataset, NumPy array or memory map,
        read once, in chunks.
    argument : str
        Its name, for the message.
    least_n : int
        The fewest images that the estimator takes.

    Returns
    -------
    Features
        Their means and ranges.

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
    """Refuse objects other than floating-point matrices with at least ``least_n`` rows, without checking entries.

    Raises
    ------
    InvalidInputError
        Naming the argument and its value.
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
    """Return whether an object is a matrix of 16, 32 or 64 bits; masked arrays are not accepted, since the mask would be lost."""
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
                f"Expected finite {argument}; got NaN or infinity for image {rows_before + first_bad(rows)}. "
                "Look for an overflow in the model, or leave the image out."
            )
        rows_before += len(rows)


def constant_features(argument: str, n: int, spread: float) -> ConstantFeaturesError:
    """Return the error for n images with the same representation."""
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
