"""S_rep and STIR of all pairs of models at once, reading every cached representation once."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.chunks import Matrix, rectangle
from stir.similarity.features import power_of_two_over
from stir.similarity.hsic import LinearKernel, Products, cka, gram_kernel, squared_norms
from stir.similarity.matrix_checks import check_form, check_paired, check_representation

LINEAR = {"linear_cka": False, "linear_cka_debiased": True}
"""Measures that use one kernel per representation -> whether they are debiased."""


class FeatureKernel:
    """XXᵀ for few features, stored as X, centred and scaled."""

    def __init__(self, x: Float[Tensor, "n d"]) -> None:
        self._x = x

    def inner(self, other: "FeatureKernel") -> float:
        """Return ‖XᵀY‖²_F = tr(XXᵀ YYᵀ)."""
        return (self._x.mT @ other._x).square().sum().item()

    def diagonal(self) -> Float[Tensor, " n"]:
        """Return the squared norms of the rows."""
        return squared_norms(self._x)


class _Kernel(NamedTuple):
    """A kernel, and tr(KK)."""

    form: LinearKernel
    square: float


def similarity_matrix(representations: Sequence[Matrix], similarity_measure: str = "linear_cka") -> Float[Tensor, "M M"]:
    """Return S_rep of all pairs of M models.

    Each representation is read once, and its kernel is computed once and kept, in float64: as n x d numbers if
    n >= 2d for all models, otherwise as n²/2.

    Parameters
    ----------
    representations : sequence of Matrix
        m(X) of every model m, (n, d_m), of the same n images.
    similarity_measure : str
        ``"linear_cka"`` or ``"linear_cka_debiased"``.

    Returns
    -------
    Float[Tensor, "M M"]
        Symmetric, in float64.

    Raises
    ------
    InvalidInputError
        If the measure is not supported, or two representations cannot be compared.
    ConstantFeaturesError
        If one of them is the same for every image.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import similarity_matrix
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> similarity_matrix([upper, lower, images.reshape(100, 64)]).numpy().round(2)
    array([[1.  , 0.41, 0.83],
           [0.41, 1.  , 0.85],
           [0.83, 0.85, 1.  ]])
    """
    debiased = _debiased(similarity_measure)
    names = [f"representations[{i}]" for i in range(len(representations))]
    _check_all(representations, names, debiased)
    in_features = _in_features(representations)
    kernels = [_kernel(x, name, debiased, in_features) for x, name in zip(representations, names, strict=True)]
    values = torch.empty(len(kernels), len(kernels), dtype=torch.float64)
    for i, k in enumerate(kernels):
        for j in range(i, len(kernels)):
            values[i, j] = values[j, i] = _cka(k, kernels[j], debiased)
    return values


def stir_matrix(
    of_reference_images: Sequence[Matrix], of_iris: Sequence[Sequence[Matrix]], similarity_measure: str = "linear_cka"
) -> Float[Tensor, "M M"]:
    """Return STIR(m2 | m1, X) = S_rep(m2(X), m2(X')) of all ordered pairs of M models, where m1(X') = m1(X).

    Each representation is read once; two kernels are in memory at a time.

    Parameters
    ----------
    of_reference_images : sequence of Matrix
        m2(X) of every model m2, of the same n images.
    of_iris : sequence of sequences of Matrix
        ``of_iris[m1][m2]`` is m2(X'), with X' the identically represented images of m1.
    similarity_measure : str
        ``"linear_cka"`` or ``"linear_cka_debiased"``.

    Returns
    -------
    Float[Tensor, "M M"]
        Rows are reference models m1, columns target models m2; in float64. Not symmetric.

    Raises
    ------
    InvalidInputError
        If the measure is not supported, the representations are not M x M, or two cannot be compared.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Nanda et al. 2022, arXiv:2206.11939, equation 2.

    Examples
    --------
    Of two models: their representations of X, then of the IRIs of the first and of the second:

    >>> import torch
    >>> from stir.similarity import stir_matrix
    >>> x = torch.randn(50, 6, generator=torch.manual_seed(0))
    >>> near = x + 0.1 * torch.randn(50, 6, generator=torch.manual_seed(1))
    >>> stir_matrix([x, x[:, :3]], [[x, near[:, :3]], [near, x[:, :3]]]).numpy().round(2)
    array([[1.  , 0.99],
           [0.99, 1.  ]])
    """
    debiased = _debiased(similarity_measure)
    m = len(of_reference_images)
    if len(of_iris) != m or any(len(row) != m for row in of_iris):
        raise InvalidInputError(
            f"Expected of_iris as {m} sequences of {m} representations, one per model of of_reference_images; "
            f"got lengths {[len(row) for row in of_iris]}. Put m2(X') of reference model m1 at of_iris[m1][m2]."
        )
    values = torch.empty(m, m, dtype=torch.float64)
    for target in range(m):
        column = [of_reference_images[target], *(row[target] for row in of_iris)]
        names = [f"of_reference_images[{target}]", *(f"of_iris[{i}][{target}]" for i in range(m))]
        _check_all(column, names, debiased)
        _check_same_features(column, names)
        in_features = _in_features(column)
        kept = _kernel(column[0], names[0], debiased, in_features)
        for reference in range(m):
            other = _kernel(column[reference + 1], names[reference + 1], debiased, in_features)
            values[reference, target] = _cka(kept, other, debiased)
    return values


def _debiased(similarity_measure: str) -> bool:
    if similarity_measure not in LINEAR:
        raise InvalidInputError(
            f"Expected similarity_measure {' or '.join(map(repr, LINEAR))}; got {similarity_measure!r}. "
            "Call other measures pair by pair."
        )
    return LINEAR[similarity_measure]


def _check_all(representations: Sequence[Matrix], names: Sequence[str], debiased: bool) -> None:
    for x, name in zip(representations, names, strict=True):
        check_form(x, name, least_n=4 if debiased else 3)
        check_paired(representations[0], x, (names[0], name))


def _check_same_features(column: Sequence[Matrix], names: Sequence[str]) -> None:
    for x, name in zip(column, names, strict=True):
        if x.shape[1] != column[0].shape[1]:
            raise InvalidInputError(
                f"Expected {names[0]} and {name} by one model, with the same features; got {tuple(column[0].shape)} and "
                f"{tuple(x.shape)}. Put m2(X') of reference model m1 at of_iris[m1][m2]."
            )


def _in_features(representations: Sequence[Matrix]) -> bool:
    return all(2 * x.shape[1] <= len(x) for x in representations)


def _kernel(x: Matrix, name: str, debiased: bool, in_features: bool) -> _Kernel:
    form = _form(x, name, 4 if debiased else 3, in_features)
    return _Kernel(form, form.inner(form))


def _form(x: Matrix, name: str, least_n: int, in_features: bool) -> LinearKernel:
    if not in_features:
        return gram_kernel(x, name, least_n=least_n, dtype=torch.float64)
    read = rectangle(x, slice(None))
    features = check_representation(read, name, least_n=least_n)
    return FeatureKernel((read - features.mean).mul_(1 / power_of_two_over(features.largest_deviation)))


def _cka(k: _Kernel, l: _Kernel, debiased: bool) -> float:  # noqa: E741
    products = Products(k.form.inner(l.form), k.square, l.square, k.form.diagonal(), l.form.diagonal())
    return cka(products, debiased=debiased)
