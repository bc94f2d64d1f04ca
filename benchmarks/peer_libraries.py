"""Similarities by general libraries. Each function takes two arrays and a batch size, and returns a function to be timed."""

import math
from collections.abc import Callable

import numpy as np

Compute = Callable[[], float]
NEIGHBOURS = 10


def components(x: np.ndarray, kept: float | None) -> np.ndarray:
    """Return the centred array, or its principal components that preserve a fraction of the variance."""
    from sklearn.decomposition import PCA

    return x - x.mean(axis=0) if kept is None else PCA(kept, svd_solver="full").fit_transform(x)


def statsmodels(x, y, _, *, kept: float | None = None) -> Compute:
    """Canonical correlations."""
    from statsmodels.multivariate.cancorr import CanCorr

    return lambda: float(np.mean(CanCorr(components(x, kept), components(y, kept)).cancorr))


def cca_zoo(x, y, _) -> Compute:
    """Use as many canonical pairs as the narrower representation has features."""
    from cca_zoo.linear import CCA

    def compute() -> float:
        scores = CCA(n_components=min(x.shape[1], y.shape[1])).fit_transform([x, y])
        pairs = zip(*(np.asarray(z, dtype=np.float64).T for z in scores), strict=True)
        return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))

    return compute


def scipy_rsa(x, y, _, *, distance: str, method: str) -> Compute:
    """Distances of all pairs, and their correlation."""
    from scipy import stats
    from scipy.spatial.distance import pdist

    return lambda: float(getattr(stats, f"{method}r")(pdist(x, distance), pdist(y, distance)).statistic)


def scipy_subspaces(x, y, _, *, kept: float | None = None) -> Compute:
    """Cosines of the angles between the spaces that the columns span."""
    from scipy.linalg import subspace_angles

    return lambda: float(np.mean(np.cos(subspace_angles(components(x, kept), components(y, kept)))))


def scipy_procrustes(x, y, _) -> Compute:
    """Its disparity is 1 - similarity²."""
    from scipy.spatial import procrustes

    return lambda: math.sqrt(1 - procrustes(x, y)[2])


def qc_procrustes(x, y, _) -> Compute:
    """Its error after centring and scaling to norm 1 is 2 - 2 similarity."""
    from procrustes import orthogonal

    return lambda: 1 - float(orthogonal(x, y, translate=True, scale=True).error) / 2


def sklearn_regression(x, y, _) -> Compute:
    """Explained variance of y from x, all features of y together."""
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    return lambda: float(r2_score(y, LinearRegression().fit(x, y).predict(x), multioutput="variance_weighted"))


def numpy_regression(x, y, _) -> Compute:
    """Least squares on centred features."""

    def compute() -> float:
        of_x, of_y = x - x.mean(axis=0), y - y.mean(axis=0)
        rest = of_y - of_x @ np.linalg.lstsq(of_x, of_y)[0]
        return 1 - float((rest**2).sum() / (of_y**2).sum())

    return compute


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean fraction of shared neighbours, from (n, k) indices."""
    return float(np.mean([len(set(a) & set(b)) / first.shape[1] for a, b in zip(first, second, strict=True)]))


def sklearn_neighbours(x, y, _) -> Compute:
    """Without a query, an image is no neighbour of itself."""
    from sklearn.neighbors import NearestNeighbors

    def neighbours(z: np.ndarray) -> np.ndarray:
        return NearestNeighbors(n_neighbors=NEIGHBOURS).fit(z).kneighbors(return_distance=False)

    return lambda: overlap(neighbours(x), neighbours(y))


def scipy_neighbours(x, y, _) -> Compute:
    """Leave out the first, the image itself."""
    from scipy.spatial import cKDTree

    return lambda: overlap(*(cKDTree(z).query(z, NEIGHBOURS + 1)[1][:, 1:] for z in (x, y)))


def sklearn_pnka(x, y, _) -> Compute:
    """Cosines of the rows of centred kernels."""
    from sklearn.metrics.pairwise import linear_kernel, paired_cosine_distances
    from sklearn.preprocessing import KernelCenterer

    def kernel(z: np.ndarray) -> np.ndarray:
        return KernelCenterer().fit_transform(linear_kernel(z))

    return lambda: float(1 - paired_cosine_distances(kernel(x), kernel(y)).mean())


def scipy_pnka(x, y, _) -> Compute:
    """Cosines of the rows of centred Gram matrices, one image at a time."""
    from scipy.spatial.distance import cosine

    def compute() -> float:
        of_x, of_y = components(x, None), components(y, None)
        return float(np.mean([1 - cosine(of_x @ a, of_y @ b) for a, b in zip(of_x, of_y, strict=True)]))

    return compute
