"""Similarity measures (S_rep) by their names in experiment files and tables."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from jaxtyping import Float, Int
from torch import Tensor

from stir.errors import InvalidInputError, check_known
from stir.similarity.chunks import Matrix
from stir.similarity.cosines import Cosine
from stir.similarity.linear_cka import linear_cka, linear_kernel
from stir.similarity.linear_regression import linear_regression
from stir.similarity.mean_cca import mean_cca
from stir.similarity.minibatch_cka import minibatch_cka
from stir.similarity.mutual_knn import mutual_knn, neighbours
from stir.similarity.pnka import mean_pnka, pnka, relations
from stir.similarity.procrustes import procrustes, shuffled_procrustes
from stir.similarity.pwcca import pwcca
from stir.similarity.rbf_cka import rbf_cka, rbf_kernel
from stir.similarity.rsa import Comparison, Dissimilarity, dissimilarity_matrix, rsa
from stir.similarity.svcca import svcca

__all__ = [
    "POINTWISE_MEASURES",
    "SIMILARITY_MEASURES",
    "SimilarityMeasure",
    "get_similarity_measure",
    "linear_cka",
    "linear_regression",
    "mean_cca",
    "mean_pnka",
    "minibatch_cka",
    "mutual_knn",
    "pnka",
    "procrustes",
    "pwcca",
    "rbf_cka",
    "register_similarity_measure",
    "rsa",
    "svcca",
]
"""Public names of `stir.similarity`."""


@dataclass(frozen=True)
class SimilarityMeasure:
    """A function of two representations of the same images, and its properties.

    Examples
    --------
    >>> import torch
    >>> from stir.similarity import SimilarityMeasure, linear_cka
    >>> measure = SimilarityMeasure(linear_cka, rotation_invariant=True, symmetric=True, least_n=3)
    >>> x = torch.randn(20, 3, generator=torch.manual_seed(0))
    >>> round(measure(x, x), 3)
    1.0
    """

    compute: Callable[[Matrix, Matrix], float]
    """The function."""
    rotation_invariant: bool = False
    """Invariant to rotations of the features of one representation, so that any orthonormal basis may be used."""
    symmetric: bool = False
    """Invariant to swapping the two representations."""
    least_n: int = 1
    """The minimum number of images; a measure may need more if there are more features."""
    of_full_rank: bool = False
    """Requires more images than the sum of the dimensions of the two representations."""
    cosine: Cosine | None = None
    """The measure as the cosine of two matrices of pairs of images, where it is one."""
    shuffled: Callable[[Matrix, Matrix, Int[Tensor, "b n"]], Float[Tensor, " b"]] | None = None
    """The measure with the images of y in other orders, where that takes less than computing it for each order."""

    def __call__(self, x: Matrix, y: Matrix) -> float:
        """Return the similarity of x and y."""
        return self.compute(x, y)


def _invariant(
    compute: Callable[[Matrix, Matrix], float],
    cosine: Cosine | None = None,
    *,
    least_n: int = 3,
    of_full_rank: bool = False,
) -> SimilarityMeasure:
    return SimilarityMeasure(
        compute, rotation_invariant=True, symmetric=True, least_n=least_n, of_full_rank=of_full_rank, cosine=cosine
    )


def _of_kernel(compute: Callable[..., float], kernel: Callable[..., Tensor], *, debiased: bool = False) -> SimilarityMeasure:
    """Return a CKA, biased or debiased, of one kernel."""
    cosine = Cosine(partial(kernel, debiased=debiased), "u" if debiased else "double")
    return _invariant(partial(compute, debiased=debiased), cosine, least_n=4 if debiased else 3)


def _rsa(comparison: Comparison, dissimilarity: Dissimilarity) -> SimilarityMeasure:
    """Return an RSA; Euclidean distances alone do not depend on the basis of the features."""
    return SimilarityMeasure(
        partial(rsa, comparison=comparison, dissimilarity=dissimilarity),
        rotation_invariant=dissimilarity == "euclidean",
        symmetric=True,
        least_n=3,
        cosine=Cosine(partial(dissimilarity_matrix, comparison=comparison, dissimilarity=dissimilarity), "pairs"),
    )


SIMILARITY_MEASURES: dict[str, SimilarityMeasure] = {
    "linear_cka": _of_kernel(linear_cka, linear_kernel),
    "linear_cka_debiased": _of_kernel(linear_cka, linear_kernel, debiased=True),
    "minibatch_cka": _invariant(minibatch_cka, least_n=4),
    "rbf_cka": _of_kernel(rbf_cka, rbf_kernel),
    "rbf_cka_debiased": _of_kernel(rbf_cka, rbf_kernel, debiased=True),
    "mean_cca": _invariant(mean_cca, of_full_rank=True),
    "svcca": _invariant(svcca),
    "pwcca": SimilarityMeasure(pwcca, least_n=3, of_full_rank=True),
    "procrustes": replace(_invariant(procrustes), shuffled=shuffled_procrustes),
    "rsa_spearman": _rsa("spearman", "correlation"),
    "rsa_pearson": _rsa("pearson", "correlation"),
    "rsa_spearman_euclidean": _rsa("spearman", "euclidean"),
    "rsa_pearson_euclidean": _rsa("pearson", "euclidean"),
    "linear_regression": SimilarityMeasure(linear_regression, rotation_invariant=True, least_n=3),
    "mutual_knn": _invariant(mutual_knn, Cosine(neighbours), least_n=12),
    "mean_pnka": _invariant(mean_pnka, Cosine(relations)),
}

POINTWISE_MEASURES: dict[str, Callable[[Matrix, Matrix], Float[Tensor, " n"]]] = {"pnka": pnka}
"""Measures with a value per image."""


def get_similarity_measure(name: str) -> SimilarityMeasure:
    """Return the measure with a name.

    Raises
    ------
    InvalidInputError
        If there is none, with near matches.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import get_similarity_measure
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> measure = get_similarity_measure("procrustes")
    >>> round(measure(upper, lower), 3)
    0.614
    >>> measure.symmetric
    True
    """
    check_known("similarity measure", name, SIMILARITY_MEASURES)
    return SIMILARITY_MEASURES[name]


def register_similarity_measure(name: str, measure: SimilarityMeasure | Callable[[Matrix, Matrix], float]) -> None:
    """Register a measure under a new name.

    Parameters
    ----------
    name : str
        A new name; results contain names, so the meaning of a name must not change.
    measure : SimilarityMeasure or function of (x, y)
        For a plain function, neither invariance to rotations nor symmetry is assumed.

    Raises
    ------
    InvalidInputError
        If the name is taken.

    Examples
    --------
    >>> from stir.similarity import SIMILARITY_MEASURES, linear_cka, register_similarity_measure
    >>> register_similarity_measure("squared_cka", lambda x, y: linear_cka(x, y) ** 2)
    >>> "squared_cka" in SIMILARITY_MEASURES
    True
    >>> del SIMILARITY_MEASURES["squared_cka"]
    """
    if name in SIMILARITY_MEASURES:
        raise InvalidInputError(f"The similarity measure {name!r} exists already. Choose another name.")
    SIMILARITY_MEASURES[name] = measure if isinstance(measure, SimilarityMeasure) else SimilarityMeasure(measure)
