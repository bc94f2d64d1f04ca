"""The three linear HSICs in CKA, from Gram matrices or from products of features."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.chunks import Matrix, feature_chunks, paired_row_chunks
from stir.similarity.features import Features, power_of_two_over, summarise
from stir.similarity.gram import SymmetricProduct
from stir.similarity.matrix_checks import check_finite, check_form, check_representation, constant_features

ROUNDING = 1e-12
"""An estimate is taken as zero if it is smaller than this fraction of the terms that it is a difference of."""

LEAST_SHARE = 3e-3
"""An estimate that is a smaller fraction of the terms that it is a difference of requires float64 products: with float32,
the error of CKA is about 4e-11 / share (measured)."""

SMALL_WORK = 2**27
"""Up to this number of multiplications, the cost of float64 is negligible."""


class LinearKernel(Protocol):
    """K = XXᵀ of centred features, in any form."""

    def inner(self, other: Any) -> float:
        """Return tr(KL)."""
        ...

    def diagonal(self) -> Float[Tensor, " n"]:
        """Return the squared norms of the images."""
        ...


@dataclass(frozen=True)
class Products:
    """tr(KL), tr(KK), tr(LL), and the diagonals of K and L."""

    cross: float
    of_x: float
    of_y: float
    diagonal_x: Float[Tensor, " n"]
    diagonal_y: Float[Tensor, " n"]

    def hsics(self, *, debiased: bool) -> tuple[float, float, float]:
        """Return HSIC of x with y, x with x and y with y, all three up to a common factor."""
        if not debiased:
            return self.cross, self.of_x, self.of_y
        # Rows of a centred Gram matrix sum to 0.
        return self.unbiased_hsics((torch.zeros_like(self.diagonal_x), torch.zeros_like(self.diagonal_y)))

    def unbiased_hsics(self, rows: tuple[Float[Tensor, " n"], Float[Tensor, " n"]]) -> tuple[float, float, float]:
        """Return n(n-3) HSIC₁ of the three, given sums of the rows of K and L; features may be shifted."""
        k, l = self.diagonal_x, self.diagonal_y  # noqa: E741
        others_k, others_l = k - rows[0], l - rows[1]
        return (
            _unbiased(self.cross - torch.dot(k, l).item(), others_k, others_l),
            _unbiased(self.of_x - torch.dot(k, k).item(), others_k, others_k),
            _unbiased(self.of_y - torch.dot(l, l).item(), others_l, others_l),
        )

    def share(self, *, debiased: bool) -> float:
        """Return the smaller ratio of HSIC of x or y with itself to the terms that it is a difference of."""
        _, of_x, of_y = self.hsics(debiased=debiased)
        return min(of_x / self.of_x, of_y / self.of_y)


def _unbiased(product: float, k: Float[Tensor, " n"], l: Float[Tensor, " n"]) -> float:  # noqa: E741
    """Return n(n-3) HSIC₁, which takes Gram matrices without diagonals, K̃ and L̃.

    It is tr(K̃L̃) + 1ᵀK̃1 1ᵀL̃1/((n-1)(n-2)) - 2/(n-2) 1ᵀK̃L̃1; ``product`` is tr(K̃L̃), ``k`` and ``l`` are the negative
    sums of rows, which are the diagonals of K and L if features are centred.
    """
    n = len(k)
    return product + (k.sum() * l.sum()).item() / ((n - 1) * (n - 2)) - 2 * torch.dot(k, l).item() / (n - 2)


def working_type(x: Matrix, y: Matrix) -> torch.dtype:
    """Return float32 if the inputs are no wider, the matrices are large, and torch multiplies in true float32."""
    n, d = len(x), x.shape[1] + y.shape[1]
    wide = 8 in (x.dtype.itemsize, y.dtype.itemsize)
    small = n * d * min(n, d) <= 2 * SMALL_WORK
    return torch.float64 if wide or small or _float32_is_rounded(x) or _float32_is_rounded(y) else torch.float32


def _float32_is_rounded(x: Matrix) -> bool:
    """Return whether the user allows torch to multiply in TensorFloat-32 or bfloat16."""
    device = x.device.type if isinstance(x, Tensor) else "cpu"
    return torch.is_autocast_enabled(device) or torch.get_float32_matmul_precision() != "highest"


def linear_products(x: Matrix, y: Matrix, *, least_n: int, dtype: torch.dtype) -> Products:
    """Return the products of two representations, in feature space or Gram space, whichever is cheaper.

    Half of XXᵀ and YYᵀ cost n²(d1 + d2)/2; half of XᵀX and YᵀY, and XᵀY, cost n(d1 + d2)²/2. In
    either space the sums take no more memory than x and y would.

    Parameters
    ----------
    x, y : Matrix
        Representations of the same images: read once in Gram space, twice in feature space.
    least_n : int
        The fewest images that the estimator takes.
    dtype : torch.dtype
        Type of the multiplications within chunks; their sums are in float64.

    Raises
    ------
    InvalidInputError, ConstantFeaturesError
        As in `check_representation`.
    """
    if x.shape[1] + y.shape[1] > len(x):
        k, l = (gram_kernel(z, argument, least_n=least_n, dtype=dtype) for z, argument in ((x, "x"), (y, "y")))  # noqa: E741
        return kernel_products(k, l)
    of_x, of_y = (check_representation(z, argument, least_n=least_n) for z, argument in ((x, "x"), (y, "y")))
    return _feature_products(x, y, of_x, of_y, dtype)


def kernel_products(k: LinearKernel, l: LinearKernel) -> Products:  # noqa: E741
    """Return the products of two kernels of one form."""
    return Products(k.inner(l), k.inner(k), l.inner(l), k.diagonal(), l.diagonal())


def gram_kernel(x: Matrix, argument: str, *, least_n: int, dtype: torch.dtype) -> SymmetricProduct:
    """Return XXᵀ of the centred features, up to a factor, so that nothing overflows; checks and reads ``x`` once.

    Parameters
    ----------
    x : Matrix
        A representation (n, d), one row per image.
    argument : str
        Its name, for messages.
    least_n : int
        The fewest images that the estimator takes.
    dtype : torch.dtype
        Type of the multiplications.

    Raises
    ------
    InvalidInputError, ConstantFeaturesError
        As in `check_representation`.
    """
    check_form(x, argument, least_n=least_n)
    kernel, unit, spread, differ = None, 0.0, 0.0, False
    for chunk in feature_chunks(x):
        features = summarise(chunk)
        check_finite(chunk, features, argument)
        differ, spread = differ or features.differ, max(spread, features.spread.max().item())
        # Every chunk is scaled to entries of about 1, and the sum has the scale of the first chunk that is not constant.
        size = power_of_two_over(features.largest_deviation)
        unit = unit or size
        kernel = SymmetricProduct(len(x), chunk.device) if kernel is None else kernel
        if size:
            kernel.add(centred(chunk, features.mean, size, dtype), weight=(size / unit) * (size / unit))
    if kernel is None or not differ:
        raise constant_features(argument, len(x), spread)
    return kernel


def centred(x: Tensor, mean: Float[Tensor, " d"], size: float, dtype: torch.dtype) -> Tensor:
    """Subtract the float64 means and divide by a power of two; in float32 in two steps, since a mean is not exact in float32."""
    if dtype is torch.float64 or not 1e-30 < size < 1e30:
        return (x - mean).mul_(1 / size).to(dtype)
    near, scale = mean.to(dtype), 1 / size
    # Products with a power of two are exact, so that it makes no difference that they come first: a pass over x less.
    return torch.add(near * -scale, x.to(dtype), alpha=scale).sub_((mean - near).to(dtype) * scale)


def _feature_products(x: Matrix, y: Matrix, of_x: Features, of_y: Features, dtype: torch.dtype) -> Products:
    """Return the products from XᵀX, YᵀY and XᵀY."""
    device = of_x.mean.device
    xx, yy = SymmetricProduct(x.shape[1], device), SymmetricProduct(y.shape[1], device)
    xy = torch.zeros(x.shape[1], y.shape[1], dtype=torch.float64, device=device)
    sizes = power_of_two_over(of_x.largest_deviation), power_of_two_over(of_y.largest_deviation)
    norms: list[tuple[Tensor, Tensor]] = []
    for some_x, some_y in paired_row_chunks(x, y):
        a, b = centred(some_x, of_x.mean, sizes[0], dtype), centred(some_y, of_y.mean, sizes[1], dtype)
        xx.add(a.mT)
        yy.add(b.mT)
        xy.add_(a.mT @ b)
        norms.append((squared_norms(a), squared_norms(b)))
    diagonals = (torch.cat(parts) for parts in zip(*norms, strict=True))
    return Products(xy.square().sum().item(), xx.inner(xx), yy.inner(yy), *diagonals)


def squared_norms(x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """Return the squared norms of the rows, in float64."""
    return x.square().sum(dim=1, dtype=torch.float64)


def normalised(cross: float, of_x: float, of_y: float, *, products: tuple[float, float]) -> float:
    """Return HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)).

    Parameters
    ----------
    cross, of_x, of_y : float
        The three HSICs.
    products : tuple of float
        The terms that the last two are differences of, to detect rounding errors.

    Raises
    ------
    InvalidInputError
        If one of the last two is not above 0.
    """
    if not (of_x > ROUNDING * products[0] and of_y > ROUNDING * products[1]):
        raise InvalidInputError(
            f"The estimated HSIC of a representation with itself is not positive ({min(of_x, of_y):.3g}), "
            "so CKA is undefined: too few images for this estimator. Use more images."
        )
    return cross / (of_x**0.5 * of_y**0.5)


def cka(products: Products, *, debiased: bool) -> float:
    """Return CKA from the products.

    Raises
    ------
    InvalidInputError
        If HSIC of one representation with itself is not above 0.
    """
    return normalised(*products.hsics(debiased=debiased), products=(products.of_x, products.of_y))
