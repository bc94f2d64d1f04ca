"""Centred representations in at most n dimensions, and their principal components."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import ConstantFeaturesError
from stir.similarity.chunks import Matrix, feature_chunks


class Reduction(NamedTuple):
    """A representation up to rotation and scale, in float64."""

    matrix: Float[Tensor, "n r"]
    """Centred, r = min(n, d), largest entry 1."""
    rounding: float
    """Singular values up to this are not significant, since rounding of the entries can cause them."""


class PrincipalComponents(NamedTuple):
    """The directions in which a representation varies by more than rounding errors."""

    scores: Float[Tensor, "n r"]
    """Orthonormal columns, which span the centred features."""
    singular_values: Float[Tensor, " r"]
    """In decreasing order; their squares are proportional to the variances."""


def reduction(x: Matrix) -> Reduction:
    """Centre the features, and rotate them into their span if there are more features than images.

    The rotation is exact: with the QR decomposition Xᵀ = QR of the centred features, X = RᵀQᵀ and
    XXᵀ = RᵀR. Features are read in chunks; the R of all chunks so far is decomposed together with the next chunk.

    Parameters
    ----------
    x : Matrix
        A representation (n, d), one row per image.

    Returns
    -------
    Reduction
        The matrix, and the singular value ε (√n + √d) max|X| that rounding may cause, with ε the
        machine epsilon of the type of ``x``.
    """
    n, d = x.shape
    pieces: list[Tensor] = []
    largest, epsilon = 0.0, 0.0
    for chunk in feature_chunks(x):
        largest, epsilon = max(largest, chunk.abs().max().item()), torch.finfo(chunk.dtype).eps
        pieces.append(_centred(chunk))
        # Decomposing fewer than 2n new features at a time would cost more than it saves memory.
        if sum(piece.shape[1] for piece in pieces) > 3 * n:
            pieces = [_lower_triangle(pieces)]
    matrix = _lower_triangle(pieces) if d > n else torch.cat(pieces, dim=1)
    scale = matrix.abs().max().item()
    return Reduction(matrix / scale, epsilon * (n**0.5 + d**0.5) * largest / scale)


def principal_components(x: Matrix, argument: str) -> PrincipalComponents:
    """Return the principal components whose singular values exceed rounding.

    Parameters
    ----------
    x : Matrix
        A representation (n, d), one row per image.
    argument : str
        Its name, for the message.

    Raises
    ------
    ConstantFeaturesError
        If there is none.
    """
    matrix, rounding = reduction(x)
    left, singular_values, _ = torch.linalg.svd(matrix, full_matrices=False)
    of_decomposition = max(x.shape) * torch.finfo(torch.float64).eps * singular_values[0].item()
    rank = int((singular_values > max(rounding, of_decomposition)).sum())
    if rank == 0:
        raise ConstantFeaturesError(
            f"Expected features that differ between images in {argument} by more than rounding; they do not. "
            "Extract them in a wider type (float32 or float64), or choose another layer or other images."
        )
    return PrincipalComponents(left[:, :rank], singular_values[:rank])


def _centred(x: Tensor) -> Float[Tensor, "n d"]:
    x = x.double()
    return x - x.mean(dim=0, keepdim=True)


def _lower_triangle(pieces: list[Tensor]) -> Float[Tensor, "n r"]:
    return torch.linalg.qr(torch.cat(pieces, dim=1).mT, mode="r").R.mT
