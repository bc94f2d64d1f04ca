"""Inner products and distances between all images, with features read in chunks."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.similarity.chunks import Matrix, feature_chunks

STRIP = 128
"""Rows of a symmetric product that are computed at once: few, so that little below its diagonal is computed."""


class SymmetricProduct:
    """The sum of AAᵀ over matrices A of n rows, in float64: the part on and above the diagonal, in strips of rows.

    A strip consists of rows i to i + 128 and columns i to n, so that work and memory
    are not much more than half of those of the full product.
    """

    def __init__(self, n: int, device: torch.device) -> None:
        self._n = n
        self._strips = [torch.zeros(min(STRIP, n - i), n - i, dtype=torch.float64, device=device) for i in range(0, n, STRIP)]

    def add(self, a: Float[Tensor, "n b"], weight: float = 1.0) -> None:
        """Add weight AAᵀ, multiplied in the type of ``a``."""
        for i, strip in zip(range(0, self._n, STRIP), self._strips, strict=True):
            strip.add_(a[i : i + STRIP] @ a[i:].mT, alpha=weight)

    def diagonal(self) -> Float[Tensor, " n"]:
        """Return the diagonal."""
        return torch.cat([strip.diagonal() for strip in self._strips])

    def row_sums(self) -> Float[Tensor, " n"]:
        """Return the sums of the rows."""
        sums = torch.cat([strip.sum(dim=1) for strip in self._strips])
        for i, strip in zip(range(STRIP, self._n, STRIP), self._strips, strict=False):
            sums[i:] += strip[:, STRIP:].sum(dim=0)
        return sums

    def inner(self, other: "SymmetricProduct") -> float:
        """Return the sum of the products of all entries, tr(AAᵀ BBᵀ)."""
        total = 0.0
        for mine, others in zip(self._strips, other._strips, strict=True):
            products = mine * others
            # A strip begins with a full square on the diagonal; the entries right of it also represent those below.
            total += (2 * products.sum() - products[:, : len(products)].sum()).item()
        return total

    def whole(self) -> Float[Tensor, "n n"]:
        """Return the full, exactly symmetric matrix."""
        whole = torch.empty(self._n, self._n, dtype=torch.float64, device=self._strips[0].device)
        for i, strip in zip(range(0, self._n, STRIP), self._strips, strict=True):
            square, right = strip[:, : len(strip)], strip[:, len(strip) :]
            whole[i : i + STRIP, i : i + STRIP] = (square + square.mT) / 2
            whole[i : i + STRIP, i + STRIP :] = right
            whole[i + STRIP :, i : i + STRIP] = right.mT
        return whole


class WholeProduct:
    """The sum of AAᵀ over matrices A of n rows, in float64, with the part below the diagonal: faster than strips for small n."""

    def __init__(self, n: int, device: torch.device) -> None:
        self._sum = torch.zeros(n, n, dtype=torch.float64, device=device)

    def add(self, a: Float[Tensor, "n b"], weight: float = 1.0) -> None:
        """Add weight AAᵀ, multiplied in the type of ``a``."""
        self._sum.add_(a @ a.mT, alpha=weight)

    def diagonal(self) -> Float[Tensor, " n"]:
        """Return the diagonal."""
        return self._sum.diagonal()

    def row_sums(self) -> Float[Tensor, " n"]:
        """Return the sums of the rows."""
        return self._sum.sum(dim=1)

    def inner(self, other: "WholeProduct") -> float:
        """Return the sum of the products of all entries, tr(AAᵀ BBᵀ)."""
        return torch.dot(self._sum.flatten(), other._sum.flatten()).item()


def centred_gram(x: Matrix) -> Float[Tensor, "n n"]:
    """Return XXᵀ of the centred features, in float64.

    Parameters
    ----------
    x : Matrix
        A representation (n, d), one row per image; read once.

    Returns
    -------
    Float[Tensor, "n n"]
        Exactly symmetric.
    """
    product = None
    for chunk in feature_chunks(x):
        product = SymmetricProduct(len(x), chunk.device) if product is None else product
        centred = chunk.double()
        product.add(centred - centred.mean(dim=0))
    assert product is not None
    return product.whole()


def squared_distances(x: Matrix) -> Float[Tensor, "n n"]:
    """Return the squared Euclidean distances between all images, in float64.

    They are computed from the Gram matrix of the centred features, so that the error of a distance is about
    1e-8 of the distance from the mean image, however far the mean is from 0.

    Parameters
    ----------
    x : Matrix
        A representation (n, d), one row per image; read once.

    Returns
    -------
    Float[Tensor, "n n"]
        Exactly symmetric, nonnegative, with a diagonal of exact zeros.
    """
    gram = centred_gram(x)
    norms = gram.diagonal().clone()
    return (norms + norms[:, None]).sub_(gram, alpha=2).clamp_(min=0)
