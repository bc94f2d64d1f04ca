"""Run one descent of given seed images to given targets, without the rest of an inversion."""

from dataclasses import dataclass

import torch
from torch import Tensor

from stir.inversion.batched import flat, pictures, run
from stir.inversion.descent import Stopping
from stir.inversion.problem import InversionProblem


@dataclass
class Goal:
    """A problem with its targets, row i of which belongs to seed image i."""

    problem: InversionProblem
    targets: Tensor

    def errors(self, images):
        return self.problem.errors(images, self.targets)

    def errors_and_gradients(self, images):
        return self.problem.errors_and_gradients(images, self.targets)


class Recording:
    """A problem that keeps every error that it was asked for, every picture's pixel range, every batch's size."""

    def __init__(self, goal):
        self.goal, self.errors, self.ranges, self.sizes = goal, {}, [], []

    def errors_and_gradients(self, images, targets):
        errors, gradients = self.goal.problem.errors_and_gradients(images, targets)
        self.ranges.append((images.min().item(), images.max().item()))
        self.sizes.append(len(images))
        rows = (targets[:, None] == self.goal.targets).all(dim=2).int().argmax(dim=1)
        for row, error in zip(rows.tolist(), errors.tolist(), strict=True):
            self.errors.setdefault(row, []).append(error)
        return errors, gradients


@dataclass
class Descended:
    images: Tensor
    errors: Tensor
    iterations: Tensor
    settled: list[int]


def descend(descent, goal, seeds, iterations, *, tolerance=1e-12, pixel_bounds=None, batch_size=1000, **settings):
    """``goal`` is a `Goal` or a `Recording` of one; further settings are those of `run`."""
    problem, targets = (goal, goal.goal.targets) if isinstance(goal, Recording) else (goal.problem, goal.targets)
    shape = tuple(seeds.shape[1:])
    ended = Descended(torch.full_like(seeds, torch.nan), seeds.new_zeros(len(seeds)), torch.zeros(len(seeds)).long(), [])

    def settle(rows):
        ended.images[rows.index] = pictures(rows.best_images, shape)
        ended.errors[rows.index] = rows.best_errors
        ended.iterations[rows.index] = rows.iterations.clamp(max=iterations)
        ended.settled += rows.index.tolist()

    run(
        problem,
        descent,
        torch.arange(len(seeds)),
        shape=shape,
        load=lambda index: (targets[index], flat(seeds[index])),
        settle=settle,
        stopping=Stopping(tolerance, iterations),
        pixel_bounds=pixel_bounds,
        batch_size=batch_size,
        **settings,
    )
    return ended
