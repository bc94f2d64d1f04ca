"""Fit of a linear regression."""

import numpy as np
import pytest
import torch

from stir.errors import InvalidInputError
from stir.similarity import linear_regression
from tests.stir.similarity.cases import centred, related_pair


@pytest.mark.parametrize(("n", "d1", "d2"), [(200, 7, 11), (60, 20, 9), (40, 3, 500)])
def test_equals_r_squared_of_least_squares_with_an_intercept(n, d1, d2):
    x, y = related_pair(n, d1, d2)
    predictors = np.hstack([x.numpy(), np.ones((n, 1))])
    residuals = y.numpy() - predictors @ np.linalg.lstsq(predictors, y.numpy(), rcond=None)[0]
    expected = 1 - (residuals**2).sum() / (centred(y) ** 2).sum()
    assert linear_regression(x, y) == pytest.approx(expected, abs=1e-10)


def test_predicts_the_second_from_the_first():
    x = related_pair(200, 7, 11)[0]
    assert linear_regression(x, x[:, :2]) == pytest.approx(1, abs=1e-12)
    assert linear_regression(x[:, :2], x) < 0.9


def test_independent_data_are_fitted_by_chance():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(1000, 300, generator=generator), torch.randn(1000, 400, generator=generator)
    assert linear_regression(x, y) == pytest.approx(300 / 999, abs=0.005)


@pytest.mark.parametrize("d", [19, 20, 50])
def test_a_fit_that_must_be_perfect_is_refused(d):
    x, y = related_pair(20, d, 5)
    with pytest.raises(InvalidInputError, match=r"n = 20, rank\(x\) = 19\. Any y would be fitted perfectly.*more images"):
        linear_regression(x, y)
    assert linear_regression(x[:, :18], y) < 0.9999
    assert 0 < linear_regression(y, x) < 1
