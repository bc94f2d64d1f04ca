"""STIR(m2 | m1, X) = S_rep(m2(X), m2(X')), and plain S_rep(m1(X), m2(X)) for comparison."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from stir.similarity import get_similarity_measure


@dataclass(frozen=True)
class Score:
    """The directional STIR score and the plain similarity."""

    stir: float
    """S_rep(m2(X), m2(X')): the degree to which m2 shares m1's invariances."""
    similarity: float
    """S_rep(m1(X), m2(X))."""


def score(
    *,
    reference_of_reference: Float[Tensor, "n d1"],
    target_of_reference: Float[Tensor, "n d2"],
    target_of_iri: Float[Tensor, "n d2"],
    similarity_measure: str = "linear_cka",
) -> Score:
    """Score a target model from cached representations, without running a model.

    Parameters
    ----------
    reference_of_reference : Float[Tensor, "n d1"]
        m1(X).
    target_of_reference : Float[Tensor, "n d2"]
        m2(X).
    target_of_iri : Float[Tensor, "n d2"]
        m2(X').
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.

    Raises
    ------
    InvalidInputError
        If the measure is unknown, or cannot compare these representations.

    References
    ----------
    Nanda et al. 2022, arXiv:2206.11939, equation 2.
    """
    measure = get_similarity_measure(similarity_measure)
    return Score(
        stir=measure(target_of_reference, target_of_iri),
        similarity=measure(reference_of_reference, target_of_reference),
    )
