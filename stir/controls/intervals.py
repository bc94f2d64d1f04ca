"""How sure a score is: an interval over images, from the score without each of them in turn."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from scipy import special
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity import get_similarity_measure
from stir.similarity.cosines import cosines_without_each
from stir.table_controls import LEAST_IMAGES_OF_INTERVAL

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Bounds of a score.

    Examples
    --------
    >>> from stir.controls import Interval
    >>> low, high = Interval(0.5, 0.7)
    >>> high
    0.7
    """

    low: float
    high: float


def interval_over_images(
    score: float, x: Float[Tensor, "n d1"], y: Float[Tensor, "n d2"], *, similarity_measure: str
) -> Interval | None:
    """Return the jackknife interval of a score over images.

    Parameters
    ----------
    score : float
        The similarity of x and y.
    x, y : Float[Tensor, "n d"]
        Representations of the same images.
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.

    Returns
    -------
    Interval or None
        None where the measure has no fast jackknife, or there are fewer than `LEAST_IMAGES_OF_INTERVAL` images.

    Examples
    --------
    >>> import torch
    >>> from stir.controls import interval_over_images
    >>> from stir.similarity import linear_cka
    >>> generator = torch.manual_seed(0)
    >>> x = torch.randn(50, 5, generator=generator)
    >>> y = x + torch.randn(50, 5, generator=generator)
    >>> score = linear_cka(x, y)
    >>> interval = interval_over_images(score, x, y, similarity_measure="linear_cka")
    >>> interval.low < score < interval.high
    True
    """
    form = get_similarity_measure(similarity_measure).cosine
    if form is None or form.centring is None or len(x) < LEAST_IMAGES_OF_INTERVAL:
        return None
    return jackknife_interval(score, cosines_without_each(form.matrix(x, "x"), form.matrix(y, "y"), form.centring))


def jackknife_interval(score: float, without_each: Float[Tensor, " n"], *, confidence: float = CONFIDENCE) -> Interval:
    r"""Return the jackknife interval of a score over images, on Fisher's z scale.

    With z = artanh(s), the standard error is √((n−1)/n Σᵢ (zᵢ − z̄)²) over the scores sᵢ without each image, and the bounds
    are tanh(z ± t se), with the quantile t of Student's distribution of n − 1 degrees of freedom. Images are left out and
    not drawn with replacement, since an image that is there twice resembles itself, which every measure takes for agreement.

    It is the interval of what the estimator estimates from n images: of a biased estimator it holds the bias.
    `benchmarks/coverage.py` prints how often it covers.

    Parameters
    ----------
    score : float
        In [-1, 1].
    without_each : Float[Tensor, "n"]
        The score of the other images, for each image.
    confidence : float
        Between 0 and 1.

    Raises
    ------
    InvalidInputError
        If there are fewer than `LEAST_IMAGES_OF_INTERVAL` images.

    References
    ----------
    Tukey 1958, Annals of Mathematical Statistics 29, 614; Efron and Stein 1981, Annals of Statistics 9, 586-596.

    Examples
    --------
    >>> import torch
    >>> from stir.controls import jackknife_interval
    >>> without_each = 0.6 + 0.002 * torch.randn(100, generator=torch.manual_seed(0))
    >>> low, high = jackknife_interval(0.6, without_each)
    >>> round(low, 2), round(high, 2)
    (0.56, 0.64)
    """
    z, error = _on_z_scale(torch.tensor(score, dtype=torch.float64)), jackknife_error(_on_z_scale(without_each))
    margin = error * _quantile(len(without_each), confidence)
    return Interval(math.tanh(z.item() - margin), math.tanh(z.item() + margin))


def difference_interval(
    first: tuple[float, Float[Tensor, " n"]], second: tuple[float, Float[Tensor, " n"]], *, confidence: float = CONFIDENCE
) -> Interval:
    """Return the jackknife interval of the difference of two scores of the same images, each image left out of both at once.

    It is much narrower than the intervals of the scores say, since they rise and fall with the same images.

    Parameters
    ----------
    first, second : tuple
        A score, and the scores without each image.
    confidence : float
        Between 0 and 1.

    Raises
    ------
    InvalidInputError
        If there are fewer than `LEAST_IMAGES_OF_INTERVAL` images, or not as many in both.

    Examples
    --------
    >>> import torch
    >>> from stir.controls import difference_interval
    >>> without_each = 0.6 + 0.002 * torch.randn(100, generator=torch.manual_seed(0))
    >>> interval = difference_interval((0.6, without_each), (0.5, without_each - 0.1))
    >>> interval.low > 0
    True
    """
    if len(first[1]) != len(second[1]):
        raise InvalidInputError(
            f"Expected two scores of the same images; got {len(first[1])} and {len(second[1])}. Score the same images."
        )
    margin = jackknife_error(first[1] - second[1]) * _quantile(len(first[1]), confidence)
    difference = first[0] - second[0]
    return Interval(difference - margin, difference + margin)


def jackknife_error(without_each: Float[Tensor, " n"]) -> float:
    """Return the jackknife's standard error, √((n−1)/n Σᵢ (θᵢ − θ̄)²).

    Raises
    ------
    InvalidInputError
        If there are fewer than `LEAST_IMAGES_OF_INTERVAL` images.

    Examples
    --------
    >>> import torch
    >>> from stir.controls import jackknife_error
    >>> round(jackknife_error(torch.tensor([0.58, 0.61, 0.60, 0.63, 0.59] * 4)), 3)
    0.075
    """
    n = len(without_each)
    if n < LEAST_IMAGES_OF_INTERVAL:
        raise InvalidInputError(f"Expected at least {LEAST_IMAGES_OF_INTERVAL} images for an interval; got {n}. Use more images.")
    deviations = without_each.double() - without_each.double().mean()
    return math.sqrt((n - 1) / n * deviations.square().sum().item())


def _quantile(n: int, confidence: float) -> float:
    return float(special.stdtrit(n - 1, (1 + confidence) / 2))


def _on_z_scale(scores: Tensor) -> Tensor:
    """Return artanh; a score of 1 has no finite z, so it is taken for the number just below."""
    largest = 1 - torch.finfo(torch.float64).eps
    return scores.double().clamp(-largest, largest).atanh()
