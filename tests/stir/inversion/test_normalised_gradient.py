"""The published descent: 1,000 steps of length 0.5, and the best iterate is kept."""

import pytest
import torch
from torch import nn

from stir.errors import ConvergenceWarning
from stir.inversion import invert
from stir.inversion.normalised_gradient import NormalisedGradient
from stir.inversion.problem import InversionProblem
from tests.stir.inversion.descending import Goal, descend


def _descend(goal, seeds, steps, **settings):
    return descend(NormalisedGradient(), goal, seeds, steps, tolerance=0.05, **settings)


@pytest.fixture
def linear_problem(generator):
    matrix = torch.randn(5, 9, generator=generator, dtype=torch.float64)
    targets = 10 * torch.randn(4, 5, generator=generator, dtype=torch.float64)
    return matrix, Goal(InversionProblem(lambda x: x.flatten(1) @ matrix.mT), targets)


def test_one_step_has_length_half_along_the_negative_gradient(linear_problem, generator):
    matrix, problem = linear_problem
    seeds = torch.randn(4, 1, 3, 3, generator=generator, dtype=torch.float64)
    step = (_descend(problem, seeds, 1).images - seeds).flatten(1)
    uphill = (seeds.flatten(1) @ matrix.mT - problem.targets) @ matrix
    torch.testing.assert_close(step, -0.5 * uphill / uphill.norm(dim=1, keepdim=True))


def test_by_default_a_thousand_steps_are_made():
    """One pixel that must go to 10,000 makes way of exactly 0.5 a step."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False).double(), nn.Linear(1, 1).double())
    model[0].weight.data.fill_(1)
    reference = torch.tensor([[1e4], [-1e4]], dtype=torch.float64)
    with pytest.warns(ConvergenceWarning):
        result = invert(model, reference, random_seed=0, method="normalised_gradient", pixel_bounds=None)
    way = result.iri_images - result.seed_images
    torch.testing.assert_close(way, torch.tensor([[500.0], [-500.0]], dtype=torch.float64))


def test_the_tolerance_does_not_end_it(linear_problem, generator):
    _, problem = linear_problem
    seen = []
    seeds = torch.randn(4, 9, generator=generator, dtype=torch.float64)
    ended = _descend(problem, seeds, 200, report=lambda rows, _waiting: seen.append(rows.best_errors.clone()))
    assert (torch.stack(seen) <= 0.05).all(dim=1).any()
    assert len(seen) == 201
    assert torch.equal(ended.iterations, torch.full((4,), 200))


def test_the_best_iterate_is_kept(linear_problem, generator):
    """A step from nearby overshoots: the start was better, and stays the answer."""
    matrix, problem = linear_problem
    solution = problem.targets @ torch.linalg.pinv(matrix).mT
    near = solution + 1e-3 * torch.randn(4, 9, generator=generator, dtype=torch.float64)
    ended = _descend(problem, near, 3)
    assert torch.equal(ended.images, near)
    torch.testing.assert_close(ended.errors, problem.errors(near))


def test_errors_belong_to_the_images_and_never_exceed_the_seeds(linear_problem, generator):
    _, problem = linear_problem
    seeds = torch.randn(4, 9, generator=generator, dtype=torch.float64)
    for steps in (1, 10, 101):
        ended = _descend(problem, seeds, steps)
        torch.testing.assert_close(ended.errors, problem.errors(ended.images))
        assert (ended.errors <= problem.errors(seeds)).all()


def test_pixels_stay_in_bounds(linear_problem, generator):
    _, problem = linear_problem
    seeds = torch.rand(4, 9, generator=generator, dtype=torch.float64)
    ended = _descend(problem, seeds, 20, pixel_bounds=(0.0, 1.0))
    assert (ended.images.min(), ended.images.max()) == (0, 1)


def test_an_image_without_gradient_stays_and_the_others_move(generator):
    seen = torch.tensor([[1.0], [0.0], [1.0]])
    problem = Goal(InversionProblem(lambda x: x * seen[: len(x)] + 3), torch.ones(3, 4))
    seeds = torch.rand(3, 4, generator=generator)
    moved = (_descend(problem, seeds, 1).images - seeds).norm(dim=1)
    torch.testing.assert_close(moved, torch.tensor([0.5, 0.0, 0.5]))
