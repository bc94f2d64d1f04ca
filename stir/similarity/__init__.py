"""Representation similarity measures (S_rep), one a file."""

from stir.similarity.linear_cka import linear_cka
from stir.similarity.registry import (
    SIMILARITY_MEASURES,
    SimilarityMeasure,
    get_similarity_measure,
    register_similarity_measure,
)

__all__ = [
    "SIMILARITY_MEASURES",
    "SimilarityMeasure",
    "get_similarity_measure",
    "linear_cka",
    "register_similarity_measure",
]
