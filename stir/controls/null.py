"""What a score would be if the images of X' had nothing to do with those of X: they are shuffled."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from stir.errors import InvalidInputError
from stir.similarity import get_similarity_measure
from stir.similarity.cosines import shuffled_cosines

LEAST_IMAGES = 6
"""The fewest images of a null: 5! = 120 orders of five make no percentile worth the name."""
PERCENTILE = 0.95


@dataclass(frozen=True)
class Null:
    """Scores of shuffled images, for one score."""

    scores: Float[Tensor, " b"]

    @property
    def p95(self) -> float:
        """The 95th percentile."""
        return torch.quantile(self.scores, PERCENTILE).item()

    def p_value(self, score: float) -> float:
        """Return the fraction of shuffled scores, the score itself among them, that are at least as high.

        References
        ----------
        Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero".
        """
        return (1 + int((self.scores >= score).sum())) / (1 + len(self.scores))


def draw_orders(n_images: int, n_orders: int, *, generator: Generator) -> Int[Tensor, "b n"]:
    """Return permutations of the images, drawn on the CPU; the scores of one table share them.

    Raises
    ------
    InvalidInputError
        If there are fewer than `LEAST_IMAGES` images.
    """
    if n_images < LEAST_IMAGES:
        raise InvalidInputError(f"Expected at least {LEAST_IMAGES} images for a null; got {n_images}. Use more images.")
    return torch.stack([torch.randperm(n_images, generator=generator) for _ in range(n_orders)])


def permutation_null(
    x: Float[Tensor, "n d1"], y: Float[Tensor, "n d2"], orders: Int[Tensor, "b n"], *, similarity_measure: str
) -> Null:
    """Return the similarities of x and y with the images of y in other orders.

    Parameters
    ----------
    x, y : Float[Tensor, "n d"]
        m2(X) and m2(X').
    orders : Int[Tensor, "b n"]
        Of `draw_orders`.
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`; one that is a cosine of matrices is not computed again per order.
    """
    measure = get_similarity_measure(similarity_measure)
    if measure.cosine is None:
        return Null(torch.tensor([measure(x, y[order]) for order in orders], dtype=torch.float64))
    k, l = (measure.cosine.matrix(z, argument).double() for z, argument in ((x, "x"), (y, "y")))  # noqa: E741
    return Null(shuffled_cosines(k, l, orders))


def holm(p_values: Float[Tensor, " m"]) -> Float[Tensor, " m"]:
    """Return p-values corrected for their number: the i-th smallest of m times m − i + 1, made monotone, at most 1.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    order = p_values.argsort()
    m = len(p_values)
    corrected = (p_values[order] * torch.arange(m, 0, -1, dtype=p_values.dtype)).cummax(dim=0).values.clamp(max=1)
    return torch.empty_like(p_values).scatter_(0, order, corrected)
