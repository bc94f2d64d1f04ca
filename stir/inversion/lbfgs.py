"""Batched L-BFGS within pixel bounds: one independent descent an image.

The direction is the two-loop recursion of Nocedal (1980), written in the
coordinates of the pairs: one batched product gives all inner products, a small
recursion on coefficients, one batched product gives all directions.

What a plain L-BFGS lacks here, and why it is added:

- pixels stay in bounds by projection; a gradient that points out at a bound is
  masked, else the history describes moves that never happen;
- the first step is Polyak's, e²/‖g‖² for f = e²/2 with minimum 0, and no step is
  longer than ten of them: early curvature pairs overshoot;
- there is no line search, since an extra evaluation costs as much as an iteration:
  an image that got worse goes on from where it was with half the step;
- after two such failures the descent sits at a kink of the ReLUs. It forgets its
  history and takes a step of twice Polyak's length wherever that leads, as
  subgradient methods do; the best iterate is kept apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.descent import Descended, Stopping, clamp
from stir.inversion.problem import InversionProblem

MEMORY = 8
LONGEST_STEP_IN_POLYAK_STEPS = 10.0
FAILURES_BEFORE_KICK = 2
KICK_IN_POLYAK_STEPS = 2.0
LEAST_CURVATURE = 1e-8
COMPACT_BELOW = 0.85


@dataclass
class _State:
    """The descents under way, one row an image."""

    index: Int[Tensor, " b"]
    images: Float[Tensor, "b p"]
    errors: Float[Tensor, " b"]
    gradients: Float[Tensor, "b p"]
    best_images: Float[Tensor, "b p"]
    best_errors: Float[Tensor, " b"]
    pairs: Float[Tensor, "b m2 p"]
    """Moves in the first half, gradient changes in the second."""
    pushed: Int[Tensor, " b"]
    """Pairs remembered; the newest lies in slot (pushed - 1) mod MEMORY."""
    failures: Int[Tensor, " b"]
    """Trial steps since the error last fell."""
    iterations: Int[Tensor, " b"]

    def rows(self, keep: Tensor) -> "_State":
        """Keep some rows."""
        return _State(*(getattr(self, field.name)[keep] for field in fields(self)))

    def assign(self, rows: Tensor, **values: Tensor) -> None:
        """Put new values into the rows that a mask chooses."""
        for name, value in values.items():
            old = getattr(self, name)
            setattr(self, name, torch.where(rows.view(-1, *[1] * (old.ndim - 1)), value, old))


def lbfgs(
    problem: InversionProblem,
    seed_images: Float[Tensor, "n ..."],
    index: Int[Tensor, " n"],
    *,
    stopping: Stopping,
    pixel_bounds: PixelBounds,
    report: Callable[[int, Tensor], None],
) -> Descended:
    """Descend with per-image L-BFGS until an image converges or runs out of iterations."""
    shape = seed_images.shape[1:]

    def evaluate(flat: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        errors, gradients = problem.errors_and_gradients(flat.view(-1, *shape), rows)
        return errors, gradients.flatten(1)

    state = _start(evaluate, seed_images.flatten(1), index)
    ended = Descended(state.images.clone(), state.errors.clone(), state.iterations.clone())
    position = torch.arange(len(index), device=index.device)
    while len(position):
        ending = (state.best_errors <= stopping.tolerance) | (state.iterations >= stopping.max_iterations)
        if (~ending).sum() < COMPACT_BELOW * len(ending) or ending.all():
            _put(ended, position[ending], state.rows(ending))
            state, position = state.rows(~ending), position[~ending]
            continue
        _iterate(state, evaluate, pixel_bounds, running=~ending)
        ended.errors[position] = state.best_errors
        report(len(index) - int((~ending).sum()), ended.errors)
    return ended


def _start(evaluate: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], images: Tensor, index: Tensor) -> _State:
    errors, gradients = evaluate(images, index)
    return _State(
        index=index,
        images=images,
        errors=errors,
        gradients=gradients,
        best_images=images,
        best_errors=errors,
        pairs=images.new_zeros(len(images), 2 * MEMORY, images.shape[1]),
        pushed=torch.zeros_like(index),
        failures=torch.zeros_like(index),
        iterations=torch.ones_like(index),
    )


def _put(ended: Descended, position: Tensor, state: _State) -> None:
    ended.images[position] = state.best_images
    ended.errors[position] = state.best_errors
    ended.iterations[position] = state.iterations


def _iterate(
    state: _State,
    evaluate: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    pixel_bounds: PixelBounds,
    *,
    running: Tensor,
) -> None:
    """Make one trial step for every image; go on from it where the error fell, or after a kick."""
    kick = state.failures >= FAILURES_BEFORE_KICK
    state.assign(kick, pushed=torch.zeros_like(state.pushed))
    length = torch.where(kick, KICK_IN_POLYAK_STEPS, 0.5**state.failures)
    trial = clamp(state.images + length[:, None] * _directions(state, _masked(state, pixel_bounds)), pixel_bounds)
    errors, gradients = evaluate(trial, state.index)
    moved = running & (kick | (errors < state.errors)) & torch.isfinite(gradients).all(dim=1)
    _remember(state, trial - state.images, gradients - state.gradients, moved)
    state.assign(moved, images=trial, errors=errors, gradients=gradients)
    state.assign(moved & (errors < state.best_errors), best_images=trial, best_errors=errors)
    state.failures = torch.where(moved, 0, state.failures + 1)
    state.iterations += running


def _masked(state: _State, pixel_bounds: PixelBounds) -> Tensor:
    """Return the gradients without the pixels that sit at a bound and would leave."""
    if pixel_bounds is None:
        return state.gradients
    low, high = pixel_bounds
    leaves = ((state.images <= low) & (state.gradients > 0)) | ((state.images >= high) & (state.gradients < 0))
    return state.gradients.masked_fill(leaves, 0)


def _remember(state: _State, moves: Tensor, changes: Tensor, moved: Tensor) -> None:
    """Store the pairs of images that moved and saw curvature."""
    curvature = (moves * changes).sum(dim=1)
    rows = (moved & (curvature > LEAST_CURVATURE * changes.square().sum(dim=1))).nonzero().squeeze(1)
    slots = state.pushed[rows] % MEMORY
    state.pairs[rows, slots] = moves[rows]
    state.pairs[rows, slots + MEMORY] = changes[rows]
    state.pushed[rows] += 1


def _directions(state: _State, gradients: Tensor) -> Float[Tensor, "b p"]:
    """Return L-BFGS directions, cut to the longest step; Polyak's where they do not descend."""
    squares = gradients.square().sum(dim=1)
    polyak = state.errors.square() / squares.clamp_min(torch.finfo(squares.dtype).tiny)
    basis = torch.cat([state.pairs, gradients[:, None]], dim=1)
    coefficients = _two_loop(basis @ basis.mT, state.pushed, polyak)
    directions = (coefficients[:, None] @ basis).squeeze(1)
    uphill = (directions * gradients).sum(dim=1) >= 0
    directions = torch.where(uphill[:, None], -polyak[:, None] * gradients, directions)
    longest = LONGEST_STEP_IN_POLYAK_STEPS * polyak * squares.sqrt()
    lengths = directions.norm(dim=1).clamp_min(torch.finfo(squares.dtype).tiny)
    return directions * (longest / lengths).clamp(max=1)[:, None]


