"""Projection-weighted canonical correlation analysis (PWCCA)."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.similarity.canonical_correlations import check_dimensions
from stir.similarity.chunks import Matrix, feature_chunks
from stir.similarity.matrix_checks import check_matrices
from stir.similarity.reduction import principal_components


def pwcca(x: Matrix, y: Matrix) -> float:
    r"""Return the mean canonical correlation, weighted by projections of x onto the canonical variates.

    Σᵢ αᵢ ρᵢ / Σᵢ αᵢ with αᵢ = Σⱼ |⟨hᵢ, xⱼ⟩|: hᵢ is the i-th canonical variate of x, of length 1, and xⱼ
    the j-th centred feature of x. The weights depend on the first argument: pwcca(x, y) weights by x,
    pwcca(y, x) by y. The weights are sums of absolute values over features, so rotating x changes
    the value; no invertible linear map of y does.

    Parameters
    ----------
    x : Matrix
        The representation (n, d1) that gives the weights, one row per image.
    y : Matrix
        A representation (n, d2) of the same images, with n > rank X + rank Y.

    Returns
    -------
    float
        In [0, 1]; not symmetric.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, or n <= rank X + rank Y: then some
        correlations are 1 for any data.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Morcos et al. 2018, arXiv:1806.05759, section 2.2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import pwcca
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(pwcca(upper, lower), 3), round(pwcca(lower, upper), 3)
    (0.642, 0.656)
    """
    check_matrices(x, y, least_n=3)
    of_x, of_y = principal_components(x, "x").scores, principal_components(y, "y").scores
    check_dimensions(of_x, of_y)
    left, correlations, _ = torch.linalg.svd(of_x.mT @ of_y, full_matrices=False)
    weights = _projections(of_x @ left, x)
    return ((weights * correlations).sum() / weights.sum()).item()


def _projections(variates: Float[Tensor, "n r"], x: Matrix) -> Float[Tensor, " r"]:
    """Return Σⱼ |⟨hᵢ, xⱼ⟩|."""
    total = torch.zeros_like(variates[0])
    for chunk in feature_chunks(x):
        features = chunk.double()
        total += (variates.mT @ (features - features.mean(dim=0, keepdim=True))).abs().sum(dim=1)
    return total
