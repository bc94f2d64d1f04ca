"""Linear CKA from averages of unbiased HSIC over minibatches."""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.chunks import Matrix, feature_chunks, rectangle
from stir.similarity.features import power_of_two_over, summarise
from stir.similarity.gram import SymmetricProduct, WholeProduct
from stir.similarity.hsic import LEAST_SHARE, kernel_products, normalised, working_type
from stir.similarity.linear_cka import linear_cka
from stir.similarity.matrix_checks import check_form, check_paired, check_representation

LEAST_N = 4

LARGEST_WHOLE = 512
"""Up to this number of images in a minibatch, products are computed whole; above it, half of them cost less."""


def minibatch_cka(x: Matrix, y: Matrix, *, batch_size: int = 256) -> float:
    r"""Return minibatch CKA, Σ wᵢ HSIC₁(Kᵢ, Lᵢ) / √(Σ wᵢ HSIC₁(Kᵢ, Kᵢ) Σ wᵢ HSIC₁(Lᵢ, Lᵢ)).

    The n images are divided, in order, into k = ⌈n / batch_size⌉ minibatches whose sizes bᵢ
    differ by at most one. If a minibatch would have fewer than 4 images, k is ⌊n / 4⌋, and a
    minibatch may have more than ``batch_size``. Minibatches are weighted by size, wᵢ = bᵢ / n, in
    all three sums. HSIC₁ is unbiased at any size, and the weights sum to 1 and do not depend on
    the data, so each sum is an unbiased estimate of its HSIC; for equal sizes it is equation 3 of
    Nguyen et al. With one minibatch it is the debiased linear CKA.

    The order of the images matters: sorted by class, a minibatch contains little of the difference
    between classes. Shuffle the images of both representations in the same way first.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n >= 4 images, one row per image, in random order;
        tensors, HDF5 datasets, NumPy arrays or memory maps. Minibatches are read one at a time; twice if float32 is not
        sufficient.
    batch_size : int
        The maximum number of images per minibatch, at least 4.

    Returns
    -------
    float
        At most about 1; may be negative, and is not clamped.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, or ``batch_size`` is under 4.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Nguyen et al. 2021, arXiv:2010.15327, equation 3; Song et al. 2012, JMLR 13, 1393-1434.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import minibatch_cka
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(minibatch_cka(upper, lower, batch_size=25), 3)
    0.375
    """
    if batch_size < LEAST_N:
        raise InvalidInputError(
            f"Expected batch_size >= {LEAST_N}; got {batch_size}. HSIC cannot be estimated without bias from fewer images."
        )
    check_form(x, "x", least_n=LEAST_N)
    check_form(y, "y", least_n=LEAST_N)
    check_paired(x, y)
    slices = minibatches(len(x), batch_size)
    if len(slices) == 1:
        return linear_cka(x, y, debiased=True)
    hsics, products = _sums(x, y, slices, working_type(x, y))
    small = any(hsic < LEAST_SHARE * product for hsic, product in zip(hsics[1:], products, strict=True))
    if small and working_type(x, y) != torch.float64:
        hsics, products = _sums(x, y, slices, torch.float64)
    if not all(products):
        # No minibatch has images that differ, so perhaps no images differ.
        check_representation(x, "x", least_n=LEAST_N)
        check_representation(y, "y", least_n=LEAST_N)
    return normalised(*hsics, products=products)


def _sums(
    x: Matrix, y: Matrix, slices: list[slice], dtype: torch.dtype
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """Return Σ wᵢ HSIC₁ of x with y, x with x and y with y, and the terms that the last two are differences of."""
    kernels = _kernels(x, "x", slices, dtype), _kernels(y, "y", slices, dtype)
    hsics, products = [], []
    for some, k, l in zip(slices, *kernels, strict=True):  # noqa: E741
        found, rows = kernel_products(k, l), (k.row_sums(), l.row_sums())
        # n(n-3) HSIC₁ with n = bᵢ, times wᵢ / (bᵢ(bᵢ-3)) but for the factor 1/n that all share.
        weight = 1 / (some.stop - some.start - 3)
        hsics.append([weight * hsic for hsic in found.unbiased_hsics(rows)])
        products.append((weight * found.of_x, weight * found.of_y))
    cross, of_x, of_y = (math.fsum(parts) for parts in zip(*hsics, strict=True))
    product_x, product_y = (math.fsum(parts) for parts in zip(*products, strict=True))
    return (cross, of_x, of_y), (product_x, product_y)


def minibatches(n: int, batch_size: int) -> list[slice]:
    """Divide n images into runs of at most ``batch_size``, with lengths that differ by at most one and are at least 4."""
    count = min(math.ceil(n / batch_size), n // LEAST_N)
    bounds = [i * n // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def _kernels(x: Matrix, argument: str, slices: list[slice], dtype: torch.dtype) -> Iterator[SymmetricProduct | WholeProduct]:
    """Yield XXᵀ of every minibatch, up to a factor that all share; checks and reads ``x`` once."""
    unit = 0.0
    for some in slices:
        images = rectangle(x, some)
        kernel = (WholeProduct if len(images) <= LARGEST_WHOLE else SymmetricProduct)(len(images), images.device)
        for chunk in feature_chunks(images):
            features = summarise(chunk)
            if not features.are_finite:
                check_representation(x, argument, least_n=LEAST_N)
            # For identical images only rounding errors are left after centring.
            if features.differ:
                size = power_of_two_over(features.largest_deviation)
                unit = unit or size
                kernel.add(_shifted(chunk, features.mean, size, dtype), weight=(size / unit) * (size / unit))
        yield kernel


def _shifted(x: Float[Tensor, "b d"], mean: Float[Tensor, " d"], size: float, dtype: torch.dtype) -> Float[Tensor, "b d"]:
    """Subtract the means, up to rounding, and divide by a power of two.

    HSIC₁ does not depend on a shift, so that rounded means suffice, and float32 takes one pass.
    """
    wide = dtype if 1e-30 < size < 1e30 else torch.float64
    return torch.add(mean.to(wide) * (-1 / size), x.to(wide), alpha=1 / size).to(dtype)
