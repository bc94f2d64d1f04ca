"""Our numbers equal those of at least two general libraries or specialised packages per measure, in float64."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import linalg, stats
from scipy.spatial import KDTree
from scipy.spatial import procrustes as scipy_procrustes
from scipy.spatial.distance import cdist, cosine, pdist, squareform
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import pairwise, r2_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import KernelCenterer

from stir.similarity import SIMILARITY_MEASURES, get_similarity_measure, minibatch_cka
from tests.stir.similarity.cases import related_pair

BATCH_SIZE = 12
NEIGHBOURS = 10
TOLERANCE = 1e-7
"""scikit-learn's CCA iterates; the rest agrees to 1e-12."""


def package(name, distribution):
    return pytest.importorskip(name, reason=f"{distribution} is not installed: pip install {distribution}")


def upper(matrix):
    return matrix[np.triu_indices(len(matrix), k=1)]


def cosine_of(k, other):
    return 1 - cosine(k.ravel(), other.ravel())


def centred_by_sklearn(kernel):
    return KernelCenterer().fit_transform(kernel)


def gram_from_distances(x):
    """Classical scaling: half the squared distances, centred twice, are inner products."""
    centring = np.eye(len(x)) - 1 / len(x)
    return -centring @ squareform(pdist(x, "sqeuclidean")) @ centring / 2


def gaussian(x):
    distances = pairwise.euclidean_distances(x)
    return pairwise.rbf_kernel(x, gamma=1 / (2 * np.median(upper(distances)) ** 2))


def gaussian_by_scipy(x):
    squared = cdist(x, x, "sqeuclidean")
    return np.exp(-squared / (2 * np.median(pdist(x)) ** 2))


def ratio(cross, of_x, of_y):
    return (cross / (of_x * of_y) ** 0.5).item()


def batches(x):
    return torch.from_numpy(x).reshape(-1, BATCH_SIZE, x.shape[1])


def pytorch_cka_in_batches(x, y):
    cka = package("cka", "pytorch-cka")
    parts = [[(z @ z.mT)[None] for z in pair] for pair in zip(batches(x), batches(y), strict=True)]
    return ratio(*(sum(values) for values in zip(*(cka.hsic(*pair) for pair in parts), strict=True)))


def of_kernels_by_ckatorch(k, other):
    ckatorch = package("ckatorch", "ckatorch")
    return cosine_of(*(ckatorch.center_gram_matrix(torch.from_numpy(z), unbiased=True).numpy() for z in (k, other)))


def of_kernels_by_pytorch_cka(k, other):
    return ratio(*package("cka", "pytorch-cka").hsic(*(torch.from_numpy(z)[None] for z in (k, other))))


def by_rsatoolbox(x, y, distance, method):
    rdm = package("rsatoolbox.rdm", "rsatoolbox")
    from rsatoolbox.data import Dataset

    return rdm.compare(*(rdm.calc_rdm(Dataset(z), method=distance) for z in (x, y)), method=method).item()


def variates(x, y):
    """Canonical variates of x, of length 1, and correlations, by partial least squares."""
    model = CCA(n_components=min(x.shape[1], y.shape[1]), scale=False, max_iter=20000, tol=1e-14)
    of_x, of_y = model.fit_transform(x, y)
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(of_x.T, of_y.T, strict=True)]
    return of_x / np.linalg.norm(of_x, axis=0), np.array(correlations)


