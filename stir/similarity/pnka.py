"""Pointwise normalised kernel alignment (PNKA): a similarity per image."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.chunks import Matrix
from stir.similarity.gram import centred_gram
from stir.similarity.matrix_checks import check_matrices

ROUNDING = 1e-12
"""A row is taken as zero if it is shorter than this fraction of the longest."""


def pnka(x: Matrix, y: Matrix) -> Float[Tensor, " n"]:
    r"""Return per image i the cosine of row i of K and row i of L, Kᵢ·Lᵢ / (‖Kᵢ‖ ‖Lᵢ‖).

    K = XXᵀ and L = YYᵀ of the centred features. The cosine measures how similarly an image is related to all
    images in the two representations.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image.

    Returns
    -------
    Float[Tensor, " n"]
        In [-1, 1], float64; symmetric. Each value depends on the other images.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, or an image is represented by the mean
        of all, up to rounding.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Kolling et al. 2023, arXiv:2305.19294.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import pnka
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> per_image = pnka(upper, lower)
    >>> per_image.shape
    torch.Size([100])
    >>> round(per_image.mean().item(), 3)
    0.407
    """
    check_matrices(x, y, least_n=3)
    k, l = centred_gram(x), centred_gram(y)  # noqa: E741
    of_k, of_l = _lengths(k, "x"), _lengths(l, "y")
    return torch.einsum("ij,ij->i", k, l) / (of_k * of_l)


def mean_pnka(x: Matrix, y: Matrix) -> float:
    r"""Return the mean of `pnka` over images.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image.

    Returns
    -------
    float
        In [-1, 1]; symmetric.

    Raises
    ------
    InvalidInputError
        As `pnka`.

    References
    ----------
    Kolling et al. 2023, arXiv:2305.19294.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import mean_pnka
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(mean_pnka(upper, lower), 3)
    0.407
    """
    return pnka(x, y).mean().item()


def relations(x: Matrix, argument: str) -> Float[Tensor, "n n"]:
    """Return the rows of the centred Gram matrix at unit length; PNKA is the inner product of rows of two of them.

    Takes and refuses one representation, which messages call ``argument``, as `pnka` does two.
    """
    gram = centred_gram(x)
    return gram / _lengths(gram, argument)[:, None]


def _lengths(gram: Float[Tensor, "n n"], argument: str) -> Float[Tensor, " n"]:
    lengths = gram.norm(dim=1)
    zero = lengths <= ROUNDING * lengths.max()
    if zero.any():
        raise InvalidInputError(
            f"Expected images that differ from their mean in {argument}; image {int(zero.nonzero()[0])} does not, so its row "
            "of the Gram matrix is 0 and has no direction. Leave the image out."
        )
    return lengths
