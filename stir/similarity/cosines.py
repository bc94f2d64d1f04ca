"""Measures that are the cosine ⟨K, L⟩ / (‖K‖ ‖L‖) of one matrix of pairs of images per representation.

Shuffling the images of one representation shuffles rows and columns of its matrix and leaves its norm, and leaving an
image out takes a row and a column away: nulls and jackknives need no representation again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.similarity.chunks import Matrix

Centring = Literal["double", "u", "pairs"]


@dataclass(frozen=True)
class Cosine:
    """A measure as the cosine of two matrices of pairs of images."""

    matrix: Callable[[Matrix, str], Tensor]
    """Representation and its name for messages -> matrix (n, n), float64 or boolean."""
    centring: Centring | None = None
    """How the matrix is centred; None where leaving an image out changes it in other ways, so that there is no jackknife."""


def cosine(k: Float[Tensor, "n n"], l: Float[Tensor, "n n"]) -> float:  # noqa: E741
    """Return ⟨K, L⟩ / (‖K‖ ‖L‖)."""
    return (torch.dot(k.flatten(), l.flatten()) / (k.norm() * l.norm())).item()


def shuffled_cosines(
    k: Float[Tensor, "n n"],
    ls: Float[Tensor, "m n n"],
    orders: Int[Tensor, "b n"],
) -> Float[Tensor, "m b"]:
    """Return the cosines of K with several L, the images of L in other orders.

    K is shuffled the other way round instead, once for all L.

    Parameters
    ----------
    k : Float[Tensor, "n n"]
        Of one representation.
    ls : Float[Tensor, "m n n"]
        Of other representations of the same images, in the type of K.
    orders : Int[Tensor, "b n"]
        Permutations of the images.
    """
    n, flat, others = len(k), k.flatten(), ls.flatten(1)
    shuffled = [others @ flat.index_select(0, (order[:, None] * n + order).flatten()) for order in orders.argsort(dim=1)]
    return torch.stack(shuffled, dim=1) / (flat.norm() * others.norm(dim=1))[:, None]


def cosines_without_each(
    k: Float[Tensor, "n n"],
    l: Float[Tensor, "n n"],  # noqa: E741
    centring: Centring,
) -> Float[Tensor, " n"]:
    """Return the cosine without each image in turn, both matrices centred again.

    Parameters
    ----------
    k, l : Float[Tensor, "n n"]
        Symmetric, of two representations of the same images.
    centring : str
        How they are centred: ``"double"``, ``"u"``, or ``"pairs"`` (by the mean over pairs).
    """
    products = _products_without_each[centring]
    return products(k, l) / (products(k, k) * products(l, l)).sqrt()


def _double(k: Tensor, l: Tensor) -> Tensor:  # noqa: E741
    """Return ⟨K, L⟩ − 2 k·l/m + (Σk)(Σl)/m² of m = n − 1 images, k and l being the sums of rows."""
    m, total, of_k, of_l, both = _sums_without_each(k, l)
    return total - 2 / m * both + of_k * of_l / m**2


def _u(k: Tensor, l: Tensor) -> Tensor:  # noqa: E741
    """Return m(m−3) HSIC₁ of m = n − 1 images (Song et al. 2012, equation 5); the diagonals are zeros."""
    m, total, of_k, of_l, both = _sums_without_each(k, l)
    return total + of_k * of_l / ((m - 1) * (m - 2)) - 2 / (m - 2) * both


def _pairs(k: Tensor, l: Tensor) -> Tensor:  # noqa: E741
    """Return ⟨K, L⟩ − (Σk)(Σl)/(m(m−1)) of m = n − 1 images; the diagonals are zeros."""
    m, total, of_k, of_l, _ = _sums_without_each(k, l)
    return total - of_k * of_l / (m * (m - 1))


_products_without_each = {"double": _double, "u": _u, "pairs": _pairs}


def _sums_without_each(k: Tensor, l: Tensor) -> tuple[int, Tensor, Tensor, Tensor, Tensor]:  # noqa: E741
    """Return m = n − 1 and, without each image: ΣKL, ΣK, ΣL, and the inner product of the sums of rows."""
    rows_k, rows_l, own_k, own_l = k.sum(dim=1), l.sum(dim=1), k.diagonal(), l.diagonal()
    products = torch.einsum("ij,ij->i", k, l)
    own = own_k * own_l
    both = torch.dot(rows_k, rows_l) - rows_k * rows_l - (k @ rows_l - own_k * rows_l) - (l @ rows_k - own_l * rows_k)
    return (
        len(k) - 1,
        products.sum() - 2 * products + own,
        rows_k.sum() - 2 * rows_k + own_k,
        rows_l.sum() - 2 * rows_l + own_l,
        both + products - own,
    )
