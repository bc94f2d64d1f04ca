"""Wide representations in the dimensions that they span, for measures that are invariant to rotations."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity.chunks import CHUNK_BYTES, Matrix, rectangle
from stir.similarity.matrix_checks import check_form


def joint_basis(x: Matrix, x_prime: Matrix) -> tuple[Matrix, Matrix]:
    """Return m(X) and m(X') in a common orthonormal basis of the span of their rows.

    This is `reduce` for two matrices.

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

    Examples
    --------
    >>> import torch
    >>> from stir.similarity import joint_basis, linear_cka
    >>> x, x_prime = torch.randn(2, 20, 1000, generator=torch.manual_seed(0), dtype=torch.float64)
    >>> small, small_prime = joint_basis(x, x_prime)
    >>> small.shape
    torch.Size([20, 40])
    >>> abs(linear_cka(small, small_prime) - linear_cka(x, x_prime)) < 1e-9
    True
    """
    x_reduced, x_prime_reduced = reduce(x, x_prime)
    return x_reduced, x_prime_reduced


def reduce(*matrices: Matrix) -> tuple[Matrix, ...]:
    r"""Return matrices of d features in a common orthonormal basis of the span of their N rows, if N < d.

    Let A (N, d) be the stacked matrices, with the QR decomposition Aᵀ = QR. The rows of A = RᵀQᵀ
    have coordinates Rᵀ in the basis Q, which is never computed: features are read in chunks, and the
    R of all chunks so far is decomposed with the next chunk. Householder's QR is backward stable column by
    column, so R is that of rows aᵢ + eᵢ with ‖eᵢ‖ ≤ c ε ‖aᵢ‖, ε = 1.1e-16: every inner product
    within and between the matrices is preserved to 2cε ‖aᵢ‖‖aⱼ‖. (An eigendecomposition of AAᵀ bounds the
    error by the largest eigenvalue instead, which is N times larger if the rows share a large mean.)

    Parameters
    ----------
    *matrices : Matrix
        Representations (nᵢ, d), one row per image; tensors, HDF5 datasets, NumPy arrays or memory maps,
        each read once. They are not centred, so that their relative positions are preserved.

    Returns
    -------
    tuple of Matrix
        Shapes are (nᵢ, N) with N = Σ nᵢ, in float64 (float32 would round them again), with R's
        diagonal not negative; the arguments themselves if d <= N.

    Raises
    ------
    InvalidInputError
        If an argument is not a floating-point matrix, has other features, or has NaN or infinity.
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
    # Chunks with fewer columns than rows would need more decompositions and save little memory.
    step = max(2 * rows, CHUNK_BYTES // (8 * rows))
    pieces: list[Tensor] = []
    for start in range(0, d, step):
        read = [rectangle(matrix, (slice(None), slice(start, start + step))).double() for matrix in matrices]
        pieces = [torch.linalg.qr(torch.cat([*pieces, torch.cat(read)], dim=1).mT, mode="r").R.mT]
    coordinates = pieces[0]
    if not torch.isfinite(coordinates).all():
        raise InvalidInputError("Expected finite representations; got NaN or infinity. Look for an overflow in the model.")
    # R is unique up to the signs of its rows.
    return coordinates * torch.where(coordinates.diagonal() < 0, -1.0, 1.0)
