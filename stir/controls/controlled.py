"""A score beside everything that it is to be compared with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from jaxtyping import Float, Int
from torch import Tensor

from stir.controls.comparing import Controls, Perturbed, controls_of
from stir.controls.intervals import Interval, jackknife_interval
from stir.controls.scales import calibrated, excess
from stir.similarity import get_similarity_measure


@dataclass(frozen=True)
class ControlledScore:
    """S_rep(m(X), m(X')) and its controls.

    Examples
    --------
    Linear CKA of a network that is linear stays 1 when black and white are swapped:

    >>> import torch, stir
    >>> images = torch.rand(20, 1, 8, 8, generator=torch.manual_seed(0))
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.Linear(4, 2))
    >>> result = stir.invariance(model, images, 1 - images)
    >>> round(result.score, 3), result.n_images
    (1.0, 20)
    """

    score: float
    """S_rep(m(X), m(X'))."""
    interval: Interval | None
    """95% jackknife interval over images (`jackknife_interval`); None where the measure has none, or there are too few images."""
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
    """Probability of a score at least as high if the images were shuffled (`Null.p_value`)."""
    calibrated: float
    """(score − null_p95) / (1 − null_p95), at least 0."""
    n_images: int
    """Pairs of images."""
    similarity_measure: str
    """Name of S_rep."""
    seed_floor: float = math.nan
    """S_rep(m(X), m(seed images)); NaN where there are none."""
    untrained: float = math.nan
    """STIR of an untrained network of the target model's architecture with the same reference model; NaN where there is none."""

    def __eq__(self, other: object) -> bool:
        """Return whether all values are equal; NaN equals NaN, which dataclasses alone do not grant from Python 3.13 on."""
        return self._values() == other._values() if isinstance(other, ControlledScore) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(None if isinstance(value, float) and math.isnan(value) else value for value in values)

    def columns(self) -> dict[str, float]:
        """Return what rows of a table of scores say of the controls, in the order of `stir.table_controls.CONTROL_COLUMNS`."""
        low, high = self.interval or (math.nan, math.nan)
        return {
            "stir_low": low,
            "stir_high": high,
            "stir_ceiling": self.ceiling,
            "stir_seed_floor": self.seed_floor,
            "stir_untrained": self.untrained,
            "stir_null_p95": self.null_p95,
            "stir_null_p_value": self.null_p_value,
            "stir_calibrated": self.calibrated,
            "stir_noise": self.noise,
            "stir_noise_sd": self.noise_sd,
            "stir_excess": self.excess,
        }


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

    Examples
    --------
    >>> import torch
    >>> from stir.controls import controlled_score, draw_orders
    >>> generator = torch.manual_seed(0)
    >>> x = torch.randn(50, 5, generator=generator)
    >>> y = x + torch.randn(50, 5, generator=generator)
    >>> noise = [x + torch.randn(50, 5, generator=generator) for _ in range(3)]
    >>> result = controlled_score(x, y, noise, orders=draw_orders(50, 100, generator=generator))
    >>> round(result.score, 2), round(result.noise, 2), round(result.null_p95, 2)
    (0.45, 0.52, 0.15)
    """
    perturbed = Perturbed(of_perturbed, of_noise)
    score = get_similarity_measure(similarity_measure)(of_images, of_perturbed)
    (controls,) = controls_of(of_images, [perturbed], orders=orders, similarity_measure=similarity_measure)
    return beside_controls(score, controls, n_images=len(of_images), similarity_measure=similarity_measure, ceiling=ceiling)


def beside_controls(
    score: float, controls: Controls, *, n_images: int, similarity_measure: str, ceiling: float, untrained: float = math.nan
) -> ControlledScore:
    """Return a score with its controls, on the scales between them.

    Parameters
    ----------
    score : float
        S_rep(m(X), m(X')).
    controls : Controls
        From `controls_of`.
    n_images : int
        Pairs of images.
    similarity_measure : str
        Name of S_rep.
    ceiling, untrained : float
        Scores of the reference model itself, and of an untrained network, with the same X'.
    """
    null, without_each = controls.null, controls.without_each
    p95 = math.nan if null is None else null.p95
    return ControlledScore(
        score=score,
        interval=None if without_each is None else jackknife_interval(score, without_each),
        ceiling=ceiling,
        noise=controls.noise,
        noise_sd=controls.noise_sd,
        excess=excess(score, noise=controls.noise, ceiling=ceiling),
        null_p95=p95,
        null_p_value=math.nan if null is None else null.p_value(score),
        calibrated=calibrated(score, null=p95),
        n_images=n_images,
        similarity_measure=similarity_measure,
        seed_floor=controls.seed_floor,
        untrained=untrained,
    )
