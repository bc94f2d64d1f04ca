"""What every descent takes and gives; each descent has a file of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.problem import InversionProblem


@dataclass(frozen=True)
class Stopping:
    """When a descent ends for an image."""

    tolerance: float
    """Inversion error at or under which an image has converged."""
    max_iterations: int
    """Evaluations (forward and backward passes) an image at the most."""


@dataclass
class Descended:
    """Where a descent ended, one row an image."""

    images: Float[Tensor, "n p"]
    """The best iterates, flat."""
    errors: Float[Tensor, " n"]
    """Their inversion errors as the descent saw them."""
    iterations: Int[Tensor, " n"]
    """Evaluations made for each."""


class Descent(Protocol):
    """Descend from flat seed images to pictures of the reference images ``index``."""

    def __call__(
        self,
        problem: InversionProblem,
        seed_images: Float[Tensor, "n ..."],
        index: Int[Tensor, " n"],
        *,
        stopping: Stopping,
        pixel_bounds: PixelBounds,
        report: Callable[[int, Tensor], None],
    ) -> Descended:
        """Run it; ``report(finished, errors)`` is called after every iteration."""
        ...


def clamp(images: Tensor, pixel_bounds: PixelBounds) -> Tensor:
    """Project pictures onto the pixel bounds."""
    return images if pixel_bounds is None else images.clamp(*pixel_bounds)