def _two_loop(products: Float[Tensor, "b k k"], pushed: Tensor, polyak: Tensor) -> Float[Tensor, "b k"]:
    """Run the two-loop recursion on coefficients of (moves, changes, gradient).

    Parameters
    ----------
    products : Float[Tensor, "b k k"]
        Inner products of the k = 2 MEMORY + 1 basis vectors.
    """
    rows = torch.arange(len(products), device=products.device)
    coefficients = products.new_zeros(products.shape[:2])
    coefficients[:, -1] = -1
    known = []
    for age in range(min(MEMORY, int(pushed.max()))):
        move = (pushed - 1 - age) % MEMORY
        curvature = products[rows, move, move + MEMORY]
        inverse = torch.where(age < pushed, 1 / curvature, 0)
        alpha = inverse * (coefficients * products[rows, move]).sum(dim=1)
        coefficients[rows, move + MEMORY] -= alpha
        known.append((move, inverse, alpha))
    newest = (pushed - 1) % MEMORY
    change = products[rows, newest + MEMORY, newest + MEMORY]
    scale = torch.where(pushed > 0, products[rows, newest, newest + MEMORY] / change, polyak)
    coefficients *= scale[:, None]
    for move, inverse, alpha in reversed(known):
        beta = inverse * (coefficients * products[rows, move + MEMORY]).sum(dim=1)
        coefficients[rows, move] += torch.where(inverse > 0, alpha - beta, 0)
    return coefficients
