"""The objective of an inversion: the distance of m1(X') from m1(X); it never sees m2."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from stir.dtypes import widened
from stir.errors import InversionError


@dataclass(frozen=True)
class InversionProblem:
    """Match the representation of one reference image with each picture.

    Parameters
    ----------
    represent_batch : callable
        Images -> representation (n, d), differentiable.
    """

    represent_batch: Callable[[Tensor], Tensor]

    def errors(self, images: Float[Tensor, "n ..."], targets: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Return ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂."""
        with torch.no_grad():
            return relative_errors(self.represent_batch(images), targets)

    def errors_and_gradients(
        self, images: Float[Tensor, "n ..."], targets: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n ..."]]:
        """Return the errors e, and the gradients of e²/2 in the pixels.

        Every picture has its own gradient: the sum over pictures has no cross terms
        for a model in eval mode.
        """
        images = images.detach().requires_grad_(True)
        with torch.enable_grad():
            residuals = (widened(self.represent_batch(images)) - widened(targets)) / widened(targets).norm(dim=1, keepdim=True)
            squares = residuals.square().sum(dim=1)
        gradients = None
        if residuals.requires_grad:
            gradients = _gradients(squares, images)
        if gradients is None:
            raise InversionError(
                "The representation does not depend on the images in a way that gradients follow "
                "(a detach, a cast to integers, a quantised layer or torch.no_grad in the model); inversion needs gradients."
            )
        return squares.detach().sqrt(), gradients

    def check_gradients(self, images: Float[Tensor, "n ..."], targets: Float[Tensor, "n d"]) -> None:
        """Refuse a layer whose gradients at seed images show no way.

        Raises
        ------
        InversionError
            If a gradient is not finite, or all are zero though nothing matches yet.
        """
        errors, gradients = self.errors_and_gradients(images, targets)
        if not torch.isfinite(gradients).all():
            raise InversionError("The gradient at the seed images has NaN or infinity. Look for a division by zero in the model.")
        unmatched = errors > 0
        if unmatched.any() and (gradients[unmatched] == 0).all():
            raise InversionError(
                f"The gradient is zero for all seed images ({len(images)} tried): the layer does not see the pixels. "
                "Choose another layer or another kind of seed image."
            )


def _gradients(squares: Tensor, images: Tensor) -> Tensor | None:
    # Of a number, since grad_outputs imports sympy: 0.4 s in every job.
    with torch.enable_grad():
        half = (0.5 * squares).sum()
    try:
        return torch.autograd.grad(half, images, allow_unused=True)[0]
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = str(error).split("\n")[0][:200].rstrip(".")
        raise InversionError(
            f"Expected a model that gradients can follow; PyTorch says: {reason}. Choose another layer."
        ) from error


def relative_errors(representations: Float[Tensor, "n d"], targets: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """Return ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂ of every image."""
    targets = widened(targets)
    return (widened(representations) - targets).norm(dim=1) / targets.norm(dim=1)


def check_targets(targets: Float[Tensor, "n d"], *, first: int = 0) -> None:
    """Refuse representations that no relative error can be measured against.

    Parameters
    ----------
    targets : Float[Tensor, "n d"]
        m1(X).
    first : int
        Number of the first of these images, for the message.

    Raises
    ------
    InversionError
        If one is not finite, or its norm is 0 or overflows.
    """
    finite = torch.isfinite(targets).all(dim=1)
    if not finite.all():
        raise InversionError(
            f"The reference model gives NaN or infinity for reference image {first + _first(~finite)}. "
            "Look for an overflow in the model, or leave the image out."
        )
    norms = widened(targets).norm(dim=1)
    if norms.isinf().any():
        raise InversionError(
            f"The representation of reference image {first + _first(norms.isinf())} is so large that its norm overflows in "
            f"{norms.dtype}, so every error would be 0. Scale the layer, use a double-precision model, or choose another layer."
        )
    zero = norms == 0
    if zero.any():
        raise InversionError(
            f"The reference model represents reference image {first + _first(zero)} as zero (norm 0) at this layer, "
            "so no relative error exists. Choose another layer, or leave the image out."
        )


def _first(mask: Tensor) -> int:
    return int(mask.nonzero()[0])
