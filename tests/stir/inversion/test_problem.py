"""The error and its gradient in the pixels."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from torch import nn

from stir.errors import InversionError
from stir.inversion.problem import InversionProblem, check_targets
from stir.inversion.result import median_pair_distance
from stir.representations import check_alike


@pytest.fixture
def problem(generator):
    matrix = torch.randn(7, 12, generator=generator, dtype=torch.float64)
    return InversionProblem(lambda x: torch.tanh(x.flatten(1) @ matrix.mT))


@pytest.fixture
def targets(generator):
    return 3 * torch.randn(3, 7, generator=generator, dtype=torch.float64)


@pytest.fixture
def pictures(generator):
    return torch.rand(3, 1, 3, 4, generator=generator, dtype=torch.float64)


def test_errors_are_relative_distances_to_the_chosen_targets(problem, targets, pictures):
    represented = problem.represent_batch(pictures).numpy()
    expected = np.linalg.norm(represented - targets.numpy(), axis=1) / np.linalg.norm(targets.numpy(), axis=1)
    np.testing.assert_allclose(problem.errors(pictures, targets), expected, rtol=1e-12)
    np.testing.assert_allclose(problem.errors_and_gradients(pictures, targets)[0], expected, rtol=1e-12)


def test_gradients_are_those_of_half_the_squared_error(problem, targets, pictures):
    _, gradients = problem.errors_and_gradients(pictures, targets)
    step = 1e-6
    for pixel in np.ndindex(1, 3, 4):
        moved = torch.zeros_like(pictures)
        moved[(slice(None), *pixel)] = step
        up, down = problem.errors(pictures + moved, targets), problem.errors(pictures - moved, targets)
        slope = (up.square() - down.square()) / (4 * step)
        torch.testing.assert_close(gradients[(slice(None), *pixel)], slope, rtol=1e-6, atol=1e-9)


def test_a_picture_has_the_gradient_that_it_has_alone(problem, targets, pictures):
    _, together = problem.errors_and_gradients(pictures, targets)
    alone = torch.cat([problem.errors_and_gradients(pictures[i : i + 1], targets[i : i + 1])[1] for i in range(3)])
    torch.testing.assert_close(together, alone)


def test_pictures_given_are_not_changed_and_results_carry_no_graph(problem, targets, pictures):
    before = pictures.clone()
    errors, gradients = problem.errors_and_gradients(pictures, targets)
    assert torch.equal(pictures, before)
    assert [x.requires_grad for x in (pictures, errors, gradients)] == [False] * 3


def test_gradients_are_taken_also_inside_no_grad(problem, targets, pictures):
    _, expected = problem.errors_and_gradients(pictures, targets)
    with torch.no_grad():
        _, gradients = problem.errors_and_gradients(pictures, targets)
    torch.testing.assert_close(gradients, expected)


def test_targets_of_norm_zero_or_not_finite_are_refused(targets):
    check_targets(targets)
    for row, bad, message in ((2, 0.0, "reference image 12 as zero"), (1, torch.nan, "NaN or infinity for reference image 11")):
        spoilt = targets.clone()
        spoilt[row] = bad
        with pytest.raises(InversionError, match=message):
            check_targets(spoilt, first=10)


def test_a_model_that_draws_at_random_is_refused(pictures):
    check_alike(lambda x: x.flatten(1), pictures)
    with pytest.raises(InversionError, match=r"differently the second time .*dropout, noise"):
        check_alike(lambda x: nn.functional.dropout(x.flatten(1)), pictures)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_errors_of_half_precision_are_taken_in_float32(dtype):
    """Squares of 400 overflow in float16, where the error would be 0."""
    targets = torch.full((2, 300), 400.0).to(dtype)
    pictures = (1.5 * targets).requires_grad_()
    problem = InversionProblem(lambda x: x)
    torch.testing.assert_close(problem.errors(pictures, targets), torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(problem.errors_and_gradients(pictures, targets)[0], torch.tensor([0.5, 0.5]))
    check_targets(targets)


def test_a_model_that_gradients_cannot_follow_backwards_is_refused_in_one_line(pictures, targets):
    def overwritten(x):
        y = torch.sigmoid(x.flatten(1)[:, :7])
        z = y * y
        y += 1
        return z

    with pytest.raises(InversionError, match=r"^Expected a model that gradients can follow; .*inplace operation.*[^\n]$"):
        InversionProblem(overwritten).errors_and_gradients(pictures, targets)


def test_targets_whose_norm_overflows_are_refused():
    with pytest.raises(InversionError, match=r"reference image 1 is so large that its norm overflows in torch\.float32"):
        check_targets(torch.tensor([[1.0, 1.0], [1e30, 1e30]]))
    check_targets(torch.tensor([[1e30, 1e30]], dtype=torch.float64))


def test_median_pair_distance_is_scipys_median(generator):
    representations = torch.randn(6, 9, generator=generator)
    assert median_pair_distance(representations) == pytest.approx(np.median(pdist(representations.double())), rel=1e-6)


def test_median_pair_distance_ignores_an_offset(generator):
    representations = torch.randn(6, 9, generator=generator, dtype=torch.float64)
    assert median_pair_distance(representations + 1e6) == pytest.approx(median_pair_distance(representations), rel=1e-6)


def test_one_image_has_no_pair():
    assert np.isnan(median_pair_distance(torch.ones(1, 3)))
