"""Run descents in a batch that is refilled from a queue, so that memory and speed do not hang on the number of images."""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.descent import Descent, Rows, Stopping
from stir.inversion.layout import flat, pictures
from stir.inversion.problem import InversionProblem

SETTLED_FRACTION = 0.15
"""Ended rows wait until they are this part of the batch: small batches and new batch sizes are slow."""
Load = Callable[[Int[Tensor, " k"]], tuple[Float[Tensor, "k d"], Float[Tensor, "k p"], Int[Tensor, " k"]]]
Settle = Callable[[Rows], None]


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
    patience: int | None = None,
    resumed: Rows | None = None,
    report: Callable[[Rows, Tensor], None] = lambda _rows, _waiting: None,
) -> None:
    """Descend for all waiting images, at most ``batch_size`` at once.

    Parameters
    ----------
    problem : InversionProblem
        What is minimised.
    descent : Descent
        How.
    waiting : Int[Tensor, "n"]
        Numbers of the reference images.
    shape : tuple of int
        Of one picture.
    load : callable
        Numbers -> their targets m1(X), the flat pictures to start at, evaluations made before.
    settle : callable
        Takes rows that have ended.
    stopping : Stopping
        When a row ends.
    pixel_bounds : (float, float) or None
        Of the pixels.
    batch_size : int
        Rows at once.
    patience : int, optional
        Evaluations without a fall of the error by 2 % after which a row ends.
    resumed : Rows, optional
        Rows that were under way when a run was interrupted, to go on with.
    report : callable
        Called with the rows and the images that wait, after every evaluation.
    """

    def begin(index: Tensor) -> Rows:
        targets, images, iterations = load(index)
        rows = descent.start(index, targets, images)
        rows.iterations = iterations.clone()
        return rows

    if resumed is not None:
        rows = resumed
    else:
        rows, waiting = begin(waiting[:batch_size]), waiting[batch_size:]
    while len(rows):
        running = ~_ended(rows, descent, stopping, patience)
        n_ended = len(rows) - int(running.sum())
        if n_ended and (n_ended >= SETTLED_FRACTION * len(rows) or n_ended == len(rows)):
            settle(rows.select(~running))
            rows, waiting = _refilled(rows, running, waiting, begin)
            continue
        trial = descent.propose(rows, pixel_bounds)
        errors, gradients = problem.errors_and_gradients(pictures(trial, shape), rows.targets)
        descent.accept(rows, trial, errors, flat(gradients), running)
        report(rows, waiting)


def _ended(rows: Rows, descent: Descent, stopping: Stopping, patience: int | None) -> Tensor:
    ended = rows.iterations >= stopping.max_iterations + descent.closing_evaluations
    if descent.ends_at_tolerance:
        ended = ended | (rows.best_errors <= stopping.tolerance)
    return ended if patience is None else ended | (rows.evaluations_since >= patience)


def _refilled(rows: Rows, running: Tensor, waiting: Tensor, begin: Callable[[Tensor], Rows]) -> tuple[Rows, Tensor]:
    """Put waiting images into the places of ended rows; drop the places that stay empty."""
    places = (~running).nonzero().squeeze(1)
    entering = waiting[: len(places)]
    if len(entering):
        rows.put(places[: len(entering)], begin(entering))
        running = running.clone()
        running[places[: len(entering)]] = True
    return (rows if running.all() else rows.select(running)), waiting[len(entering) :]
