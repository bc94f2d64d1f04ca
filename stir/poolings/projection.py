"""Random projection of wide activations (Johnson and Lindenstrauss 1984): distances between images hold, up to a stated error."""

from functools import lru_cache
from math import log

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from stir.dtypes import widened
from stir.errors import InvalidInputError


def project(n_dimensions: int, random_seed: int, activations: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
    """Return flattened activations times a random matrix that depends on their number, ``n_dimensions`` and ``random_seed``.

    Raises
    ------
    InvalidInputError
        If there are no more features than dimensions.
    """
    features = widened(activations.flatten(1))
    if features.shape[1] <= n_dimensions:
        raise InvalidInputError(
            f"Expected a layer of more than {n_dimensions} features to project to {n_dimensions} dimensions; got "
            f"{features.shape[1]}. Use pooling='flatten', or fewer dimensions."
        )
    matrix = _matrix(features.shape[1], n_dimensions, random_seed, features.dtype, features.device)
    return torch.sparse.mm(matrix, features.T).T.to(activations.dtype)


@lru_cache(maxsize=8)
def _matrix(n_features: int, n_dimensions: int, random_seed: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the sparse matrix of Li, Hastie and Church (2006), as scikit-learn draws it."""
    from sklearn.random_projection import SparseRandomProjection

    # Fitting looks at the number of features alone.
    shape_alone = np.broadcast_to(np.zeros(1, dtype=np.float64), (1, n_features))
    fitted = SparseRandomProjection(n_dimensions, random_state=random_seed).fit(shape_alone)
    entries = fitted.components_.tocoo()
    places = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    values = torch.from_numpy(entries.data).to(dtype)
    return torch.sparse_coo_tensor(places, values, entries.shape, check_invariants=True).coalesce().to(device)


def projection_error(n_images: int, n_dimensions: int) -> float:
    """Return the relative error within which all squared distances of images are kept, for some random projection.

    Parameters
    ----------
    n_images, n_dimensions : int
        Points, and dimensions that they are projected to.

    Returns
    -------
    float
        eps with ``n_dimensions = 4 log(n_images) / (eps² / 2 - eps³ / 3)`` (Dasgupta and Gupta 2003, as in
        scikit-learn's ``johnson_lindenstrauss_min_dim``); infinity where there is none below 1.

    Examples
    --------
    >>> from stir.poolings import projection_error
    >>> round(projection_error(1000, 4096), 2)
    0.12
    """
    wanted = 4 * log(max(n_images, 2)) / n_dimensions
    from scipy.optimize import brentq  # imports for a third of a second, of all poolings for this one alone

    return brentq(lambda eps: eps**2 / 2 - eps**3 / 3 - wanted, 0.0, 1.0) if wanted < 1 / 6 else float("inf")
