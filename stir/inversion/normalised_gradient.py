"""The published descent: steps of fixed length along the gradient's direction."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.descent import Descended, Stopping, clamp
from stir.inversion.problem import InversionProblem

STEP_LENGTH = 0.5


def normalised_gradient(
    problem: InversionProblem,
    seed_images: Float[Tensor, "n ..."],
    index: Int[Tensor, " n"],
    *,
    stopping: Stopping,
    pixel_bounds: PixelBounds,
    report: Callable[[int, Tensor], None],
) -> Descended:
    """Take ``max_iterations`` steps x - 0.5 g/‖g‖₂, clamped; keep each image's best iterate.

    The loss is ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂. As published, the tolerance does not end
    it: it is only what ``converged`` is judged by.
    """
    images = seed_images
    best = Descended(
        images.flatten(1).clone(),
        torch.full((len(index),), torch.inf, dtype=images.dtype, device=images.device),
        torch.full_like(index, stopping.max_iterations),
    )
    for iteration in range(stopping.max_iterations + 1):
        errors, gradients = problem.errors_and_gradients(images, index)
        better = errors < best.errors
        best.images[better] = images.flatten(1)[better]
        best.errors[better] = errors[better]
        report(len(index) if iteration == stopping.max_iterations else 0, best.errors)
        images = clamp(images - STEP_LENGTH * _unit(gradients), pixel_bounds)
    return best


def _unit(gradients: Tensor) -> Tensor:
    """Scale every picture's gradient to length 1; a zero gradient stays zero."""
    norms = gradients.flatten(1).norm(dim=1).clamp_min(torch.finfo(gradients.dtype).tiny)
    return gradients / norms.view(-1, *[1] * (gradients.ndim - 1))
