"""Scores on the scale between their controls."""

import math

import pytest

from stir.controls import calibrated, excess


@pytest.mark.parametrize(("stir", "expected"), [(0.4, 0.0), (1.0, 1.0), (0.7, 0.5), (0.1, -0.5)])
def test_excess_is_0_at_the_noise_and_1_at_the_ceiling(stir, expected):
    assert excess(stir, noise=0.4, ceiling=1.0) == pytest.approx(expected)


@pytest.mark.parametrize("ceiling", [0.4, 0.3, math.nan])
def test_there_is_no_excess_where_the_ceiling_is_not_above_the_noise(ceiling):
    assert math.isnan(excess(0.5, noise=0.4, ceiling=ceiling))


@pytest.mark.parametrize(("score", "expected"), [(1.0, 1.0), (0.2, 0.0), (0.1, 0.0), (0.6, 0.5)])
def test_calibrated_scores_are_0_at_the_null_and_1_at_1(score, expected):
    assert calibrated(score, null=0.2) == pytest.approx(expected)
