"""Similarities that are NaN, and no failure, where a measure cannot compare the representations."""

import math

import torch
from jaxtyping import Float
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
