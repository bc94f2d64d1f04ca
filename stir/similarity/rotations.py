"""Wide representations in as many dimensions as they span, for measures that no rotation changes."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.chunks import CHUNK_BYTES, Matrix, rectangle
from stir.similarity.matrix_checks import check_form


def joint_basis(x: Matrix, x_prime: Matrix) -> tuple[Matrix, Matrix]:
    """Return m(X) and m(X') in one orthonormal basis of what their rows span.

    As `reduce`, of two.

    Parameters
    ----------
    x, x_prime : Matrix
        Representations (n, d) and (n', d) by one model and layer.

    Returns
    -------
    tuple of Matrix
        (n, r) and (n', r) with r = min(d, n + n').

    Raises
    ------
    InvalidInputError
        As `reduce` does.
    """
    x_reduced, x_prime_reduced = reduce(x, x_prime)
    return x_reduced, x_prime_reduced


def reduce(*matrices: Matrix) -> tuple[Matrix, ...]:
    r"""Return matrices of d features in one orthonormal basis of what their N rows span together, if N < d.

    With A (N, d) the matrices one upon another and the QR decomposition Aᵀ = QR, the rows of A = RᵀQᵀ
    have coordinates Rᵀ in the basis Q, which is never formed: features are read a piece at a time, and
    R of those read is decomposed with the next. Householder's QR is backward stable column by
    column, so R is that of rows aᵢ + eᵢ with ‖eᵢ‖ ≤ c ε ‖aᵢ‖, ε = 1.1e-16: every inner product
    within and between the matrices is kept to 2cε ‖aᵢ‖‖aⱼ‖. (An eigendecomposition of AAᵀ bounds the
    error by the largest eigenvalue instead, N times as much where the rows share a large mean.)

    Parameters
    ----------
    *matrices : Matrix
        Representations (nᵢ, d), one image a row; tensors, HDF5 datasets, NumPy arrays or memory maps,
        each read once. They are not centred, so that the matrices keep their places to each other.

    Returns
    -------
    tuple of Matrix
        Of shapes (nᵢ, N), N = Σ nᵢ, in float64 (float32 would round them once more), with R's
        diagonal not negative; the arguments themselves if d <= N.

    Raises
    ------
    InvalidInputError
        If an argument is no floating-point matrix, has other features, or has NaN or infinity.
    """
    for i, matrix in enumerate(matrices):
        check_form(matrix, f"matrices[{i}]", least_n=1)
    widths = {matrix.shape[1] for matrix in matrices}
    if len(widths) != 1:
        raise InvalidInputError(
            f"Expected representations with the same features; got {[tuple(m.shape) for m in matrices]}. "
            "Extract all of them from one layer of one model."
        )
    lengths = [len(matrix) for matrix in matrices]
    if matrices[0].shape[1] <= sum(lengths):
        return matrices
    return _coordinates(matrices).split(lengths)


def _coordinates(matrices: tuple[Matrix, ...]) -> Float[Tensor, "N N"]:
    """Return Rᵀ."""
    rows, d = sum(len(matrix) for matrix in matrices), matrices[0].shape[1]
    # Pieces narrower than their rows would cost more decompositions than they save memory.
    step = max(2 * rows, CHUNK_BYTES // (8 * rows))
    pieces: list[Tensor] = []
    for start in range(0, d, step):
        read = [rectangle(matrix, (slice(None), slice(start, start + step))).double() for matrix in matrices]
        pieces = [torch.linalg.qr(torch.cat([*pieces, torch.cat(read)], dim=1).mT, mode="r").R.mT]
    coordinates = pieces[0]
    if not torch.isfinite(coordinates).all():
        raise InvalidInputError("Expected finite representations; got NaN or infinity. Look for an overflow in the model.")
    # R is unique but for the signs of its rows.
    return coordinates * torch.where(coordinates.diagonal() < 0, -1.0, 1.0)
