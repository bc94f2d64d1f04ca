"""Canonical correlations, the basis of mean CCA, SVCCA and PWCCA."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError


def canonical_correlations(x: Float[Tensor, "n r1"], y: Float[Tensor, "n r2"]) -> Float[Tensor, " r"]:
    """Return the singular values of XᵀY, for orthonormal bases of two centred representations.

    Parameters
    ----------
    x, y : Float[Tensor, "n r1"], Float[Tensor, "n r2"]
        Orthonormal columns, as `stir.similarity.reduction.principal_components` gives them.

    Returns
    -------
    Float[Tensor, " r"]
        r = min(r1, r2) correlations in [0, 1], in decreasing order.

    References
    ----------
    Björck and Golub 1973, Mathematics of Computation 27, 579-594.
    """
    return torch.linalg.svdvals(x.mT @ y)


def check_dimensions(x: Float[Tensor, "n r1"], y: Float[Tensor, "n r2"]) -> None:
    """Refuse bases that must intersect.

    Centred columns span at most n-1 dimensions. If r1 + r2 exceeds n-1, at least r1 + r2 - (n-1)
    canonical correlations are 1 for any data.

    Raises
    ------
    InvalidInputError
        If r1 + r2 >= n.
    """
    n, rank_x, rank_y = len(x), x.shape[1], y.shape[1]
    forced = rank_x + rank_y - (n - 1)
    if forced > 0:
        raise InvalidInputError(
            f"Expected more images than dimensions, n > rank(x) + rank(y); got n = {n}, rank(x) = {rank_x}, rank(y) = {rank_y}. "
            f"{min(forced, rank_x, rank_y)} of the {min(rank_x, rank_y)} canonical correlations would be 1 for any data. "
            f"Use at least {rank_x + rank_y + 1} images, or fewer features, or svcca with less variance."
        )
