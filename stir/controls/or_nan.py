"""Similarities that are NaN, and no failure, where a measure cannot compare the representations."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stir.errors import InvalidInputError
from stir.similarity import get_similarity_measure, pnka


def similarity_or_nan(similarity_measure: str, x: Float[Tensor, "n d1"], y: Float[Tensor, "n d2"]) -> float:
    """Return the similarity of two representations.

    Parameters
    ----------
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.
    x, y : Float[Tensor, "n d"]
        Representations of the same images.
    """
    try:
        return get_similarity_measure(similarity_measure)(x, y)
    except InvalidInputError:
        return math.nan


def pnka_or_nan(x: Float[Tensor, "n d1"], y: Float[Tensor, "n d2"]) -> Float[Tensor, " n"]:
    """Return `stir.similarity.pnka` of every image; NaN for all where it is undefined for one.

    Parameters
    ----------
    x, y : Float[Tensor, "n d"]
        Representations of the same images.
    """
    try:
        return pnka(x, y)
    except InvalidInputError:
        return torch.full((len(x),), math.nan, dtype=torch.float64, device=x.device)


def stir_of_converged(
    similarity_measure: str,
    x: Float[Tensor, "n d1"],
    y: Float[Tensor, "n d2"],
    converged: Bool[Tensor, " n"] | None,
    of_all: float,
) -> float:
    """Return the similarity over the converged images alone; NaN where they are too few for the measure, or nothing was inverted.

    Parameters
    ----------
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.
    x, y : Float[Tensor, "n d"]
        m2(X) and m2(X').
    converged : Bool[Tensor, "n"] or None
        Which images reached the tolerance; None for perturbed images that were not inverted.
    of_all : float
        The similarity over all images.
    """
    if converged is None:
        return math.nan
    return of_all if bool(converged.all()) else similarity_or_nan(similarity_measure, x[converged], y[converged])
