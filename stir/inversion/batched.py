"""Run descents in a batch that is refilled from a queue, so that memory and speed do not depend on the number of images."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.descent import Descent, Rows, Stopping
from stir.inversion.problem import InversionProblem

SETTLED_FRACTION = 0.15
"""Ended rows wait until they are this part of the batch: small batches and new batch sizes are slow."""
VERIFIED_FRACTION = 0.3
"""All rounded rows go on exactly once this part of them is done with rounding: two small batches take longer than one."""
Load = Callable[[Int[Tensor, " k"]], tuple[Float[Tensor, "k d"], Float[Tensor, "k p"]]]
Settle = Callable[[Rows], None]


@dataclass(frozen=True)
class Rounded:
    """A problem like the exact one, faster and rounded, that every picture begins with."""

    problem: InversionProblem
    floor: float
    """Error under which it stalls."""
    patience: int
    """Evaluations without a fall of the error by 2 % after which the exact problem takes over."""


def run(
    problem: InversionProblem,
    descent: Descent,
    waiting: Int[Tensor, " n"],
    *,
    shape: tuple[int, ...],
    load: Load,
    settle: Settle,
    stopping: Stopping,
    pixel_bounds: PixelBounds,
    batch_size: int,
    rounded: Rounded | None = None,
    resumed: Rows | None = None,
    report: Callable[[Rows, Tensor], None] = lambda _rows, _waiting: None,
) -> None:
    """Descend for all waiting images, at most ``batch_size`` at once.

    Parameters
    ----------
    problem : InversionProblem
        The objective.
    descent : Descent
        How.
    waiting : Int[Tensor, "n"]
        Numbers of the reference images.
    shape : tuple of int
        Of one picture.
    load : callable
        Numbers -> their targets m1(X), the flat pictures to start at.
    settle : callable
        Takes rows that have ended.
    stopping : Stopping
        When a row ends.
    pixel_bounds : (float, float) or None
        Of the pixels.
    batch_size : int
        Rows at once.
    rounded : Rounded, optional
        The problem that rows begin with. When the errors of some stall, or are at the floor or the tolerance, rows
        go on with the exact problem from their best pictures, with what their descents remember. A
        descent that does not end at the tolerance makes all its steps with it.
    resumed : Rows, optional
        Rows that were under way when a run was interrupted, to go on with.
    report : callable
        Called with the rows and the images that wait, after every evaluation.
    """

    def begin(index: Tensor) -> Rows:
        rows = descent.start(index, *load(index))
        rows.rounded.fill_(rounded is not None)
        return rows

    if resumed is not None:
        rows = resumed
        if rounded is None:
            rows.verify(rows.rounded.clone())
    else:
        rows, waiting = begin(waiting[:batch_size]), waiting[batch_size:]
    while len(rows):
        running, done = ~_ended(rows, descent, stopping), _done_with(rounded, rows, descent, stopping)
        n_running, n_done, n_rounded = _counts(running, done, rows.rounded)
        if n_done and n_done >= VERIFIED_FRACTION * n_rounded:
            rows.verify(rows.rounded.clone())
            continue
        n_ended = len(rows) - n_running
        if n_ended and (n_ended >= SETTLED_FRACTION * len(rows) or n_ended == len(rows)):
            settle(rows.select(~running))
            rows, waiting = _refilled(rows, running, waiting, begin)
            continue
        trial = descent.propose(rows, pixel_bounds)
        errors, gradients = _evaluated(problem, rounded, rows, trial, shape, n_rounded)
        descent.accept(rows, trial, errors, gradients, running)
        report(rows, waiting)


def _counts(*masks: Bool[Tensor, " b"]) -> list[int]:
    """Return how many rows each mask has; all at once, since each look at a number waits for a GPU."""
    return torch.stack(masks).sum(dim=1).tolist()


def _done_with(rounded: Rounded | None, rows: Rows, descent: Descent, stopping: Stopping) -> Bool[Tensor, " b"]:
    """Return which rows are done with rounding."""
    if rounded is None or not descent.ends_at_tolerance:
        return torch.zeros_like(rows.rounded)
    low = rows.best_errors <= max(stopping.tolerance, rounded.floor)
    return rows.rounded & (low | (rows.evaluations_since >= rounded.patience))


def _ended(rows: Rows, descent: Descent, stopping: Stopping) -> Bool[Tensor, " b"]:
    ended = rows.iterations >= stopping.max_iterations + descent.closing_evaluations
    return ended | (~rows.rounded & (rows.best_errors <= stopping.tolerance)) if descent.ends_at_tolerance else ended


def _evaluated(
    problem: InversionProblem, rounded: Rounded | None, rows: Rows, trial: Tensor, shape: tuple[int, ...], n_rounded: int
) -> tuple[Float[Tensor, " b"], Float[Tensor, "b p"]]:
    """Return errors and gradients of every row by its problem."""
    if rounded is None or n_rounded in (0, len(rows)):
        only = rounded.problem if rounded is not None and n_rounded else problem
        errors, gradients = only.errors_and_gradients(pictures(trial, shape), rows.targets)
        return errors, flat(gradients)
    errors, gradients = torch.empty_like(rows.errors), torch.empty_like(trial)
    order = rows.rounded.argsort(descending=True, stable=True)
    for which, part in ((order[:n_rounded], rounded.problem), (order[n_rounded:], problem)):
        of_errors, of_gradients = part.errors_and_gradients(pictures(trial[which], shape), rows.targets[which])
        errors[which], gradients[which] = of_errors, flat(of_gradients)
    return errors, gradients


def _refilled(rows: Rows, running: Tensor, waiting: Tensor, begin: Callable[[Tensor], Rows]) -> tuple[Rows, Tensor]:
    """Put waiting images into the places of ended rows; drop the places that stay empty."""
    places = (~running).nonzero().squeeze(1)
    entering = waiting[: len(places)]
    if len(entering):
        rows.put(places[: len(entering)], begin(entering))
        running = running.clone()
        running[places[: len(entering)]] = True
    return (rows if running.all() else rows.select(running)), waiting[len(entering) :]


def flat(images: Float[Tensor, "n ..."]) -> Float[Tensor, "n p"]:
    """Return one row of pixels per picture, channels last as in memory, so that convolutions take them as they are."""
    return (images.permute(0, 2, 3, 1) if images.ndim == 4 else images).flatten(1)


def pictures(rows: Float[Tensor, "n p"], shape: tuple[int, ...]) -> Float[Tensor, "n ..."]:
    """Return pictures of a shape (without n) from their rows."""
    if len(shape) != 3:
        return rows.reshape(-1, *shape)
    channels, height, width = shape
    return rows.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
