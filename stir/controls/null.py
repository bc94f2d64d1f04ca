"""What a score would be if the images of X' had nothing to do with those of X: they are shuffled."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from scipy import special
from torch import Generator, Tensor

from stir.errors import InvalidInputError
from stir.similarity import get_similarity_measure
from stir.similarity.cosines import shuffled_cosines
from stir.table_controls import LEAST_IMAGES_OF_NULL

PERCENTILE = 0.95
N_ORDERS = 99
"""Shuffles of measures that are cosines of matrices of pairs of images, which need no representation again."""
N_ORDERS_OF_OTHERS = 39
"""Shuffles of other measures, each of which computes the measure again."""
LEAST_SKEWNESS = 1e-3
"""A distribution of less skewness is taken as normal."""
LEAST_P_VALUE = 1e-8
"""Smaller p-values are given as this one: moments of so few shuffles say no more of a tail."""
LEAST_EXCEEDING = 10
"""Shuffled scores at least as high from which their number gives the p-value; the tail of a distribution does below."""


@dataclass(frozen=True)
class Null:
    """Scores of shuffled images, for one score.

    Examples
    --------
    >>> import torch
    >>> from stir.controls import draw_orders, permutation_null
    >>> generator = torch.manual_seed(0)
    >>> x = torch.randn(50, 5, generator=generator)
    >>> y = x + torch.randn(50, 5, generator=generator)
    >>> null = permutation_null(x, y, draw_orders(50, 100, generator=generator), similarity_measure="linear_cka")
    >>> null.p_value(0.9) < 0.05
    True
    """

    scores: Float[Tensor, " b"]

    @property
    def p95(self) -> float:
        """The 95th percentile."""
        return torch.quantile(self.scores, PERCENTILE).item()

    def p_value(self, score: float) -> float:
        """Return how probable a score at least as high would be if the images were shuffled.

        It is the fraction of scores, the score itself among the shuffled ones, that are at least as high, if `LEAST_EXCEEDING`
        or more of the shuffled ones are. Below, such a fraction could not get under 1 / (1 + B), so it is the
        upper tail of a Pearson type III distribution with the mean, the standard deviation and the skewness of the
        shuffled scores, which must not exceed that fraction. A negative skewness is taken as 0, since it would bound
        the scores from above; no p-value is under `LEAST_P_VALUE`.

        References
        ----------
        Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero"; Knijnenburg et al. 2009, Bioinformatics 25,
        i161-i168; Josse, Pagès and Husson 2008, Computational Statistics & Data Analysis 53, 82-91.
        """
        exceeding = int((self.scores >= score).sum())
        counted = (1 + exceeding) / (1 + len(self.scores))
        if exceeding >= LEAST_EXCEEDING:
            return counted
        return min(counted, max(self._tail(score), LEAST_P_VALUE))

    def _tail(self, score: float) -> float:
        """Return the probability of more than a score under a Pearson type III distribution of the moments."""
        scores = self.scores.double()
        mean, sd = scores.mean().item(), scores.std().item()
        if not sd > 0:
            return 1.0
        z = (score - mean) / sd
        skewness = ((scores - mean) / scores.std(correction=0)).pow(3).mean().item()
        if skewness < LEAST_SKEWNESS:
            return float(special.ndtr(-z))
        # A gamma distribution of this shape, less its mean and in units of its standard deviation, has the skewness.
        shape = 4 / skewness**2
        return float(special.gammaincc(shape, max(shape + z * math.sqrt(shape), 0.0)))


def draw_orders(n_images: int, n_orders: int, *, generator: Generator) -> Int[Tensor, "b n"]:
    """Return permutations of the images, drawn on the CPU; the scores of one table share them.

    Raises
    ------
    InvalidInputError
        If there are fewer than `LEAST_IMAGES_OF_NULL` images.

    Examples
    --------
    >>> import torch
    >>> from stir.controls import draw_orders
    >>> draw_orders(20, 100, generator=torch.manual_seed(0)).shape
    torch.Size([100, 20])
    """
    if n_images < LEAST_IMAGES_OF_NULL:
        raise InvalidInputError(f"Expected at least {LEAST_IMAGES_OF_NULL} images for a null; got {n_images}. Use more images.")
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

    Examples
    --------
    >>> import torch
    >>> from stir.controls import draw_orders, permutation_null
    >>> generator = torch.manual_seed(0)
    >>> x = torch.randn(50, 5, generator=generator)
    >>> y = x + torch.randn(50, 5, generator=generator)
    >>> null = permutation_null(x, y, draw_orders(50, 100, generator=generator), similarity_measure="linear_cka")
    >>> null.scores.shape
    torch.Size([100])
    """
    measure = get_similarity_measure(similarity_measure)
    if measure.shuffled is not None:
        return Null(measure.shuffled(x, y, orders))
    if measure.cosine is None:
        return Null(torch.tensor([measure(x, y[order]) for order in orders], dtype=torch.float64))
    k, l = (measure.cosine.matrix(z, argument).double() for z, argument in ((x, "x"), (y, "y")))  # noqa: E741
    return Null(shuffled_cosines(k, l[None], orders)[0])
