"""Reference values: similarities written directly from their equations, in float64 with NumPy and SciPy, without `stir`."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy import stats
from scipy.spatial.distance import pdist, squareform

Array = np.ndarray
NEIGHBOURS = 10


def centred(x: Array) -> Array:
    """Return float64 with column means of 0."""
    x = x.astype(np.float64)
    return x - x.mean(axis=0)


def twice_centred(k: Array) -> Array:
    """Return HKH with H = I - 11ᵀ/n."""
    return k - k.mean(axis=0) - k.mean(axis=1, keepdims=True) + k.mean()


def gram(x: Array) -> Array:
    """Return XXᵀ of centred columns, in chunks of columns."""
    k = np.zeros((len(x), len(x)))
    for columns in range(0, x.shape[1], 4096):
        part = centred(x[:, columns : columns + 4096])
        k += part @ part.T
    return k


def aligned(k: Array, other: Array) -> float:
    """Return ⟨K, L⟩ / (‖K‖ ‖L‖)."""
    return float((k * other).sum() / np.sqrt((k * k).sum() * (other * other).sum()))


def unbiased_hsic(k: Array, other: Array) -> float:
    """Return HSIC₁, equation 5 of Song et al. 2012."""
    n = len(k)
    k, other = k.copy(), other.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(other, 0)
    crossed = k.sum() * other.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * k.sum(axis=0) @ other.sum(axis=0)
    return float(((k * other).sum() + crossed) / (n * (n - 3)))


def linear_cka(x: Array, y: Array, _: int) -> float:
    """Kornblith et al. 2019."""
    return aligned(gram(x), gram(y))


def minibatch_cka(x: Array, y: Array, batch_size: int) -> float:
    """Nguyen et al. 2020, equations 2 and 3: HSIC₁ summed over minibatches, without changing the last one."""
    parts = [(gram(x[i : i + batch_size]), gram(y[i : i + batch_size])) for i in range(0, len(x), batch_size)]
    sums = [sum(unbiased_hsic(part[a], part[b]) for part in parts) for a, b in ((0, 1), (0, 0), (1, 1))]
    return sums[0] / np.sqrt(sums[1] * sums[2])


def even_minibatch_cka(x: Array, y: Array, batch_size: int) -> float:
    """Divide the images as `stir` does: into minibatches that differ by at most one image, weighted by their number of images."""
    parts = np.array_split(np.arange(len(x)), -(-len(x) // batch_size))
    grams = [(gram(x[part]), gram(y[part])) for part in parts]
    sums = [sum(len(k[0]) * unbiased_hsic(k[a], k[b]) for k in grams) for a, b in ((0, 1), (0, 0), (1, 1))]
    return sums[0] / np.sqrt(sums[1] * sums[2])


def linear_cka_debiased(x: Array, y: Array, _: int) -> float:
    """All images as one minibatch."""
    return minibatch_cka(x, y, len(x))


def rbf_kernel(x: Array) -> Array:
    """Return exp(-d² / 2σ²), σ being the median distance between two images."""
    distances = pdist(centred(x))
    return np.exp(-(squareform(distances) ** 2) / (2 * np.median(distances) ** 2))


def rbf_cka(x: Array, y: Array, _: int) -> float:
    """Kornblith et al. 2019."""
    return aligned(twice_centred(rbf_kernel(x)), twice_centred(rbf_kernel(y)))


def rbf_cka_debiased(x: Array, y: Array, _: int) -> float:
    """Song et al. 2012."""
    k, other = rbf_kernel(x), rbf_kernel(y)
    return unbiased_hsic(k, other) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(other, other))


def basis(x: Array, variance: float = 1.0) -> Array:
    """Return left singular vectors: all but those of rounding errors, or as many as preserve a fraction of the variance."""
    left, singular_values, _ = np.linalg.svd(centred(x), full_matrices=False)
    left, singular_values = left[:, singular_values > 1e-9 * singular_values[0]], singular_values[: left.shape[1]]
    kept = np.cumsum(singular_values**2) / (singular_values**2).sum()
    return left if variance == 1 else left[:, : 1 + int((kept < variance).sum())]


def mean_cca(x: Array, y: Array, _: int, *, variance: float = 1.0) -> float:
    """Raghu et al. 2017: singular values of QₓᵀQᵧ."""
    return float(np.linalg.svd(basis(x, variance).T @ basis(y, variance), compute_uv=False).mean())


def svcca(x: Array, y: Array, _: int) -> float:
    """Raghu et al. 2017: components that preserve 99% of the variance."""
    return mean_cca(x, y, _, variance=0.99)


def pwcca(x: Array, y: Array, _: int) -> float:
    """Morcos et al. 2018: weights from the features of x."""
    of_x = basis(x)
    rotation, correlations, _unused = np.linalg.svd(of_x.T @ basis(y), full_matrices=False)
    weights = np.abs((of_x @ rotation).T @ centred(x)).sum(axis=1)
    return float((weights * correlations).sum() / weights.sum())


def procrustes(x: Array, y: Array, _: int) -> float:
    """Williams et al. 2021: the nuclear norm, from the eigenvalues of Gram matrices if there are fewer images than features."""
    x, y = centred(x), centred(y)
    if x.shape[1] > len(x):
        values, vectors = np.linalg.eigh(x @ x.T)
        root = vectors * np.sqrt(values.clip(0)) @ vectors.T
        nuclear = np.sqrt(np.linalg.eigvalsh(root @ (y @ y.T) @ root).clip(0)).sum()
    else:
        nuclear = np.linalg.svd(x.T @ y, compute_uv=False).sum()
    return float(nuclear / (np.linalg.norm(x) * np.linalg.norm(y)))


def linear_regression(x: Array, y: Array, _: int) -> float:
    """Kornblith et al. 2019: the fraction of y's variance in the span of x."""
    y = centred(y)
    return float(((basis(x).T @ y) ** 2).sum() / (y**2).sum())


