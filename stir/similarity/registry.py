"""Similarity measures (S_rep) by the name that experiment files and tables use."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from stir.errors import InvalidInputError, near_matches
from stir.similarity.linear_cka import linear_cka

SimilarityMeasure = Callable[[Tensor, Tensor], float]

SIMILARITY_MEASURES: dict[str, SimilarityMeasure] = {
    "linear_cka": linear_cka,
    "linear_cka_debiased": partial(linear_cka, debiased=True),
}


def get_similarity_measure(name: str) -> SimilarityMeasure:
    """Return the measure of a name.

    Raises
    ------
    InvalidInputError
        If there is none; with near matches.
    """
    if name not in SIMILARITY_MEASURES:
        raise InvalidInputError(f"Unknown similarity measure {name!r}. {near_matches(name, SIMILARITY_MEASURES)}")
    return SIMILARITY_MEASURES[name]


def register_similarity_measure(name: str, measure: SimilarityMeasure) -> None:
    """Add a measure of your own under a new name.

    Raises
    ------
    InvalidInputError
        If the name is taken: results carry names, so a name keeps its meaning.
    """
    if name in SIMILARITY_MEASURES:
        raise InvalidInputError(f"The similarity measure {name!r} exists already. Choose another name.")
    SIMILARITY_MEASURES[name] = measure
