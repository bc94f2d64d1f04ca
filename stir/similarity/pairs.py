"""Values of the n(n-1)/2 pairs of different images."""

import torch
from jaxtyping import Float
from torch import Tensor


def upper_triangle(matrix: Float[Tensor, "n n"]) -> Float[Tensor, " pairs"]:
    """Return the entries i < j of a symmetric matrix, in rows.

    Parameters
    ----------
    matrix : Float[Tensor, "n n"]
        Symmetric, with a row and a column per image.

    Returns
    -------
    Float[Tensor, " pairs"]
        n(n-1)/2 values.
    """
    above = torch.ones(matrix.shape, dtype=torch.bool, device=matrix.device).triu_(diagonal=1)
    return matrix[above]