def rsa(x: Array, y: Array, _: int, *, method: str, distance: str) -> float:
    """Kriegeskorte et al. 2008: correlate the dissimilarities of all pairs."""
    # Offsets do not change distances but reduce their precision; correlations over features depend on them.
    first, second = (pdist(centred(z) if distance == "euclidean" else z.astype(np.float64), distance) for z in (x, y))
    return float(getattr(stats, f"{method}r")(first, second).statistic)


def neighbours(x: Array) -> Iterator[set[int]]:
    """Return the nearest neighbours of every image, without itself."""
    distances = squareform(pdist(centred(x)))
    np.fill_diagonal(distances, np.inf)
    return (set(row) for row in np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS])


def mutual_knn(x: Array, y: Array, _: int) -> float:
    """Huh et al. 2024: the mean fraction of neighbours in both."""
    return float(np.mean([len(a & b) / NEIGHBOURS for a, b in zip(neighbours(x), neighbours(y), strict=True)]))


def mean_pnka(x: Array, y: Array, _: int) -> float:
    """Kolling et al. 2023: the mean cosine of an image's rows of both Gram matrices."""
    k, other = gram(x), gram(y)
    return float(((k * other).sum(axis=1) / (np.linalg.norm(k, axis=1) * np.linalg.norm(other, axis=1))).mean())


EXACT: dict[str, Callable[[Array, Array, int], float]] = {
    "linear_cka": linear_cka,
    "linear_cka_debiased": linear_cka_debiased,
    "minibatch_cka": minibatch_cka,
    "rbf_cka": rbf_cka,
    "rbf_cka_debiased": rbf_cka_debiased,
    "mean_cca": mean_cca,
    "svcca": svcca,
    "pwcca": pwcca,
    "procrustes": procrustes,
    "linear_regression": linear_regression,
    "mutual_knn": mutual_knn,
    "mean_pnka": mean_pnka,
    "rsa_spearman": partial(rsa, method="spearman", distance="correlation"),
    "rsa_pearson": partial(rsa, method="pearson", distance="correlation"),
    "rsa_spearman_euclidean": partial(rsa, method="spearman", distance="euclidean"),
    "rsa_pearson_euclidean": partial(rsa, method="pearson", distance="euclidean"),
}
