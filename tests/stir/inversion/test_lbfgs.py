"""L-BFGS against a textbook, against SciPy, and against gradient descent."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from stir.inversion import lbfgs as module
from stir.inversion.lbfgs import LBFGS, MEMORY
from stir.inversion.problem import InversionProblem
from stir.representations import representing
from tests.stir.inversion.descending import Goal, Recording, descend


def _descend(goal, seeds, iterations, **settings):
    return descend(LBFGS(), goal, seeds, iterations, **settings)


def _linear(matrix, targets):
    return Goal(InversionProblem(lambda x: x.flatten(1) @ matrix.mT), targets)


@pytest.fixture
def matrix(generator):
    return torch.randn(100, 64, generator=generator, dtype=torch.float64)


@pytest.fixture
def seeds(generator):
    return torch.rand(10, 64, generator=generator, dtype=torch.float64)


@pytest.fixture
def ill_conditioned(generator):
    """Singular values from 1 down to 0.01: condition number 100, and 10,000 for the squared error."""
    left, right = (torch.linalg.qr(torch.randn(64, 64, generator=generator, dtype=torch.float64))[0] for _ in range(2))
    return left @ torch.diag(torch.logspace(0, -2, 64, dtype=torch.float64)) @ right


def _textbook_direction(moves, changes, gradient, first_scale):
    """Nocedal and Wright, Numerical Optimization, algorithm 7.4; pairs from old to new."""
    direction, alphas = gradient.copy(), []
    for s, y in zip(reversed(moves), reversed(changes), strict=True):
        alphas.append(s @ direction / (y @ s))
        direction -= alphas[-1] * y
    direction *= moves[-1] @ changes[-1] / (changes[-1] @ changes[-1]) if len(moves) else first_scale
    for s, y, alpha in zip(moves, changes, reversed(alphas), strict=True):
        direction += s * (alpha - y @ direction / (y @ s))
    return -direction


def test_two_loop_on_coefficients_is_the_textbooks(generator):
    """Rows with no, some, all and overwritten pairs, in one batch."""
    counts, pixels = [0, 1, 3, MEMORY, MEMORY + 3, 2 * MEMORY], 30
    pairs = torch.zeros(len(counts), 2 * MEMORY, pixels, dtype=torch.float64)
    gradients = torch.randn(len(counts), pixels, generator=generator, dtype=torch.float64)
    polyak = torch.rand(len(counts), generator=generator, dtype=torch.float64)
    expected = []
    for row, count in enumerate(counts):
        moves = torch.randn(count, pixels, generator=generator, dtype=torch.float64)
        changes = 2 * moves + 0.3 * torch.randn(count, pixels, generator=generator, dtype=torch.float64)
        for i in range(count):
            pairs[row, i % MEMORY], pairs[row, i % MEMORY + MEMORY] = moves[i], changes[i]
        kept = list(moves.numpy()[-MEMORY:]), list(changes.numpy()[-MEMORY:])
        expected.append(_textbook_direction(*kept, gradients[row].numpy(), polyak[row].item()))
    basis = torch.cat([pairs, gradients[:, None]], dim=1)
    coefficients = module._two_loop(basis @ basis.mT, torch.tensor(counts), polyak)
    np.testing.assert_allclose((coefficients[:, None] @ basis).squeeze(1), np.stack(expected), rtol=1e-10, atol=1e-10)


def test_remembered_pairs_are_moves_and_gradient_changes(matrix, seeds):
    """On a quadratic, a change of gradient is the Hessian times the move: L-BFGS ends in few steps what has few curvatures."""
    low_rank = matrix[:3]
    problem = _linear(low_rank, seeds.flip(0) @ low_rank.mT)
    assert _descend(problem, seeds, 25, tolerance=1e-10).errors.max() <= 1e-10


def test_ill_conditioned_map_needs_far_fewer_evaluations_than_gradient_descent(ill_conditioned, flat_images, seeds):
    problem = _linear(ill_conditioned, flat_images @ ill_conditioned.mT)
    ended = _descend(problem, seeds, 500, tolerance=1e-3)
    assert (problem.errors(ended.images) <= 1e-3).all()
    most = int(ended.iterations.max())
    assert most <= 350
    images = seeds
    for _ in range(10 * most):
        images = images - (images @ ill_conditioned.mT - problem.targets) @ ill_conditioned
    assert problem.errors(images).min() > 1e-3, "gradient descent, step 1 / largest curvature, ten times as long"


def _scipy_error(matrix, target, start, bounds, evaluations):
    matrix, target = matrix.numpy(), target.numpy()

    def objective(x):
        residual = (matrix @ x - target) / np.linalg.norm(target)
        return residual @ residual / 2, matrix.T @ residual / np.linalg.norm(target)

    limits = {"maxfun": evaluations, "maxiter": evaluations, "ftol": 0, "gtol": 1e-12}
    found = minimize(objective, start.numpy(), jac=True, method="L-BFGS-B", bounds=[bounds] * len(start), options=limits)
    return (2 * found.fun) ** 0.5


@pytest.mark.parametrize(
    ("shift", "ours_at_most"), [(0.0, lambda scipys: np.full(10, 1e-9)), (0.5, lambda scipys: 1.03 * scipys)], ids=["in", "out"]
)
def test_bounded_optimum_is_scipys(matrix, flat_images, seeds, shift, ours_at_most):
    """Targets of images in bounds (many pixels at 0), and of images out of bounds, which cannot be reached."""
    targets = (flat_images + shift * (flat_images - 0.3)) @ matrix.mT
    ended = _descend(_linear(matrix, targets), seeds, 200, pixel_bounds=(0.0, 1.0))
    scipys = np.array([_scipy_error(matrix, targets[i], seeds[i], (0, 1), 1000) for i in range(10)])
    assert (scipys.max() < 1e-9) == (shift == 0)
    assert (ended.errors.numpy() <= ours_at_most(scipys)).all()
    assert (ended.images.min(), ended.images.max()) == (0, 1)
    assert (ended.errors.numpy() >= 0.999 * scipys).all() or shift == 0


def _kinked(generator):
    """One hidden layer of ReLUs, which a descent cannot match to 1e-6 without meeting kinks."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 100), torch.nn.ReLU(), torch.nn.Linear(100, 40), torch.nn.ReLU()).double()
    reference = torch.rand(6, 64, generator=generator, dtype=torch.float64)
    return model, reference, torch.rand(6, 64, generator=generator, dtype=torch.float64)


