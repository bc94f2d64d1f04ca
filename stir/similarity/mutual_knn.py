"""Mutual k-nearest neighbours."""

import torch
from jaxtyping import Bool
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.chunks import Matrix
from stir.similarity.gram import squared_distances
from stir.similarity.matrix_checks import check_matrices

ROUNDING = 1e-13
"""Squared distances are taken as equal if they differ by less than this fraction of the squared norms."""


def mutual_knn(x: Matrix, y: Matrix, *, k: int = 10) -> float:
    r"""Return the mean fraction of an image's k nearest neighbours in x that are also its neighbours in y.

    Neighbours are the other images with the smallest Euclidean distance; features are neither rescaled
    nor normalised (for Huh et al.'s cosine neighbours, pass rows of unit length).
    Independent representations share k/(n-1) of their neighbours on average.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image.
    k : int
        From 1 to n - 2: with n - 1, every other image is a neighbour in both.

    Returns
    -------
    float
        In [0, 1]; symmetric.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, or ``k`` is out of range, or an image has a k-th and
        a (k+1)-th neighbour at the same distance, up to rounding.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Huh et al. 2024, arXiv:2405.07987.

    Examples
    --------
    >>> import torch
    >>> from stir.similarity import mutual_knn
    >>> x = torch.randn(100, 5, generator=torch.manual_seed(0))
    >>> y = x + 0.5 * torch.randn(100, 5, generator=torch.manual_seed(1))
    >>> round(mutual_knn(x, y, k=5), 3)
    0.37
    """
    if not k >= 1:
        raise InvalidInputError(f"Expected k >= 1; got {k}. It is the number of neighbours: 10 is usual.")
    check_matrices(x, y, least_n=k + 2)
    shared = neighbours(x, "x", k=k) & neighbours(y, "y", k=k)
    return shared.sum().item() / (len(x) * k)


def neighbours(x: Matrix, argument: str, *, k: int = 10) -> Bool[Tensor, "n n"]:
    """Return whether image j is among the k nearest of image i.

    Takes and refuses one representation, which messages call ``argument``, as `mutual_knn` does two.
    """
    squared = squared_distances(x)
    # Centred squared norms follow from distances: the mean distance to all images minus the mean squared norm.
    norms = squared.mean(dim=1) - squared.mean() / 2
    distances, images = squared.fill_diagonal_(torch.inf).topk(k + 1, dim=1, largest=False)
    tolerance = ROUNDING * (norms + norms[images[:, k - 1 :]].amax(dim=1))
    tied = distances[:, k] - distances[:, k - 1] <= tolerance
    if tied.any():
        image = int(tied.nonzero()[0])
        raise InvalidInputError(
            f"Expected neighbours at different distances in {argument}; images {images[image, k - 1]} and {images[image, k]} "
            f"are equally far from image {image}, as neighbours {k} and {k + 1}. Leave repeated images out, or choose another k."
        )
    return torch.zeros_like(squared, dtype=torch.bool).scatter_(1, images[:, :k], True)
