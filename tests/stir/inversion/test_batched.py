"""The batch that is refilled: never too large, every image once, and each as if it were alone."""

import pytest
import torch

from stir.inversion.batched import Rounded
from stir.inversion.lbfgs import LBFGS
from stir.inversion.lbfgs_adam import LBFGSAdam
from stir.inversion.normalised_gradient import NormalisedGradient
from stir.inversion.problem import InversionProblem
from tests.stir.inversion.descending import Goal, Recording, descend


@pytest.fixture
def goal(generator):
    matrix = torch.randn(6, 20, generator=generator, dtype=torch.float64)
    targets = torch.randn(23, 20, generator=generator, dtype=torch.float64) @ matrix.mT
    return Goal(InversionProblem(lambda x: x @ matrix.mT), targets)


@pytest.mark.parametrize("descent", [LBFGS(), LBFGSAdam(), NormalisedGradient()])
@pytest.mark.parametrize("batch_size", [1, 4, 23, 100])
def test_the_batch_is_bounded_and_every_image_is_settled_once(goal, generator, descent, batch_size):
    seeds, recording = torch.rand(23, 20, generator=generator, dtype=torch.float64), Recording(goal)
    ended = descend(descent, recording, seeds, 30, tolerance=1e-3, batch_size=batch_size)
    assert sorted(ended.settled) == list(range(23))
    assert max(recording.sizes) == min(batch_size, 23)
    alone = descend(descent, goal, seeds, 30, tolerance=1e-3)
    torch.testing.assert_close(ended.images, alone.images, rtol=1e-6, atol=1e-6)
    assert torch.equal(ended.iterations, alone.iterations)


def test_ended_places_are_filled_while_images_wait(goal, generator):
    recording = Recording(goal)
    descend(LBFGS(), recording, torch.rand(23, 20, generator=generator, dtype=torch.float64), 30, tolerance=1e-3, batch_size=4)
    shrinks = next(i for i, size in enumerate(recording.sizes) if size < 4)
    assert sum(recording.sizes[shrinks:]) < 4 * 30, "it shrinks only for the last images"
    assert all(size == 4 for size in recording.sizes[:shrinks])


@pytest.fixture
def coarse(goal):
    """The same map, its results rounded to bfloat16."""
    exact = goal.problem.represent_batch
    return Recording(Goal(InversionProblem(lambda x: exact(x).bfloat16().double()), goal.targets))


@pytest.mark.parametrize("batch_size", [4, 23])
@pytest.mark.parametrize("floor", [0.3, 0.0])
def test_what_begins_rounded_is_finished_and_judged_exactly(goal, coarse, generator, batch_size, floor):
    seeds, exact = torch.rand(23, 20, generator=generator, dtype=torch.float64), Recording(goal)
    rounded = Rounded(coarse, floor=floor, patience=3)
    ended = descend(LBFGS(), exact, seeds, 100, tolerance=1e-4, batch_size=batch_size, rounded=rounded)
    assert sorted(ended.settled) == list(range(23))
    assert sum(coarse.sizes) > 23
    errors = goal.errors(ended.images)
    assert errors.max() <= 1e-4
    torch.testing.assert_close(errors, ended.errors)
    evaluations = sum(coarse.sizes) + sum(exact.sizes)
    assert evaluations >= ended.iterations.sum() > sum(coarse.sizes)


def test_what_was_learnt_rounded_is_remembered(goal, coarse, generator):
    """Without its memory the exact descent takes as many evaluations as if it were given the picture alone."""
    seeds, rounded = torch.rand(23, 20, generator=generator, dtype=torch.float64), Rounded(coarse, floor=0.05, patience=30)
    remembered = Recording(goal)
    descend(LBFGS(), remembered, seeds, 100, tolerance=1e-4, rounded=rounded)
    handed_over = descend(LBFGS(), coarse, seeds, 100, tolerance=0.05)
    afresh = Recording(goal)
    descend(LBFGS(), afresh, handed_over.images, 100, tolerance=1e-4)
    assert sum(map(len, remembered.errors.values())) < 0.8 * sum(map(len, afresh.errors.values()))


def test_a_descent_that_makes_all_its_steps_makes_them_rounded(goal, coarse, generator):
    seeds, exact = torch.rand(5, 20, generator=generator, dtype=torch.float64), Recording(goal)
    descend(NormalisedGradient(), exact, seeds, 7, tolerance=0.5, rounded=Rounded(coarse, floor=0.1, patience=2))
    assert exact.sizes == []
    assert coarse.sizes == [5] * 8


def test_rows_to_be_verified_stand_at_their_best_pictures(generator):
    rows = LBFGS().start(torch.arange(2), torch.rand(2, 3, generator=generator), torch.zeros(2, 4))
    rows.best_images += 1
    rows.best_errors[:], rows.iterations[:], rows.failures[:], rows.rounded[:] = 0.1, 5, 1, True
    rows.verify(torch.tensor([False, True]))
    assert rows.images.tolist() == [[0] * 4, [1] * 4]
    assert rows.best_errors.tolist() == [pytest.approx(0.1), torch.inf]
    assert (rows.iterations.tolist(), rows.failures.tolist(), rows.rounded.tolist()) == ([5, 5], [1, 0], [True, False])
