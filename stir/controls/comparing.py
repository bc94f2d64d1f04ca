"""The controls of the scores of one model, layer and measure, from representations; no model runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.controls.null import N_ORDERS_OF_OTHERS, Null, permutation_null
from stir.controls.or_nan import similarity_or_nan
from stir.errors import InvalidInputError
from stir.similarity import SimilarityMeasure, get_similarity_measure
from stir.similarity.cosines import Cosine, cosine, cosines_without_each, shuffled_cosines
from stir.similarity.matrix_checks import check_representation
from stir.table_controls import LEAST_IMAGES_OF_INTERVAL


@dataclass(frozen=True)
class Perturbed:
    """How a model represents pictures that take the place of X, and those that they are to be compared with."""

    of_perturbed: Float[Tensor, "n d"]
    """m(X')."""
    of_noise: Sequence[Float[Tensor, "n d"]] = ()
    """m(X + noise) per draw of `matched_noise`."""
    of_seed_images: Float[Tensor, "n d"] | None = None
    """m of the seed images of the inversion that made X'."""


@dataclass(frozen=True)
class Controls:
    """Scores of other pictures, or of fewer, in the place of X'. They are missing where the measure refuses them."""

    null: Null | None = None
    """Scores of X' with its images shuffled."""
    seed_floor: float = math.nan
    """Score of the seed images."""
    noise: float = math.nan
    """Score of X plus noise, mean over draws."""
    noise_sd: float = math.nan
    """Standard deviation over draws."""
    without_each: Float[Tensor, " n"] | None = None
    """Score of X' without each image; None where the measure has no fast jackknife, or there are too few images."""


def controls_of(
    of_images: Float[Tensor, "n d"],
    perturbed: Sequence[Perturbed],
    *,
    orders: Int[Tensor, "b n"] | None,
    similarity_measure: str,
) -> list[Controls]:
    """Return the controls of the scores of several X', which share the matrix of m(X) and its shuffles.

    Parameters
    ----------
    of_images : Float[Tensor, "n d"]
        m(X).
    perturbed : sequence of Perturbed
        One entry per inversion of the layer.
    orders : Int[Tensor, "b n"] or None
        Shuffles of the images (`draw_orders`), of which measures that are no cosine take the first `N_ORDERS_OF_OTHERS`;
        None for no null.
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.
    """
    measure = get_similarity_measure(similarity_measure)
    if measure.cosine is None:
        return [_by_measure(similarity_measure, of_images, each, orders) for each in perturbed]
    return _by_matrices(measure, measure.cosine, of_images, perturbed, orders)


def _by_measure(name: str, x: Tensor, perturbed: Perturbed, orders: Tensor | None) -> Controls:
    def floor(other: Tensor | None) -> float:
        return math.nan if other is None else similarity_or_nan(name, x, other)

    null = None
    if orders is not None and not math.isnan(floor(perturbed.of_perturbed)):
        null = permutation_null(x, perturbed.of_perturbed, orders[:N_ORDERS_OF_OTHERS], similarity_measure=name)
    return Controls(null, floor(perturbed.of_seed_images), *_moments([floor(of) for of in perturbed.of_noise]))


def _by_matrices(
    measure: SimilarityMeasure, form: Cosine, x: Tensor, perturbed: Sequence[Perturbed], orders: Tensor | None
) -> list[Controls]:
    k = _matrix(measure, form, x)
    ls = [_matrix(measure, form, each.of_perturbed) for each in perturbed]
    if k is None:
        return [Controls() for _ in perturbed]
    nulls, enough = _nulls(k, ls, orders), len(x) >= LEAST_IMAGES_OF_INTERVAL
    controls = []
    for each, l, null in zip(perturbed, ls, nulls, strict=True):  # noqa: E741
        seed_floor, *noise = (_floor(k, measure, form, of) for of in (each.of_seed_images, *each.of_noise))
        without_each = cosines_without_each(k, l, form.centring) if l is not None and form.centring and enough else None
        controls.append(Controls(null, seed_floor, *_moments(noise), without_each))
    return controls


def _matrix(measure: SimilarityMeasure, form: Cosine, x: Tensor) -> Tensor | None:
    """Return the matrix of a representation; None where the measure refuses it."""
    try:
        check_representation(x, "x", least_n=measure.least_n)
        return form.matrix(x, "x").double()
    except InvalidInputError:
        return None


def _floor(k: Tensor, measure: SimilarityMeasure, form: Cosine, other: Tensor | None) -> float:
    l = None if other is None else _matrix(measure, form, other)  # noqa: E741
    return math.nan if l is None else cosine(k, l)


def _nulls(k: Tensor, ls: Sequence[Tensor | None], orders: Tensor | None) -> list[Null | None]:
    """Return the nulls; float32 is enough, since their spread is far above its rounding."""
    known = [l for l in ls if l is not None]  # noqa: E741
    if orders is None or not known:
        return [None for _ in ls]
    units = [(matrix / matrix.norm()).float() for matrix in (k, *known)]
    nulls = iter(shuffled_cosines(units[0], torch.stack(units[1:]), orders).double())
    return [None if l is None else Null(next(nulls)) for l in ls]  # noqa: E741


def _moments(noise: Sequence[float]) -> tuple[float, float]:
    """Return the mean over draws, and their standard deviation."""
    mean = float(np.mean(noise)) if noise else math.nan
    return mean, float(np.std(noise, ddof=1)) if len(noise) > 1 else math.nan
