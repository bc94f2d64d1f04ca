"""L-BFGS with turns of Adam: L-BFGS itself until it stalls, and PyTorch's Adam in its turns."""

from itertools import pairwise

import pytest
import torch

from stir.inversion import lbfgs_adam as module
from stir.inversion.lbfgs import LBFGS
from stir.inversion.lbfgs_adam import DECAY, FIRST_TURN, STEP, WINDOW, LBFGSAdam
from stir.inversion.problem import InversionProblem
from tests.stir.inversion.descending import Goal, descend


@pytest.fixture
def goal(generator):
    """A linear map of which L-BFGS makes short work, and the targets of five pictures."""
    matrix = torch.randn(10, 20, generator=generator, dtype=torch.float64)
    return Goal(
        InversionProblem(lambda x: x @ matrix.mT), torch.rand(5, 20, generator=generator, dtype=torch.float64) @ matrix.mT
    )


@pytest.fixture
def seeds(generator):
    return torch.rand(5, 20, generator=generator, dtype=torch.float64)


def _evaluate(goal, rows, trial, running):
    LBFGSAdam().accept(rows, trial, *goal.problem.errors_and_gradients(trial, rows.targets), running)


def _steps(goal, rows, n, pixel_bounds=None):
    """Make evaluations; return the pictures evaluated, and the rows' steps left before each."""
    pictures, left = [], []
    for _ in range(n):
        left.append(rows.steps_left.tolist())
        pictures.append(LBFGSAdam().propose(rows, pixel_bounds))
        _evaluate(goal, rows, pictures[-1], torch.ones(len(rows), dtype=torch.bool))
    return pictures, left


def test_where_nothing_stalls_it_is_lbfgs(goal, seeds):
    ours, plain = (descend(descent, goal, seeds, 60, tolerance=0.01) for descent in (LBFGSAdam(), LBFGS()))
    assert plain.errors.max() <= 0.01
    torch.testing.assert_close(ours.images, plain.images, rtol=0, atol=0)
    assert torch.equal(ours.iterations, plain.iterations)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_turns_are_pytorchs_adam(goal, seeds, scale):
    """Steps are in units of the pixel range, which no pixel leaves here."""
    scaled = Goal(InversionProblem(lambda x: goal.problem.represent_batch(x / scale)), goal.targets)
    rows = LBFGSAdam().start(torch.arange(5), goal.targets, 0.5 + 0 * seeds)
    rows.images *= scale
    rows.steps_left[:] = 100
    pictures, _ = _steps(scaled, rows, 12, (0.0, scale))
    x = torch.full_like(seeds, 0.5 * scale).requires_grad_()
    adam = torch.optim.Adam([x], lr=STEP * scale, betas=(DECAY, DECAY), eps=1e-30)
    for picture in pictures:
        torch.testing.assert_close(picture, x.detach())
        x.grad = scaled.problem.errors_and_gradients(x, goal.targets)[1]
        adam.step()


@pytest.fixture
def unreachable():
    """Two features of one pixel that contradict each other: the error stays at or over 1 / √2."""
    return Goal(InversionProblem(lambda x: torch.cat([x, -x], dim=1)), torch.ones(3, 2, dtype=torch.float64))


def test_a_stall_is_followed_by_a_turn_and_the_next_turn_is_twice_as_long(unreachable):
    rows = LBFGSAdam().start(torch.arange(3), unreachable.targets, torch.full((3, 1), 0.8, dtype=torch.float64))
    _, left = _steps(unreachable, rows, 3 * (WINDOW + FIRST_TURN + 4))
    first = [row[0] for row in left]
    turns = [count for before, count in pairwise(first) if count > before]
    assert turns[:2] == [FIRST_TURN, 2 * FIRST_TURN]
    began = first.index(FIRST_TURN)
    assert 1 < began <= WINDOW + 2
    assert first[began : began + FIRST_TURN + 1] == list(range(FIRST_TURN, -1, -1)), (
        "it makes all its steps, then it is L-BFGS's turn"
    )


def test_little_progress_is_a_stall(monkeypatch, goal, seeds):
    """L-BFGS, which converges here, stalls by the standard that it falls by all of the error."""
    monkeypatch.setattr(module, "LEAST_FALL", 1.0)
    rows = LBFGSAdam().start(torch.arange(5), goal.targets, seeds.clone())
    _, left = _steps(goal, rows, WINDOW + 1)
    assert left[-1] == [0] * 5
    assert rows.steps_left.tolist() == [FIRST_TURN] * 5


def test_rows_that_are_not_running_stay_as_they_are(goal, seeds):
    rows = LBFGSAdam().start(torch.arange(5), goal.targets, seeds.clone())
    _steps(goal, rows, 3)
    rows.steps_left[:] = torch.tensor([0, 1, 1, 7, 7])
    running = torch.tensor([True, True, False, True, False])
    trial = LBFGSAdam().propose(rows, None)
    before = rows.select(torch.arange(5))
    _evaluate(goal, rows, trial, running)
    assert rows.steps_left.tolist() == [0, 0, 1, 6, 7]
    assert (rows.images != before.images).any(dim=1).tolist() == running.tolist()


def test_a_picture_to_be_verified_does_not_move_in_a_turn(goal, seeds):
    rows = LBFGSAdam().start(torch.arange(5), goal.targets, seeds.clone())
    rows.steps_left[:] = 30
    _steps(goal, rows, 10)
    rows.rounded[:] = True
    rows.verify(torch.tensor([True, False, True, True, True]))
    trial = LBFGSAdam().propose(rows, None)
    assert torch.equal(trial[0], rows.best_images[0])
    assert not torch.equal(trial[1], rows.images[1])
    averaged = rows.averaged.clone()
    _evaluate(goal, rows, trial, torch.ones(5, dtype=torch.bool))
    assert torch.isfinite(rows.errors).all()
    moved = LBFGSAdam().propose(rows, None)
    assert (moved != rows.images).any(dim=1).all()
    assert torch.equal(rows.averaged, averaged + 1), "the gradient there counts"
