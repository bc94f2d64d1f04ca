"""Orthogonal Procrustes similarity."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.similarity.chunks import Matrix
from stir.similarity.matrix_checks import check_matrices
from stir.similarity.reduction import reduction


def procrustes(x: Matrix, y: Matrix) -> float:
    r"""Return ‖XᵀY‖_* / (‖X‖_F ‖Y‖_F), the nuclear norm of centred features of unit size.

    It is the largest ⟨X, YR⟩ over rotations R, for X and Y of unit norm; the narrower matrix is padded with
    zeros. With s the similarity, the squared Procrustes distance
    min_R ‖X - YR‖²_F is 2 - 2s, and the angular distance of shape space arccos(s).
    More features than images are first rotated into n dimensions, exactly, by QR.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image.

    Returns
    -------
    float
        In [0, 1]; symmetric. Independent representations are far above 0 when d is comparable with n.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Williams et al. 2021, arXiv:2110.14739; Ding et al. 2021, arXiv:2108.01661.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import procrustes
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(procrustes(upper, lower), 3)
    0.614
    """
    check_matrices(x, y, least_n=3)
    of_x, of_y = reduction(x).matrix, reduction(y).matrix
    nuclear_norm = torch.linalg.svdvals(of_x.mT @ of_y).sum()
    return (nuclear_norm / (of_x.norm() * of_y.norm())).item()


def shuffled_procrustes(x: Matrix, y: Matrix, orders: Int[Tensor, "b n"]) -> Float[Tensor, " b"]:
    """Return the similarities of x and y with the images of y in other orders, which leave mean and norm as they are.

    Parameters
    ----------
    x, y : Matrix
        As in `procrustes`.
    orders : Int[Tensor, "b n"]
        Permutations of the images.
    """
    check_matrices(x, y, least_n=3)
    of_x, of_y = reduction(x).matrix, reduction(y).matrix
    nuclear_norms = torch.stack([torch.linalg.svdvals(of_x.mT @ of_y[order]).sum() for order in orders])
    return nuclear_norms / (of_x.norm() * of_y.norm())
