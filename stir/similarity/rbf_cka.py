"""Centred kernel alignment (CKA) with Gaussian kernels, biased and debiased."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.centring import double_centred, u_centred
from stir.similarity.chunks import Matrix
from stir.similarity.gram import squared_distances
from stir.similarity.matrix_checks import check_matrices
from stir.similarity.pairs import upper_triangle

ROUNDING = 1e-12
"""Values are taken as equal if they differ by less than this fraction of the largest."""


def rbf_cka(x: Matrix, y: Matrix, *, bandwidth: float = 1.0, debiased: bool = False) -> float:
    r"""Return HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)) of Gaussian kernels K and L.

    Kᵢⱼ = exp(-dᵢⱼ² / 2σ²), with dᵢⱼ the Euclidean distance of images i and j and σ = ``bandwidth`` times
    the median of dᵢⱼ over the n(n-1)/2 pairs i < j (the mean of the middle two if their number is
    even), for each representation separately. For large bandwidths the value tends to linear CKA.
    For small ones, kernels tend to the identity, and the biased value tends to 1 for any data.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image.
    bandwidth : float
        Above 0; the fraction of the median distance. Kornblith et al. 2019 use 0.2, 0.4 and 0.8.
    debiased : bool
        Estimate HSIC without bias (HSIC₁, equation 5 of Song et al. 2012). The value
        may be negative, and is not clamped.

    Returns
    -------
    float
        In [0, 1]; debiased: in [-1, 1]. Symmetric.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, or more than half of the pairs are of equal images,
        or (debiased) all images are equally far apart.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Kornblith et al. 2019, arXiv:1905.00414; Song et al. 2012, JMLR 13, 1393-1434.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import rbf_cka
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(rbf_cka(upper, lower), 3)
    0.47
    >>> round(rbf_cka(upper, lower, bandwidth=0.5), 3)
    0.651
    """
    if not (bandwidth > 0 and math.isfinite(bandwidth)):
        raise InvalidInputError(
            f"Expected a finite bandwidth above 0; got {bandwidth}. It is a fraction of the median distance: try 1.0."
        )
    check_matrices(x, y, least_n=4 if debiased else 3)
    k, l = (  # noqa: E741
        rbf_kernel(z, argument, bandwidth=bandwidth, debiased=debiased).flatten() for z, argument in ((x, "x"), (y, "y"))
    )
    return (torch.dot(k, l) / (torch.dot(k, k).sqrt() * torch.dot(l, l).sqrt())).item()


def rbf_kernel(x: Matrix, argument: str, *, bandwidth: float = 1.0, debiased: bool = False) -> Float[Tensor, "n n"]:
    """Return the centred Gaussian kernel of all pairs of images; RBF CKA is the cosine of two of them.

    Takes and refuses one representation, which messages call ``argument``, as `rbf_cka` does two.
    """
    kernel = _kernel(x, bandwidth, argument)
    return u_centred(kernel, argument) if debiased else double_centred(kernel)


def _kernel(x: Matrix, bandwidth: float, argument: str) -> Float[Tensor, "n n"]:
    """Return K - 1, which is precise if K is near 1; centring removes the constant 1."""
    squared = squared_distances(x)
    median = _median_distance(squared)
    if not median**2 > ROUNDING * squared.max().item():
        raise InvalidInputError(
            f"Expected images that mostly differ in {argument}; the median distance of two is 0 (largest "
            f"{squared.max().item() ** 0.5:.3g}), so the kernel has no bandwidth. Leave repeated images out."
        )
    return squared.div_(-2 * (bandwidth * median) ** 2).expm1_()


def _median_distance(squared: Float[Tensor, "n n"]) -> float:
    values = upper_triangle(squared)
    middle = {(len(values) + 1) // 2, len(values) // 2 + 1}
    return sum(values.kthvalue(place).values.item() ** 0.5 for place in middle) / len(middle)
