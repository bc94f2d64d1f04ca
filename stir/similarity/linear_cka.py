"""Linear centred kernel alignment (CKA), biased and debiased."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.checks import check_paired, check_representation
from stir.errors import InvalidInputError

ROUNDING = 1e-12
"""An estimate smaller than this fraction of what it is the difference of is zero."""


def linear_cka(x: Float[Tensor, "n d1"], y: Float[Tensor, "n d2"], *, debiased: bool = False) -> float:
    r"""Return linear CKA, HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)), with K = XXᵀ and L = YYᵀ.

    Features are centred first and products accumulated in float64.

    Parameters
    ----------
    x, y : Float[Tensor, "n d1"], Float[Tensor, "n d2"]
        Representations of the same n images, one image a row.
    debiased : bool
        Estimate HSIC without bias (HSIC₁, equation 5 of Song et al. 2012). The value
        may be negative, and is not clamped. The biased estimate of independent data
        is far above 0 when d is comparable with n.

    Returns
    -------
    float
        In [0, 1]; debiased: at most about 1.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Kornblith et al. 2019, arXiv:1905.00414; Song et al. 2012, JMLR 13, 1393-1434.
    """
    least_n = 4 if debiased else 3
    check_representation(x, "x", least_n=least_n)
    check_representation(y, "y", least_n=least_n)
    check_paired(x, y)
    x, y = _centred(x), _centred(y)
    if debiased:
        products = [_unbiased_hsic(*pair) for pair in ((x, y), (x, x), (y, y))]
    else:
        products = [_squared_product(*pair) for pair in ((x, y), (x, x), (y, y))]
    cross, of_x, of_y = products
    if not (of_x > ROUNDING * _squared_product(x, x) and of_y > ROUNDING * _squared_product(y, y)):
        raise InvalidInputError(
            f"The estimated HSIC of a representation with itself is not positive ({min(of_x, of_y):.3g}), "
            "so CKA is undefined: too few images for this estimator. Use more images."
        )
    return cross / (of_x**0.5 * of_y**0.5)


def _centred(x: Tensor) -> Float[Tensor, "n d"]:
    """Centre in float64 and scale to a largest entry of 1, so that no product overflows."""
    x = x.detach().double()
    x = x - x.mean(dim=0, keepdim=True)
    return x / x.abs().max()


def _squared_product(x: Tensor, y: Tensor) -> float:
    """Return ‖XᵀY‖²_F = tr(XXᵀ YYᵀ), in feature space or Gram space, whichever is cheaper."""
    if x.shape[1] * y.shape[1] <= len(x) * (x.shape[1] + y.shape[1]):
        return (x.mT @ y).square().sum().item()
    return ((x @ x.mT) * (y @ y.mT)).sum().item()


def _unbiased_hsic(x: Tensor, y: Tensor) -> float:
    """Return n(n-3) HSIC₁: the Gram matrices enter without their diagonals.

    Rows of a centred Gram matrix sum to 0, so rows of K̃ sum to -diag(K), and
    tr(K̃L̃) + 1ᵀK̃1 1ᵀL̃1/((n-1)(n-2)) - 2/(n-2) 1ᵀK̃L̃1 needs the diagonals alone.
    """
    n = len(x)
    k, l = x.square().sum(dim=1), y.square().sum(dim=1)  # noqa: E741
    both = torch.dot(k, l).item()
    off_diagonal = _squared_product(x, y) - both
    return off_diagonal + (k.sum() * l.sum()).item() / ((n - 1) * (n - 2)) - 2 * both / (n - 2)
