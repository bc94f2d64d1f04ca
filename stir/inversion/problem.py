"""What an inversion minimises: the distance of m1(X') from m1(X); it never sees m2."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.errors import InversionError

MOST_IMAGES_FOR_PAIRS = 2000


@dataclass(frozen=True)
class InversionProblem:
    """Match the representation of one reference image with each picture.

    Parameters
    ----------
    represent_batch : callable
        Images -> representation (n, d), differentiable.
    targets : Float[Tensor, "n d"]
        m1(X), the representations to reach.
    """

    represent_batch: Callable[[Tensor], Tensor]
    targets: Float[Tensor, "n d"]

    def __post_init__(self) -> None:
        """Refuse targets that no relative error can be measured against."""
        finite = torch.isfinite(self.targets).all(dim=1)
        if not finite.all():
            raise InversionError(
                f"The reference model gives NaN or infinity for reference image {_first(~finite)}. "
                "Look for an overflow in the model, or leave the image out."
            )
        zero = self.norms == 0
        if zero.any():
            raise InversionError(
                f"The reference model represents reference image {_first(zero)} as zero (norm 0) at this layer, "
                "so no relative error exists. Choose another layer, or leave the image out."
            )

    @property
    def norms(self) -> Float[Tensor, " n"]:
        """‖m1(X)‖₂ of every reference image."""
        return self.targets.norm(dim=1)

    @torch.no_grad()
    def errors(self, images: Float[Tensor, "n ..."], index: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂ for pictures of the reference images ``index``."""
        targets = self.targets[index]
        return (self.represent_batch(images) - targets).norm(dim=1) / targets.norm(dim=1)

    def errors_and_gradients(
        self, images: Float[Tensor, "n ..."], index: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n ..."]]:
        """Return the errors e, and the gradients of e²/2 in the pixels.

        Every picture has its own gradient: the sum over pictures has no cross terms
        for a model in eval mode.
        """
        images = images.detach().requires_grad_(True)
        targets = self.targets[index]
        with torch.enable_grad():
            residuals = (self.represent_batch(images) - targets) / targets.norm(dim=1, keepdim=True)
            squares = residuals.square().sum(dim=1)
        if not residuals.requires_grad:
            raise InversionError(
                "The representation does not depend on the images in a way that gradients follow "
                "(a detach, a cast to integers or torch.no_grad in the model); inversion needs gradients."
            )
        (gradients,) = torch.autograd.grad(squares, images, grad_outputs=squares.new_full(squares.shape, 0.5))
        return squares.detach().sqrt(), gradients

    def check_gradients(self, images: Float[Tensor, "n ..."], index: Int[Tensor, " n"]) -> None:
        """Refuse a layer whose gradients at seed images show no way.

        Raises
        ------
        InversionError
            If a gradient is not finite, or all are zero though nothing matches yet.
        """
        errors, gradients = self.errors_and_gradients(images, index)
        if not torch.isfinite(gradients).all():
            raise InversionError("The gradient at the seed images has NaN or infinity. Look for a division by zero in the model.")
        unmatched = errors > 0
        if unmatched.any() and (gradients[unmatched] == 0).all():
            raise InversionError(
                f"The gradient is zero for all seed images ({len(images)} tried): the layer does not see the pixels. "
                "Choose another layer or another kind of seed image."
            )


def _first(mask: Tensor) -> int:
    return int(mask.nonzero()[0])


def median_pair_distance(representations: Float[Tensor, "n d"]) -> float:
    """Return the median distance between representations of pairs of different images.

    It is the yardstick beside the relative error: a large offset that all
    representations share makes ‖m1(X)‖₂ large and the relative error small, and
    leaves this distance as it is. NaN for a single image, which has no pair.
    """
    distances = torch.pdist(representations[:MOST_IMAGES_FOR_PAIRS].double())
    return distances.median().item() if len(distances) else float("nan")
