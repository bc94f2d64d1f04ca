"""The null of shuffled images, and its p-values."""

import pytest
import torch

from stir.controls import Null, draw_orders, permutation_null
from stir.errors import InvalidInputError
from stir.similarity import SIMILARITY_MEASURES


@pytest.fixture
def independent(generator):
    return torch.randn(2, 30, 4, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", ["linear_cka", "mutual_knn", "procrustes"])
def test_the_null_is_the_similarity_of_shuffled_images(independent, generator, name):
    x, y = independent
    orders = draw_orders(len(x), 5, generator=generator)
    expected = [SIMILARITY_MEASURES[name](x, y[order]) for order in orders]
    assert permutation_null(x, y, orders, similarity_measure=name).scores.tolist() == pytest.approx(expected)


def test_independent_representations_are_above_the_95th_percentile_one_time_in_twenty(generator):
    above = []
    for _ in range(200):
        x, y = torch.randn(2, 20, 3, generator=generator, dtype=torch.float64)
        orders = draw_orders(len(x), 99, generator=generator)
        null = permutation_null(x, y, orders, similarity_measure="linear_cka_debiased")
        above.append(SIMILARITY_MEASURES["linear_cka_debiased"](x, y) > null.p95)
    # The standard deviation of the fraction is 0.015.
    assert 0.01 <= sum(above) / len(above) <= 0.1


def test_equal_representations_are_above_every_shuffled_one(independent, generator):
    x, _ = independent
    null = permutation_null(x, x, draw_orders(len(x), 99, generator=generator), similarity_measure="linear_cka")
    assert null.p_value(1.0) == pytest.approx(0.01)
    assert null.p95 < 0.9


def test_p_values_are_never_zero_and_count_ties():
    null = Null(torch.tensor([0.1, 0.2, 0.3]))
    assert [null.p_value(score) for score in (0.4, 0.3, 0.15, 0.0)] == [0.25, 0.5, 0.75, 1.0]


def test_too_few_images_for_a_null_are_refused(generator):
    with pytest.raises(InvalidInputError, match="at least 6 images for a null; got 5"):
        draw_orders(5, 10, generator=generator)
