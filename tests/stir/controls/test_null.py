"""The null of shuffled images, and its p-values."""

import pytest
import torch

from stir.controls import Null, draw_orders, permutation_null
from stir.controls.null import LEAST_P_VALUE
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
    assert null.p_value(1.0) == LEAST_P_VALUE
    assert null.p95 < 0.9


def test_p_values_count_ties_and_the_score_itself():
    null = Null(torch.arange(20.0))
    assert [null.p_value(score) for score in (10.0, 5.5, 0.0)] == [11 / 21, 15 / 21, 1.0]


@pytest.mark.parametrize("shuffled", [torch.arange(20.0), torch.arange(20.0).sqrt(), torch.arange(20.0) ** 3, torch.ones(20)])
def test_p_values_fall_with_the_score_are_never_0_and_never_above_the_fraction_of_shuffled_scores(shuffled):
    """Of a distribution that is skewed to the left, too, whose tail would end."""
    null, scores = Null(shuffled), [shuffled.max().item() * factor for factor in (0.5, 0.9, 1.0, 1.1, 2.0, 100.0)]
    found = [null.p_value(score) for score in scores]
    assert all(LEAST_P_VALUE <= p <= (1 + int((shuffled >= score).sum())) / 21 for p, score in zip(found, scores, strict=True))
    assert found == sorted(found, reverse=True)


def _many_scores(name, x, y, generator):
    """Return the scores of 100,000 shuffles, computed thousands at a time."""
    k, l = (SIMILARITY_MEASURES[name].cosine.matrix(z, "x").float() for z in (x, y))  # noqa: E741
    orders = torch.rand(100_000, len(x), generator=generator).argsort(dim=1).split(5_000)
    products = [l.flatten()[(some[:, :, None] * len(x) + some[:, None, :]).flatten(1)] @ k.flatten() for some in orders]
    return torch.cat(products) / (k.norm() * l.norm())


@pytest.mark.parametrize("name", ["linear_cka_debiased", "mutual_knn"])
def test_the_tail_of_99_shuffles_is_that_of_100_000(name):
    """The median over draws of the orders: single ones are off by a factor of up to 10, as 99 orders say little of the spread."""
    generator = torch.Generator().manual_seed(3)
    many = _many_scores(name, *torch.randn(2, 30, 4, generator=generator, dtype=torch.float64), generator)
    for exceeded in (0.01, 0.001, 0.0001):
        score = torch.quantile(many, 1 - exceeded).item()
        draws = [many[torch.randint(100_000, (99,), generator=generator)] for _ in range(101)]
        tails = torch.tensor([Null(draw).p_value(score) for draw in draws]).log10()
        assert tails.median().item() == pytest.approx(torch.tensor(exceeded).log10().item(), abs=0.5)


def test_too_few_images_for_a_null_are_refused(generator):
    with pytest.raises(InvalidInputError, match="at least 6 images for a null; got 5"):
        draw_orders(5, 10, generator=generator)


@pytest.mark.parametrize("name", [name for name, measure in SIMILARITY_MEASURES.items() if measure.shuffled is not None])
@pytest.mark.parametrize("width", [5, 80])
def test_a_measure_that_shuffles_by_itself_scores_as_it_does_for_each_order(name, width, generator):
    x, y = (torch.randn(30, d, generator=generator, dtype=torch.float64) for d in (7, width))
    orders, measure = draw_orders(30, 6, generator=generator), SIMILARITY_MEASURES[name]
    assert measure.shuffled(x, y, orders).tolist() == pytest.approx([measure(x, y[order]) for order in orders], rel=1e-12)
