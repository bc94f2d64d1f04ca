"""Fit of a linear regression from one representation to the other."""

from stir.errors import InvalidInputError
from stir.similarity.chunks import Matrix, feature_chunks
from stir.similarity.matrix_checks import check_matrices
from stir.similarity.reduction import principal_components


def linear_regression(x: Matrix, y: Matrix) -> float:
    r"""Return R² of predicting y from x by least squares, ‖QₓᵀY‖²_F / ‖Y‖²_F.

    Qₓ is an orthonormal basis of the centred features of x (its rank as `mean_cca` counts it), and Y is
    centred. The direction is from the first argument to the second. R² is that of the fit to these
    images, not of held-out ones: for independent data it is about rank X / (n - 1).

    Parameters
    ----------
    x : Matrix
        The predictors, (n, d1), one row per image, with n > rank X + 1.
    y : Matrix
        The targets, (n, d2), for the same images.

    Returns
    -------
    float
        In [0, 1]; not symmetric.

    Raises
    ------
    InvalidInputError
        If the representations cannot be compared, or n <= rank X + 1: with the intercept, the
        fit is then perfect for any data.
    ConstantFeaturesError
        If one of them is the same for every image.

    References
    ----------
    Kornblith et al. 2019, arXiv:1905.00414, section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stir.similarity import linear_regression
    >>> images = load_digits().images[:100]
    >>> upper, lower = images[:, :4].reshape(100, 32), images[:, 4:].reshape(100, 32)
    >>> round(linear_regression(upper, lower), 3), round(linear_regression(lower, upper), 3)
    (0.604, 0.61)
    """
    check_matrices(x, y, least_n=3)
    basis = principal_components(x, "x").scores
    n, rank = basis.shape
    if rank >= n - 1:
        raise InvalidInputError(
            f"Expected more images than predictors, n > rank(x) + 1; got n = {n}, rank(x) = {rank}. Any y would be "
            f"fitted perfectly. Use more images, or a representation x of fewer features."
        )
    explained = total = 0.0
    for chunk in feature_chunks(y):
        features = chunk.double()
        features = features - features.mean(dim=0, keepdim=True)
        explained += (basis.mT @ features).square().sum().item()
        total += features.square().sum().item()
    return explained / total
