"""Mean canonical correlation."""

from stir.similarity.canonical_correlations import canonical_correlations, check_dimensions
from stir.similarity.chunks import Matrix
from stir.similarity.matrix_checks import check_matrices
from stir.similarity.reduction import principal_components


def mean_cca(x: Matrix, y: Matrix) -> float:
    r"""Return the mean canonical correlation, Σᵢ ρᵢ / min(rank X, rank Y).

    ρᵢ are the singular values of QₓᵀQᵧ, with Qₓ and Qᵧ orthonormal bases of the centred features,
    by QR and SVD in float64. No invertible linear map of the features changes the value.
    A direction counts towards the rank if its singular value exceeds ε (√n + √d) max|X|, which
    rounding to the type of X, with machine epsilon ε, may cause, and n or d times the ε of float64
    times the largest singular value.

    Parameters
    ----------
    x, y : Matrix
        Representations (n, d1) and (n, d2) of the same n images, one row per image, with
        n > rank X + rank Y.

    Returns
    -------
    float
        In [0, 1]; symmetric. Independent representations are far above 0 when the ranks are
        comparable with n.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, or n <= rank X + rank Y: then some
        correlations are 1 for any data.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Raghu et al. 2017, arXiv:1706.05806; Kornblith et al. 2019, arXiv:1905.00414, section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import mean_cca
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(mean_cca(upper, lower), 3)
    0.575
    """
    check_matrices(x, y, least_n=3)
    of_x, of_y = principal_components(x, "x").scores, principal_components(y, "y").scores
    check_dimensions(of_x, of_y)
    return canonical_correlations(of_x, of_y).mean().item()
