"""Singular vector canonical correlation analysis (SVCCA)."""

from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.canonical_correlations import canonical_correlations, check_dimensions
from stir.similarity.chunks import Matrix
from stir.similarity.matrix_checks import check_matrices
from stir.similarity.reduction import PrincipalComponents, principal_components


def svcca(x: Matrix, y: Matrix, *, variance: float = 0.99) -> float:
    r"""Return the mean canonical correlation of the leading principal components.

    For each centred representation, the fewest leading principal components are kept whose squared singular
    values sum to the fraction ``variance`` of the total; the value is the mean of the min(k1, k2) canonical
    correlations between the k1 and k2 components.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image, with n > k1 + k2.
    variance : float
        In (0, 1]; the fraction of variance that the kept components explain.

    Returns
    -------
    float
        In [0, 1]; symmetric.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, or n <= k1 + k2: then some correlations
        are 1 for any data.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Raghu et al. 2017, arXiv:1706.05806, section 2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import svcca
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(svcca(upper, lower), 3)
    0.57
    >>> round(svcca(upper, lower, variance=0.5), 3)
    0.427
    """
    check_matrices(x, y, least_n=3)
    if not 0 < variance <= 1:
        raise InvalidInputError(
            f"Expected variance in (0, 1]; got {variance}. It is the fraction of variance to keep: 0.99 keeps 99%."
        )
    of_x, of_y = (_leading(principal_components(z, argument), variance) for z, argument in ((x, "x"), (y, "y")))
    check_dimensions(of_x, of_y)
    return canonical_correlations(of_x, of_y).mean().item()


def _leading(components: PrincipalComponents, variance: float) -> Float[Tensor, "n k"]:
    explained = components.singular_values.square().cumsum(dim=0)
    short = int((explained < variance * explained[-1]).sum())
    return components.scores[:, : short + 1]
