"""Matrices of pairs of images without the part that an image's own mean, or the mean of all, explains."""

from jaxtyping import Float
from torch import Tensor

from stir.errors import InvalidInputError

ROUNDING = 1e-12
"""A matrix shorter than this fraction of what it was before centring is zero."""


def double_centred(k: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Centre rows and columns, in place: the sum of products of two such matrices is (n−1)² HSIC₀."""
    rows = k.mean(dim=1)
    return k.sub_(rows[:, None]).sub_(rows[None, :]).add_(rows.mean())


def u_centred(k: Float[Tensor, "n n"], argument: str) -> Float[Tensor, "n n"]:
    """Centre without the diagonal, in place: the sum of products of two such matrices is n(n−3) HSIC₁.

    Parameters
    ----------
    k : Float[Tensor, "n n"]
        Symmetric.
    argument : str
        Name of the representation, for the message.

    Raises
    ------
    InvalidInputError
        If all pairs of images are alike.

    References
    ----------
    Székely and Rizzo 2014, arXiv:1310.2926.
    """
    n = len(k)
    size = k.norm()
    rows = k.fill_diagonal_(0).sum(dim=1)
    k.sub_(rows[:, None] / (n - 2)).sub_(rows[None, :] / (n - 2)).add_(rows.sum() / ((n - 1) * (n - 2))).fill_diagonal_(0)
    if not k.norm() > ROUNDING * size:
        raise InvalidInputError(
            f"Expected kernel values that differ between pairs of images in {argument}; all are alike, so the estimated HSIC "
            "with itself is not positive and CKA is undefined. Use more images, or a larger bandwidth."
        )
    return k
