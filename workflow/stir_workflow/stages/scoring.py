"""Scores and controls of one target model's representations, for the stage score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from stir_workflow.stages.cached import Cached, Match

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from stir.controls import Controls

Inverted = tuple[Match, "np.ndarray | None"]
"""What is known of an inversion, and which images converged; None for perturbed images, for which nothing was inverted."""
Which = tuple[str, int, str]
"""Layer of the reference model, random seed, similarity measure."""


@dataclass(frozen=True)
class Scored:
    """A score of one target model, before it is compared with those of others."""

    stir: float
    stir_converged: float
    similarity: float
    controls: "Controls"


@dataclass(frozen=True)
class ScoredInversion:
    """All scores of one target model and one inversion."""

    scores: dict[str, Scored]
    """Similarity measure -> score."""
    target_columns: dict[str, Any]
    computed: dict[str, Any]
    same_class_fraction: float
    per_image: "np.ndarray"


def score_inversions(
    cached: Cached,
    of_reference: "Mapping[str, Tensor]",
    inverted: Sequence[Inverted],
    *,
    similarity_measures: Sequence[str],
    orders: "Tensor | None",
) -> Iterator[tuple[Match, ScoredInversion]]:
    """Give the scores of every inversion; those of one layer share what is computed of m2(X).

    Parameters
    ----------
    cached : Cached
        Representations of the target model.
    of_reference : mapping
        Layer -> m1(X); empty where no single model is the reference.
    inverted : sequence of tuple
        What is known of each inversion, and which of its images converged; those of one layer together.
    similarity_measures : sequence of str
        Names.
    orders : Tensor or None
        Shuffles of the null.

    Raises
    ------
    InvalidInputError
        If STIR or the plain similarity cannot be computed, naming file, layer and measure.
    """
    import torch

    from stir.controls import controls_of
    from stir.controls.or_nan import pnka_or_nan, stir_of_converged

    for layer, group in groupby(inverted, key=lambda one: one[0]["layer"]):
        together = list(group)
        of_images, perturbed = cached.of_images(layer), [cached.perturbed(match) for match, _ in together]
        scores: list[dict[str, Scored]] = [{} for _ in together]
        for measure in similarity_measures:
            place = f"{cached.path}, layer {layer}, similarity measure {measure!r}"
            similarity = _measured(measure, of_reference[layer], of_images, place) if layer in of_reference else float("nan")
            stirs = [_measured(measure, of_images, each.of_perturbed, place) for each in perturbed]
            controls = controls_of(of_images, perturbed, orders=orders, similarity_measure=measure)
            for number, (_, converged) in enumerate(together):
                which = None if converged is None else torch.from_numpy(converged)
                of_converged = stir_of_converged(measure, of_images, perturbed[number].of_perturbed, which, stirs[number])
                scores[number][measure] = Scored(stirs[number], of_converged, similarity, controls[number])
        for (match, _), each, found in zip(together, perturbed, scores, strict=True):
            yield (
                match,
                ScoredInversion(
                    found,
                    cached.columns(layer, "target"),
                    cached.computed(),
                    cached.same_class_fraction(match),
                    pnka_or_nan(of_images, each.of_perturbed).numpy(),
                ),
            )


def floors(cached: Cached, inverted: Sequence[Inverted], similarity_measures: Sequence[str]) -> dict[Which, float]:
    """Return STIR of a model that is a floor for others; NaN where a measure refuses it."""
    from stir.controls.or_nan import similarity_or_nan

    found = {}
    for layer, group in groupby(inverted, key=lambda one: one[0]["layer"]):
        of_images = cached.of_images(layer)
        for match, _ in group:
            of_perturbed = cached.perturbed(match).of_perturbed
            for measure in similarity_measures:
                found[layer, match["random_seed"], measure] = similarity_or_nan(measure, of_images, of_perturbed)
    return found


def _measured(measure: str, x: "Tensor", y: "Tensor", place: str) -> float:
    from stir.errors import InvalidInputError
    from stir.similarity import get_similarity_measure

    try:
        return get_similarity_measure(measure)(x, y)
    except InvalidInputError as error:
        raise InvalidInputError(f"{place}: {error}") from error