def test_the_best_iterate_is_kept_through_kicks(generator):
    model, reference, seeds = _kinked(generator)
    kept = []
    with representing(model, "3", reference[:1]) as represent_batch:
        problem = Recording(Goal(InversionProblem(represent_batch), represent_batch(reference)))
        ended = _descend(
            problem,
            seeds,
            150,
            pixel_bounds=(0.0, 1.0),
            report=lambda rows, _waiting: kept.append(dict(zip(rows.index.tolist(), rows.best_errors.tolist(), strict=True))),
        )
        verified = problem.goal.errors(ended.images)
    rises = [sum(b > a for a, b in pairwise(seen)) for seen in problem.errors.values()]
    assert min(rises) > 3, "without a kick this test shows nothing"
    np.testing.assert_array_equal(ended.errors, [min(problem.errors[row]) for row in range(6)])
    torch.testing.assert_close(verified, ended.errors)
    assert all(later[row] <= earlier[row] for earlier, later in pairwise(kept) for row in later)
    assert all(low >= 0 and high <= 1 for low, high in problem.ranges)


def test_iterations_are_evaluations_and_end_at_convergence(matrix, flat_images, seeds):
    problem = Recording(_linear(matrix, flat_images @ matrix.mT))
    seeds[3] = flat_images[3] + 1e-6
    ended = _descend(problem, seeds, 60, tolerance=1e-2)
    assert ended.iterations[3] == 1
    assert torch.equal(ended.images[3], seeds[3])
    assert ended.errors.max() <= 1e-2
    for row, seen in problem.errors.items():
        count = int(ended.iterations[row])
        assert 1 <= count <= 60
        assert seen[count - 1] <= 1e-2 < min(seen[: count - 1], default=1), "it ends at the first error within the tolerance"
        assert len(seen) >= count


def test_every_image_makes_at_most_max_iterations(ill_conditioned, flat_images, seeds):
    problem = Recording(_linear(ill_conditioned, flat_images @ ill_conditioned.mT))
    ended = _descend(problem, seeds, 7)
    assert torch.equal(ended.iterations, torch.full((10,), 7))
    assert {len(seen) for seen in problem.errors.values()} == {7}


def test_the_first_step_is_polyaks(matrix, flat_images, seeds):
    problem = _linear(matrix, flat_images @ matrix.mT)
    errors, gradients = problem.errors_and_gradients(seeds)
    polyak = seeds - (errors.square() / gradients.square().sum(dim=1))[:, None] * gradients
    torch.testing.assert_close(_descend(problem, seeds, 2).images, polyak)


def test_pixels_at_a_bound_that_would_leave_do_not_count(matrix, flat_images, seeds):
    """The first step is Polyak's of the pixels that can move."""
    problem = _linear(matrix, (3 * flat_images - 1) @ matrix.mT)
    seeds[:, ::2] = seeds[:, ::2].round()
    errors, gradients = problem.errors_and_gradients(seeds)
    stuck = ((seeds == 0) & (gradients > 0)) | ((seeds == 1) & (gradients < 0))
    assert stuck.sum(dim=1).min() > 5
    free = torch.where(stuck, 0, gradients)
    polyak = seeds - (errors.square() / free.square().sum(dim=1))[:, None] * free
    torch.testing.assert_close(_descend(problem, seeds, 2, pixel_bounds=(0.0, 1.0)).images, polyak.clamp(0, 1))
