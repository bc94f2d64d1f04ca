"""A score beside everything that it is to be compared with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from stir.controls.intervals import Interval, interval_over_images
from stir.controls.null import permutation_null
from stir.controls.scales import calibrated, excess
from stir.similarity import get_similarity_measure


@dataclass(frozen=True)
class ControlledScore:
    """S_rep(m(X), m(X')) and its controls."""

    score: float
    """S_rep(m(X), m(X'))."""
    interval: Interval | None
    """95% jackknife interval over images; None where the measure has none, or there are too few images."""
    ceiling: float
    """STIR of the reference model with itself; 1 where X' was not made with a model."""
    noise: float
    """S_rep(m(X), m(X + noise)), the noise of each image having the length of X' − X; mean over draws."""
    noise_sd: float
    """Standard deviation over draws; NaN for one draw."""
    excess: float
    """(score − noise) / (ceiling − noise)."""
    null_p95: float
    """95th percentile of S_rep(m(X), m(X')) with the images of X' shuffled."""
    null_p_value: float
    """Fraction of shuffles, the score among them, that score at least as high."""
    calibrated: float
    """(score − null_p95) / (1 − null_p95), at least 0."""
    n_images: int
    """Pairs of images."""
    similarity_measure: str
    """Name of S_rep."""


def controlled_score(
    of_images: Float[Tensor, "n d"],
    of_perturbed: Float[Tensor, "n d"],
    of_noise: Sequence[Float[Tensor, "n d"]],
    *,
    orders: Int[Tensor, "b n"],
    similarity_measure: str = "linear_cka",
    ceiling: float = 1.0,
) -> ControlledScore:
    """Score from representations, with controls; no model runs.

    Parameters
    ----------
    of_images, of_perturbed : Float[Tensor, "n d"]
        m(X) and m(X').
    of_noise : sequence of Float[Tensor, "n d"]
        m(X + noise) per draw of `matched_noise`.
    orders : Int[Tensor, "b n"]
        Shuffles of the images (`draw_orders`).
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.
    ceiling : float
        STIR(m1 | m1, X), where X' are IRIs of m1.

    Raises
    ------
    InvalidInputError
        If the measure is unknown, or cannot compare these representations.
    """
    measure = get_similarity_measure(similarity_measure)
    score, noise = measure(of_images, of_perturbed), [measure(of_images, of) for of in of_noise]
    null = permutation_null(of_images, of_perturbed, orders, similarity_measure=similarity_measure)
    mean = float(np.mean(noise))
    return ControlledScore(
        score=score,
        interval=interval_over_images(score, of_images, of_perturbed, similarity_measure=similarity_measure),
        ceiling=ceiling,
        noise=mean,
        noise_sd=float(np.std(noise, ddof=1)) if len(noise) > 1 else math.nan,
        excess=excess(score, noise=mean, ceiling=ceiling),
        null_p95=null.p95,
        null_p_value=null.p_value(score),
        calibrated=calibrated(score, null=null.p95),
        n_images=len(of_images),
        similarity_measure=similarity_measure,
    )
