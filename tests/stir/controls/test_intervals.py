"""Intervals of scores over images."""

import pytest
import torch

from stir.controls import difference_interval, jackknife_error, jackknife_interval
from stir.errors import InvalidInputError
from stir.similarity import SIMILARITY_MEASURES
from stir.similarity.cosines import cosines_without_each

POPULATION_CKA = 0.5
"""Of `_draw`: the squared correlation of every feature with its noisy copy."""


def _without_each(name, x, y):
    form = SIMILARITY_MEASURES[name].cosine
    return cosines_without_each(*(form.matrix(z, "z") for z in (x, y)), form.centring)


def _draw(n, generator):
    """Return representations whose population CKA is known: y = (x + e) / √2, so Cov(x, y)² = 1/2 per feature."""
    x, e = torch.randn(2, n, 6, generator=generator, dtype=torch.float64)
    return x, (x + e) / 2**0.5


def test_the_jackknife_error_of_a_mean_is_its_standard_error(generator):
    values = torch.randn(50, generator=generator, dtype=torch.float64)
    without_each = (values.sum() - values) / 49
    assert jackknife_error(without_each) == pytest.approx(values.std().item() / 50**0.5)


def test_intervals_hold_the_score_and_stay_below_1(generator):
    x, _ = _draw(40, generator)
    near = x + 1e-3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    score = SIMILARITY_MEASURES["linear_cka"](x, near)
    low, high = jackknife_interval(score, _without_each("linear_cka", x, near))
    assert 0.99 < low < score < high < 1


def test_intervals_of_debiased_cka_cover_the_population(generator):
    covered = []
    for _ in range(200):
        x, y = _draw(100, generator)
        score = SIMILARITY_MEASURES["linear_cka_debiased"](x, y)
        low, high = jackknife_interval(score, _without_each("linear_cka_debiased", x, y))
        covered.append(low <= POPULATION_CKA <= high)
    # The standard deviation of the fraction is 0.015; benchmarks/coverage.py has the table.
    assert 0.90 <= sum(covered) / len(covered) <= 0.99


def test_differences_of_scores_of_the_same_images_are_surer_than_the_scores(generator):
    x, y = _draw(100, generator)
    nearby = y + 0.05 * torch.randn(y.shape, generator=generator, dtype=torch.float64)
    scores = [(SIMILARITY_MEASURES["linear_cka"](x, z), _without_each("linear_cka", x, z)) for z in (y, nearby)]
    low, high = difference_interval(*scores)
    alone = jackknife_interval(*scores[0])
    assert low < scores[0][0] - scores[1][0] < high
    assert high - low < (alone.high - alone.low) / 3


def test_too_few_images_for_an_interval_are_refused():
    with pytest.raises(InvalidInputError, match="at least 20 images for an interval; got 19"):
        jackknife_interval(0.5, torch.full((19,), 0.5))


def test_differences_of_scores_of_other_images_are_refused():
    with pytest.raises(InvalidInputError, match="two scores of the same images; got 30 and 31"):
        difference_interval((0.5, torch.zeros(30)), (0.4, torch.zeros(31)))
