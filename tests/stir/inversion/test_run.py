"""The batch that is refilled: never too large, every image once, and each as if it were alone."""

import pytest
import torch

from stir.inversion.lbfgs import LBFGS
from stir.inversion.normalised_gradient import NormalisedGradient
from stir.inversion.problem import InversionProblem
from tests.stir.inversion.descending import Goal, Recording, descend


@pytest.fixture
def goal(generator):
    matrix = torch.randn(6, 20, generator=generator, dtype=torch.float64)
    targets = torch.randn(23, 20, generator=generator, dtype=torch.float64) @ matrix.mT
    return Goal(InversionProblem(lambda x: x @ matrix.mT), targets)


@pytest.mark.parametrize("descent", [LBFGS(), NormalisedGradient()])
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
