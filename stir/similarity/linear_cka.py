"""Linear centred kernel alignment (CKA), biased and debiased."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.similarity.centring import u_centred
from stir.similarity.chunks import Matrix
from stir.similarity.gram import centred_gram
from stir.similarity.hsic import LEAST_SHARE, cka, linear_products, working_type
from stir.similarity.matrix_checks import check_form, check_paired


def linear_cka(x: Matrix, y: Matrix, *, debiased: bool = False) -> float:
    r"""Return linear CKA, HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)), with K = XXᵀ and L = YYᵀ.

    Features are centred first, in float64. Products of float64 input are in float64. Those of narrower
    input are in float32 if there are many, with sums in float64 (and computed again in float64 if the debiased
    HSICs are so small that rounding would matter); the error is under 1e-7 for any means.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image: tensors, HDF5
        datasets, NumPy arrays or memory maps, read in chunks.
    debiased : bool
        Estimate HSIC without bias (HSIC₁, equation 5 of Song et al. 2012). The value
        may be negative, and is not clamped. The biased estimate for independent data
        is far above 0 if d is comparable with n.

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

    Examples
    --------
    The upper and the lower half of 100 digits:

    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import linear_cka
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(linear_cka(upper, lower), 3)
    0.405
    >>> round(linear_cka(upper, lower, debiased=True), 3)
    0.36
    >>> round(linear_cka(upper, 2 * upper + 1), 3)
    1.0
    """
    least_n = 4 if debiased else 3
    check_form(x, "x", least_n=least_n)
    check_form(y, "y", least_n=least_n)
    check_paired(x, y)
    products = linear_products(x, y, least_n=least_n, dtype=working_type(x, y))
    if products.share(debiased=debiased) < LEAST_SHARE and working_type(x, y) != torch.float64:
        products = linear_products(x, y, least_n=least_n, dtype=torch.float64)
    return cka(products, debiased=debiased)


def linear_kernel(x: Matrix, argument: str, *, debiased: bool = False) -> Float[Tensor, "n n"]:
    """Return the centred Gram matrix of all pairs of images; linear CKA is the cosine of two of them.

    Takes and refuses one representation, which messages call ``argument``, as `linear_cka` does two.
    """
    gram = centred_gram(x)
    return u_centred(gram, argument) if debiased else gram
