"""L-BFGS with turns of Adam where it stalls, within pixel bounds: one independent descent per image.

On networks that were trained on ImageNet L-BFGS stalls far from the match: trials fail, and moves that are short enough to
succeed gain little. Short steps of Adam (Kingma and Ba, ICLR 2015) go on there, since momentum keeps what successive gradients
agree on. So every image begins with L-BFGS, and wherever that stalls, Adam takes a turn from where the image is; each turn is
twice as long as the one before it. It does not need fewer evaluations over the panel of docs/benchmarks.md, so L-BFGS alone
is the default.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.descent import clamp
from stir.inversion.lbfgs import FAILURES_BEFORE_KICK, LBFGS, LBFGSRows, go_on

STEP = 0.015
"""Of Adam, in units of the pixel range."""
DECAY = 0.9
"""Of both moments: gradients of a path that turns are soon out of date."""
WINDOW, LEAST_FALL = 8, 0.08
"""L-BFGS stalls when the best error fell by less than this fraction during so many evaluations."""
FIRST_TURN, LONGEST_TURN = 20, 320
"""Steps of Adam."""
_LBFGS = LBFGS()
"""It never kicks here: after as many failures it is Adam's turn."""


@dataclass
class LBFGSAdamRows(LBFGSRows):
    """Rows with the memory of L-BFGS and the moments of Adam."""

    momentum: Float[Tensor, "b p"]
    """Running means of the gradients, without the pixels that sit at a bound and would leave."""
    squares: Float[Tensor, "b p"]
    """Running means of their squares."""
    averaged: Int[Tensor, " b"]
    """Gradients in these means."""
    recent: Float[Tensor, "b w"]
    """Best errors at the last WINDOW evaluations of L-BFGS, from old to new; infinite before the first."""
    steps_left: Int[Tensor, " b"]
    """Of Adam's turn; 0 while it is L-BFGS's."""
    next_turn: Int[Tensor, " b"]
    """Steps of Adam's next turn."""

    def verify(self, which: Bool[Tensor, " b"]) -> None:
        """As in `Rows`; errors of the rounded problem are not compared with those of the exact one."""
        super().verify(which)
        self.recent[which] = torch.inf


class LBFGSAdam:
    """Descend with per-image L-BFGS; where it stalls, with Adam for a while."""

    rows_type = LBFGSAdamRows
    default_max_iterations = LBFGS.default_max_iterations
    ends_at_tolerance = True
    closing_evaluations = 0

    def start(self, index: Tensor, targets: Tensor, images: Float[Tensor, "b p"]) -> LBFGSAdamRows:
        """Stand at the seed images with nothing remembered; L-BFGS begins."""
        return LBFGSAdamRows(
            **_LBFGS.start(index, targets, images).tensors(),
            momentum=torch.zeros_like(images),
            squares=torch.zeros_like(images),
            averaged=torch.zeros_like(index),
            recent=targets.new_full((len(index), WINDOW), torch.inf),
            steps_left=torch.zeros_like(index),
            next_turn=torch.full_like(index, FIRST_TURN),
        )

    def propose(self, rows: LBFGSAdamRows, pixel_bounds: PixelBounds) -> Float[Tensor, "b p"]:
        """Step as L-BFGS does, or along Adam's direction in its turns."""
        trial = _LBFGS.propose(rows, pixel_bounds)
        _average(rows)
        low, high = (0.0, 1.0) if pixel_bounds is None else pixel_bounds
        # A picture that is to be verified stays where it is.
        length = torch.where(torch.isfinite(rows.errors), STEP * (high - low), 0).to(rows.images)
        steps = clamp(torch.addcmul(rows.images, length[:, None], _adam_directions(rows)), pixel_bounds)
        # Both are made, since to look whose turn it is would wait for a GPU.
        return torch.where((rows.steps_left > 0)[:, None], steps, trial)

    def accept(self, rows: LBFGSAdamRows, trial: Tensor, errors: Tensor, gradients: Tensor, running: Tensor) -> None:
        """As L-BFGS; in Adam's turns go on from the trial wherever it led. Then see whose turn is next."""
        turn = rows.steps_left > 0
        go_on(rows, trial, errors, gradients, running, anyway=turn)
        failed = rows.failures >= FAILURES_BEFORE_KICK
        stalled = running & ~turn & (failed | (rows.best_errors > (1 - LEAST_FALL) * rows.recent[:, 0]))
        ended = running & turn & (failed | (rows.steps_left == 1))
        changed = stalled | ended
        rows.recent = torch.cat([rows.recent[:, 1:], rows.best_errors[:, None]], dim=1)
        rows.recent[changed] = torch.inf
        rows.failures = torch.where(changed, 0, rows.failures)
        rows.pushed = torch.where(stalled, 0, rows.pushed)
        left = torch.where(ended, 0, rows.steps_left - (running & turn).to(rows.steps_left))
        rows.steps_left = torch.where(stalled, rows.next_turn, left)
        rows.next_turn = torch.where(stalled, (2 * rows.next_turn).clamp(max=LONGEST_TURN), rows.next_turn)


def _average(rows: LBFGSAdamRows) -> None:
    """Take the gradient where a row stands into the moments, if it came there with the last evaluation."""
    new, gradients = torch.isfinite(rows.errors) & (rows.failures == 0), rows.basis[:, -1]
    weight = torch.where(new, 1 - DECAY, 0).to(gradients)[:, None]
    rows.momentum = torch.lerp(rows.momentum, gradients, weight)
    rows.squares = torch.lerp(rows.squares, gradients.square(), weight)
    rows.averaged = rows.averaged + new


def _adam_directions(rows: LBFGSAdamRows) -> Float[Tensor, "b p"]:
    """Return Adam's directions; both moments are corrected for having begun at 0."""
    correction = (1 - DECAY ** rows.averaged.clamp_min(1)).to(rows.momentum)[:, None]
    # Below this, squares underflow.
    least = torch.finfo(rows.momentum.dtype).tiny ** 0.5
    return -(rows.momentum / correction) / (rows.squares / correction).sqrt().clamp_min(least)
