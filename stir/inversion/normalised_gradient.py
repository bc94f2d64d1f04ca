"""The published descent: steps of fixed length along the gradient's direction."""

import torch
from jaxtyping import Float
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.descent import Rows, clamp, fresh, replace

STEP_LENGTH = 0.5


class NormalisedGradient:
    """Take ``max_iterations`` steps x - 0.5 g/‖g‖₂, clamped; keep each image's best iterate.

    The loss is ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂. As published, the tolerance does not end
    it: it is only what ``converged`` is judged by.
    """

    rows_type = Rows
    default_max_iterations = 1000
    ends_at_tolerance = False
    closing_evaluations = 1

    def start(self, index: Tensor, targets: Tensor, images: Float[Tensor, "b p"]) -> Rows:
        """Stand at the seed images."""
        return Rows(**fresh(index, targets, images))

    def propose(self, rows: Rows, pixel_bounds: PixelBounds) -> Float[Tensor, "b p"]:
        """Step against the gradient; a zero gradient, as before the first evaluation, makes no step."""
        norms = rows.gradients.norm(dim=1, keepdim=True).clamp_min(torch.finfo(rows.gradients.dtype).tiny)
        return clamp(rows.images - STEP_LENGTH * rows.gradients / norms, pixel_bounds)

    def accept(self, rows: Rows, trial: Tensor, errors: Tensor, gradients: Tensor, running: Tensor) -> None:
        """Go on from the trial wherever it led."""
        better = rows.count(errors, running)
        replace(rows.best_images, trial, better)
        replace(rows.images, trial, running)
        replace(rows.errors, errors, running)
        replace(rows.gradients, gradients, running)
