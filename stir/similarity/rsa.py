"""Representational similarity analysis (RSA)."""

from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.chunks import Matrix, rectangle, row_chunks
from stir.similarity.gram import squared_distances
from stir.similarity.matrix_checks import check_matrices
from stir.similarity.pairs import upper_triangle

Comparison = Literal["spearman", "pearson"]
Dissimilarity = Literal["correlation", "euclidean"]

ROUNDING = 1e-13
"""Dissimilarities are taken as equal if they differ by less than this fraction of the largest."""


def rsa(x: Matrix, y: Matrix, *, comparison: Comparison = "spearman", dissimilarity: Dissimilarity = "correlation") -> float:
    r"""Return the correlation, over pairs of images i < j, of their dissimilarities in x and in y.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image.
    comparison : {"spearman", "pearson"}
        Correlation of ranks, where dissimilarities that are equal up to rounding get their mean rank; or of values.
    dissimilarity : {"correlation", "euclidean"}
        1 - Pearson's correlation of two images over features, which are not centred over images
        (so it changes with an offset or a rotation of the features); or the Euclidean distance.

    Returns
    -------
    float
        In [-1, 1]; symmetric.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, all pairs are equally dissimilar, or, with
        "correlation", an image has the same value in all features or there are fewer than 3 features.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Kriegeskorte et al. 2008, Frontiers in Systems Neuroscience 2, 4.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import rsa
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(rsa(upper, lower), 3)
    0.214
    >>> round(rsa(upper, lower, comparison="pearson", dissimilarity="euclidean"), 3)
    0.385
    """
    for argument, value, known in (("comparison", comparison, Comparison), ("dissimilarity", dissimilarity, Dissimilarity)):
        if value not in get_args(known):
            raise InvalidInputError(f"Expected {argument} among {', '.join(map(repr, get_args(known)))}; got {value!r}.")
    check_matrices(x, y, least_n=3)
    of_x, of_y = (_compared(z, argument, comparison, dissimilarity) for z, argument in ((x, "x"), (y, "y")))
    cross, of_x, of_y = torch.dot(of_x, of_y), torch.dot(of_x, of_x), torch.dot(of_y, of_y)
    return (cross / (of_x.sqrt() * of_y.sqrt())).item()


def dissimilarity_matrix(
    x: Matrix, argument: str, *, comparison: Comparison = "spearman", dissimilarity: Dissimilarity = "correlation"
) -> Float[Tensor, "n n"]:
    """Return the dissimilarities (or their ranks) less their mean, with a diagonal of zeros; RSA is the cosine of two of them.

    Takes and refuses one representation, which messages call ``argument``, as `rsa` does two.
    """
    values = _compared(x, argument, comparison, dissimilarity)
    above = values.new_zeros(len(x), len(x))
    above[above.new_ones(above.shape, dtype=torch.bool).triu_(diagonal=1)] = values
    return above + above.mT


def _compared(x: Matrix, argument: str, comparison: Comparison, dissimilarity: Dissimilarity) -> Float[Tensor, " pairs"]:
    values = _dissimilarities(x, argument, dissimilarity)
    if comparison == "spearman":
        values = _ranks(values)
    return values.sub_(values.mean())


def _dissimilarities(x: Matrix, argument: str, dissimilarity: Dissimilarity) -> Float[Tensor, " pairs"]:
    if dissimilarity == "euclidean":
        values = upper_triangle(squared_distances(x)).sqrt_()
    else:
        values = upper_triangle(squared_distances(_StandardisedRows(x, argument))).div_(2)
    if not values.max() - values.min() > ROUNDING * values.max():
        raise InvalidInputError(
            f"Expected dissimilarities that differ between pairs of images in {argument}; all are {values[0].item():.3g}, so "
            "their correlation is undefined. Use other images or another dissimilarity."
        )
    return values


def _ranks(values: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
    """Return ranks from 1; values that are equal up to rounding get their mean rank."""
    ordered, order = values.sort()
    new = ordered.diff(prepend=ordered[:1]) > ROUNDING * ordered[-1]
    counts = torch.bincount(new.cumsum(dim=0))
    means = counts.cumsum(dim=0) - (counts - 1) / 2
    return torch.empty_like(values).scatter_(0, order, means.double().repeat_interleave(counts))


class _StandardisedRows:
    """Rows with mean 0 and length 1 over features, read in rectangles: ‖zᵢ - zⱼ‖² = 2 (1 - rᵢⱼ)."""

    dtype = torch.float64

    def __init__(self, x: Matrix, argument: str) -> None:
        if x.shape[1] < 3:
            raise InvalidInputError(
                f"Expected {argument} with at least 3 features, over which images are correlated; got {x.shape[1]}. "
                "Use dissimilarity='euclidean'."
            )
        self._x, self.shape = x, x.shape
        self._means, self._lengths = _row_moments(x, argument)

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, key: Any) -> Float[Tensor, "b c"]:
        rows = key[0] if isinstance(key, tuple) else key
        return (rectangle(self._x, key).double() - self._means[rows]) / self._lengths[rows]


def _row_moments(x: Matrix, argument: str) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n 1"]]:
    """Return the means of the rows, and their lengths after centring."""
    means: list[Tensor] = []
    lengths: list[Tensor] = []
    for chunk in row_chunks(x):
        rows = chunk.double()
        centred = rows - rows.mean(dim=1, keepdim=True)
        constant = centred.abs().amax(dim=1) <= 4 * torch.finfo(chunk.dtype).eps * rows.abs().amax(dim=1)
        if constant.any():
            image = sum(len(part) for part in means) + int(constant.nonzero()[0])
            raise InvalidInputError(
                f"Expected features that differ within every image of {argument}; all {x.shape[1]} of image {image} are "
                f"{rows[constant][0, 0].item():.3g}, so its correlation is undefined. Leave it out, or use 'euclidean'."
            )
        means.append(rows.mean(dim=1, keepdim=True))
        lengths.append(centred.norm(dim=1, keepdim=True))
    return torch.cat(means), torch.cat(lengths)