def variates_by_eigenvectors(x, y):
    """As solutions of Σxy Σyy⁻¹ Σyx w = ρ² Σxx w."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    explained = x.T @ y @ linalg.solve(y.T @ y, y.T @ x, assume_a="pos")
    squares, weights = linalg.eigh((explained + explained.T) / 2, x.T @ x)
    shared = min(x.shape[1], y.shape[1])
    return (x @ weights)[:, -shared:], np.sqrt(squares[-shared:])


def weighted(x, found):
    of_x, correlations = found
    return np.average(correlations, weights=np.abs(of_x.T @ (x - x.mean(axis=0))).sum(axis=1))


def subspaces(x, y):
    return np.cos(linalg.subspace_angles(x - x.mean(axis=0), y - y.mean(axis=0))).mean()


def leading(x):
    return PCA(0.99, svd_solver="full").fit_transform(x)


def padded(x, y):
    """With features of zeros, as wide as the wider."""
    width = max(x.shape[1], y.shape[1])
    return (np.pad(z - z.mean(axis=0), ((0, 0), (0, width - z.shape[1]))) for z in (x, y))


def rotated(x, y):
    x, y = (z / np.linalg.norm(z) for z in padded(x, y))
    return linalg.orthogonal_procrustes(x, y)[1]


def least_squares(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return 1 - ((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2).sum() / (y**2).sum()


def shared(first, second):
    return np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(first, second, strict=True)])


def nearest(x):
    return NearestNeighbors(n_neighbors=NEIGHBOURS).fit(x).kneighbors(return_distance=False)


def nearest_by_tree(x):
    return KDTree(x).query(x, NEIGHBOURS + 1)[1][:, 1:]


def rsa(distance, method):
    def by_pandas(x, y):
        return pd.Series(upper(pairwise.pairwise_distances(x, metric=distance))).corr(
            pd.Series(upper(pairwise.pairwise_distances(y, metric=distance))), method=method
        )

    return {
        "scipy": lambda x, y: getattr(stats, f"{method}r")(pdist(x, distance), pdist(y, distance)).statistic,
        "scikit-learn, pandas": by_pandas,
    }


PEERS = {
    "linear_cka": {
        "scikit-learn": lambda x, y: cosine_of(*(centred_by_sklearn(pairwise.linear_kernel(z)) for z in (x, y))),
        "scipy": lambda x, y: cosine_of(gram_from_distances(x), gram_from_distances(y)),
        "ckatorch": lambda x, y: package("ckatorch", "ckatorch").cka_base(*map(torch.from_numpy, (x, y))).item(),
        "rsatoolbox": lambda x, y: by_rsatoolbox(x, y, "euclidean", "cosine_cov"),
    },
    "linear_cka_debiased": {
        "ckatorch": lambda x, y: package("ckatorch", "ckatorch").cka_base(*map(torch.from_numpy, (x, y)), unbiased=True).item(),
        "pytorch-cka": lambda x, y: package("cka", "pytorch-cka").cka_from_features(*map(torch.from_numpy, (x, y))).item(),
    },
    "minibatch_cka": {
        "ckatorch": lambda x, y: package("ckatorch", "ckatorch").cka_batch(batches(x), batches(y)).item(),
        "pytorch-cka": pytorch_cka_in_batches,
    },
    "rbf_cka": {
        "scikit-learn": lambda x, y: cosine_of(centred_by_sklearn(gaussian(x)), centred_by_sklearn(gaussian(y))),
        "scipy": lambda x, y: cosine_of(*(z - z.mean(0) - z.mean(1)[:, None] + z.mean() for z in map(gaussian_by_scipy, (x, y)))),
    },
    "rbf_cka_debiased": {
        "scikit-learn, ckatorch": lambda x, y: of_kernels_by_ckatorch(gaussian(x), gaussian(y)),
        "scipy, pytorch-cka": lambda x, y: of_kernels_by_pytorch_cka(gaussian_by_scipy(x), gaussian_by_scipy(y)),
    },
    "mean_cca": {"scipy": subspaces, "scikit-learn": lambda x, y: variates(x, y)[1].mean()},
    "svcca": {
        "scikit-learn, scipy": lambda x, y: subspaces(leading(x), leading(y)),
        "scikit-learn": lambda x, y: variates(leading(x), leading(y))[1].mean(),
    },
    "pwcca": {
        "scikit-learn": lambda x, y: weighted(x, variates(x, y)),
        "scipy": lambda x, y: weighted(x, variates_by_eigenvectors(x, y)),
    },
    "procrustes": {
        "scipy.spatial": lambda x, y: np.sqrt(1 - scipy_procrustes(*padded(x, y))[2]),
        "scipy.linalg": rotated,
        "rsatoolbox": lambda x, y: by_rsatoolbox(x, y, "euclidean", "bures"),
    },
    "rsa_spearman": rsa("correlation", "spearman") | {"rsatoolbox": lambda x, y: by_rsatoolbox(x, y, "correlation", "spearman")},
    "rsa_pearson": rsa("correlation", "pearson") | {"rsatoolbox": lambda x, y: by_rsatoolbox(x, y, "correlation", "corr")},
    "rsa_spearman_euclidean": rsa("euclidean", "spearman")
    | {"rsatoolbox": lambda x, y: by_rsatoolbox(x, y, "euclidean", "spearman")},
    "rsa_pearson_euclidean": rsa("euclidean", "pearson"),
    "linear_regression": {
        "scikit-learn": lambda x, y: r2_score(y, LinearRegression().fit(x, y).predict(x), multioutput="variance_weighted"),
        "numpy": least_squares,
    },
    "mutual_knn": {
        "scikit-learn": lambda x, y: shared(nearest(x), nearest(y)),
        "scipy": lambda x, y: shared(nearest_by_tree(x), nearest_by_tree(y)),
    },
    "mean_pnka": {
        "scikit-learn": lambda x, y: (
            1 - pairwise.paired_cosine_distances(*(centred_by_sklearn(pairwise.linear_kernel(z)) for z in (x, y))).mean()
        ),
        "scipy": lambda x, y: np.mean(
            [1 - cosine(a, b) for a, b in zip(gram_from_distances(x), gram_from_distances(y), strict=True)]
        ),
    },
}
NEED_IMAGES = ("mean_cca", "svcca", "pwcca", "linear_regression")
"""Measures of more images than features."""


@pytest.mark.parametrize(("n", "d1", "d2"), [(60, 8, 6), (36, 70, 50)], ids=["d<n", "d>n"])
@pytest.mark.parametrize(("measure", "peer"), [(measure, peer) for measure, peers in PEERS.items() for peer in peers])
def test_equals_a_peer(measure, peer, n, d1, d2):
    if measure in NEED_IMAGES and d1 > n:
        n = d1 + d2 + 60
    x, y = related_pair(n, d1, d2)
    compute = get_similarity_measure(measure)
    found = minibatch_cka(x, y, batch_size=BATCH_SIZE) if measure == "minibatch_cka" else compute(x, y)
    assert 0.01 < found < 0.99
    assert found == pytest.approx(PEERS[measure][peer](x.numpy(), y.numpy()), abs=TOLERANCE)


def test_every_measure_has_two_peers():
    assert {name: len(peers) for name, peers in PEERS.items() if len(peers) < 2} == {}
    assert set(SIMILARITY_MEASURES) == set(PEERS), "test_peers.py: PEERS"
