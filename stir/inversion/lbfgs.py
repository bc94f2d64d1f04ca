"""Batched L-BFGS within pixel bounds: one independent descent per image.

The direction is the two-loop recursion of Nocedal (1980), written in the
coordinates of the pairs: one batched product gives all inner products, a small
recursion on coefficients, one batched product gives all directions.

Additions to a plain L-BFGS, and why:

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

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.descent import Rows, clamp, fresh, replace

MEMORY = 8
LONGEST_STEP_IN_POLYAK_STEPS = 10.0
FAILURES_BEFORE_KICK = 2
KICK_IN_POLYAK_STEPS = 2.0
LEAST_CURVATURE = 1e-8


@dataclass
class LBFGSRows(Rows):
    """Rows with the memory of L-BFGS."""

    basis: Float[Tensor, "b k p"]
    """MEMORY moves, as many changes of the gradient, and the gradient: k = 2 MEMORY + 1."""
    products: Float[Tensor, "b k k"]
    """Inner products of the basis."""
    pushed: Int[Tensor, " b"]
    """Pairs remembered; the newest lies in slot (pushed - 1) mod MEMORY."""
    failures: Int[Tensor, " b"]
    """Trial steps since the error last fell."""

    def verify(self, which: Bool[Tensor, " b"]) -> None:
        """As in `Rows`; the next steps are of full length."""
        super().verify(which)
        self.failures[which] = 0


class LBFGS:
    """Descend with per-image L-BFGS until an image converges or runs out of iterations."""

    rows_type = LBFGSRows
    default_max_iterations = 500
    ends_at_tolerance = True
    closing_evaluations = 0

    def start(self, index: Tensor, targets: Tensor, images: Float[Tensor, "b p"]) -> LBFGSRows:
        """Stand at the seed images with nothing remembered."""
        size = 2 * MEMORY + 1
        return LBFGSRows(
            **fresh(index, targets, images),
            basis=images.new_zeros(len(images), size, images.shape[1]),
            products=images.new_zeros(len(images), size, size),
            pushed=torch.zeros_like(index),
            failures=torch.zeros_like(index),
        )

    def propose(self, rows: LBFGSRows, pixel_bounds: PixelBounds) -> Float[Tensor, "b p"]:
        """Step along the L-BFGS direction, half as far after a failure; kick after several."""
        kicked = _kicked(rows)
        rows.pushed = torch.where(kicked, 0, rows.pushed)
        length = torch.where(kicked, KICK_IN_POLYAK_STEPS, 0.5**rows.failures)
        rows.basis[:, -1] = _masked(rows, pixel_bounds)
        _update_products(rows)
        return clamp(torch.addcmul(rows.images, length.to(rows.images)[:, None], _directions(rows)), pixel_bounds)

    def accept(self, rows: LBFGSRows, trial: Tensor, errors: Tensor, gradients: Tensor, running: Tensor) -> None:
        """Go on from the trial where the error fell, or after a kick."""
        go_on(rows, trial, errors, gradients, running, anyway=_kicked(rows))


def go_on(
    rows: LBFGSRows, trial: Tensor, errors: Tensor, gradients: Tensor, running: Tensor, *, anyway: Bool[Tensor, " b"]
) -> None:
    """Take in an evaluation: stand at the trial where the error fell or ``anyway``, and remember the pair."""
    better = rows.count(errors, running)
    moved = running & (anyway | (errors < rows.errors)) & torch.isfinite(gradients.sum(dim=1))
    _remember(rows, trial - rows.images, gradients - rows.gradients, moved)
    replace(rows.best_images, trial, better)
    replace(rows.images, trial, moved)
    replace(rows.errors, errors, moved)
    replace(rows.gradients, gradients, moved)
    rows.failures = torch.where(moved, 0, rows.failures + running)


def _kicked(rows: LBFGSRows) -> Bool[Tensor, " b"]:
    return rows.failures >= FAILURES_BEFORE_KICK


def _masked(rows: LBFGSRows, pixel_bounds: PixelBounds) -> Float[Tensor, "b p"]:
    """Return the gradients without the pixels that sit at a bound and would leave."""
    if pixel_bounds is None:
        return rows.gradients
    low, high = pixel_bounds
    # A move by the whole range goes nowhere only for a pixel that would leave.
    moved = torch.add(rows.images, rows.gradients.sign(), alpha=low - high).clamp_(low, high)
    return rows.gradients * (moved != rows.images)


def _remember(rows: LBFGSRows, moves: Tensor, changes: Tensor, moved: Tensor) -> None:
    """Store the pairs of images that moved and saw curvature."""
    curvature, squares = (moves * changes).sum(dim=1), changes.square().sum(dim=1)
    kept = (moved & (curvature > LEAST_CURVATURE * squares) & torch.isfinite(rows.errors)).nonzero().squeeze(1)
    slots = rows.pushed[kept] % MEMORY
    rows.basis[kept, slots] = moves[kept]
    rows.basis[kept, slots + MEMORY] = changes[kept]
    rows.pushed[kept] += 1


def _update_products(rows: LBFGSRows) -> None:
    """Renew the inner products with the newest pair and the gradient; the others stand."""
    every = torch.arange(len(rows), device=rows.index.device)[:, None]
    newest = (rows.pushed - 1) % MEMORY
    changed = torch.stack([newest, newest + MEMORY, torch.full_like(newest, 2 * MEMORY)], dim=1)
    products = rows.basis[every, changed] @ rows.basis.mT
    rows.products[every, changed] = products
    rows.products.mT[every, changed] = products


def _directions(rows: LBFGSRows) -> Float[Tensor, "b p"]:
    """Return L-BFGS directions, cut to the longest step; Polyak's where they do not descend."""
    gradients, squares = rows.basis[:, -1], rows.products[:, -1, -1]
    known = torch.where(torch.isfinite(rows.errors), rows.errors, 0)
    polyak = known.square() / squares.clamp_min(torch.finfo(squares.dtype).tiny)
    coefficients = _two_loop(rows.products, rows.pushed, polyak)
    directions = (coefficients[:, None] @ rows.basis).squeeze(1)
    uphill = (directions * gradients).sum(dim=1) >= 0
    replace(directions, -polyak[:, None] * gradients, uphill)
    longest = LONGEST_STEP_IN_POLYAK_STEPS * polyak * squares.sqrt()
    lengths = directions.norm(dim=1).clamp_min(torch.finfo(squares.dtype).tiny)
    return directions.mul_((longest / lengths).clamp(max=1)[:, None])


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
