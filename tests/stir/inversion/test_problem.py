"""The error and its gradient in the pixels."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from stir.errors import InversionError
from stir.inversion.problem import InversionProblem, median_pair_distance


@pytest.fixture
def problem(generator):
    matrix = torch.randn(7, 12, generator=generator, dtype=torch.float64)
    targets = 3 * torch.randn(5, 7, generator=generator, dtype=torch.float64)
    return InversionProblem(lambda x: torch.tanh(x.flatten(1) @ matrix.mT), targets)


@pytest.fixture
def pictures(generator):
    return torch.rand(3, 1, 3, 4, generator=generator, dtype=torch.float64)


def test_errors_are_relative_distances_to_the_chosen_targets(problem, pictures):
    index = torch.tensor([4, 0, 2])
    represented, targets = problem.represent_batch(pictures).numpy(), problem.targets[index].numpy()
    expected = np.linalg.norm(represented - targets, axis=1) / np.linalg.norm(targets, axis=1)
    np.testing.assert_allclose(problem.errors(pictures, index), expected, rtol=1e-12)
    np.testing.assert_allclose(problem.errors_and_gradients(pictures, index)[0], expected, rtol=1e-12)


def test_gradients_are_those_of_half_the_squared_error(problem, pictures):
    index = torch.tensor([4, 0, 2])
    _, gradients = problem.errors_and_gradients(pictures, index)
    step = 1e-6
    for pixel in np.ndindex(1, 3, 4):
        moved = torch.zeros_like(pictures)
        moved[(slice(None), *pixel)] = step
        up, down = problem.errors(pictures + moved, index), problem.errors(pictures - moved, index)
        slope = (up.square() - down.square()) / (4 * step)
        torch.testing.assert_close(gradients[(slice(None), *pixel)], slope, rtol=1e-6, atol=1e-9)


def test_a_picture_has_the_gradient_that_it_has_alone(problem, pictures):
    index = torch.tensor([4, 0, 2])
    _, together = problem.errors_and_gradients(pictures, index)
    alone = torch.cat([problem.errors_and_gradients(pictures[i : i + 1], index[i : i + 1])[1] for i in range(3)])
    torch.testing.assert_close(together, alone)


def test_pictures_given_are_not_changed_and_results_carry_no_graph(problem, pictures):
    before = pictures.clone()
    errors, gradients = problem.errors_and_gradients(pictures, torch.arange(3))
    assert torch.equal(pictures, before)
    assert [x.requires_grad for x in (pictures, errors, gradients)] == [False] * 3


def test_gradients_are_taken_also_inside_no_grad(problem, pictures):
    _, expected = problem.errors_and_gradients(pictures, torch.arange(3))
    with torch.no_grad():
        _, gradients = problem.errors_and_gradients(pictures, torch.arange(3))
    torch.testing.assert_close(gradients, expected)


def test_targets_of_norm_zero_or_not_finite_are_refused(problem):
    for row, bad, message in ((2, 0.0, "reference image 2 as zero"), (3, torch.nan, "NaN or infinity for reference image 3")):
        targets = problem.targets.clone()
        targets[row] = bad
        with pytest.raises(InversionError, match=message):
            InversionProblem(problem.represent_batch, targets)


def test_median_pair_distance_is_scipys_median(generator):
    representations = torch.randn(6, 9, generator=generator)
    assert median_pair_distance(representations) == pytest.approx(np.median(pdist(representations.double())), rel=1e-6)


def test_median_pair_distance_ignores_an_offset(generator):
    representations = torch.randn(6, 9, generator=generator, dtype=torch.float64)
    assert median_pair_distance(representations + 1e6) == pytest.approx(median_pair_distance(representations), rel=1e-6)


def test_one_image_has_no_pair():
    assert np.isnan(median_pair_distance(torch.ones(1, 3)))
