"""The objective of an inversion: the distance of m1(X') from m1(X); it never sees m2.

The representations of an ensemble stand beside each other. Its error is the largest of its models' errors eⱼ. That has
kinks where another model's becomes the largest, so descents minimise Σⱼ eⱼ², which is the squared distance of the
representations, each divided by its own reference norm. Since √Σⱼ eⱼ² is at least the largest, it stands for the error
until the largest is within the tolerance.
"""

from collections.abc import Callable, Sequence
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
    widths : tuple of int
        Features of each model of an ensemble; empty for a single model.
    tolerance : float
        Largest error of an ensemble at which it has converged.
    """

    represent_batch: Callable[[Tensor], Tensor]
    widths: tuple[int, ...] = ()
    tolerance: float = 0.0

    def errors(self, images: Float[Tensor, "n ..."], targets: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Return ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂, the largest of an ensemble."""
        with torch.no_grad():
            return relative_errors(self.represent_batch(images), targets, self.widths)

    def errors_and_gradients(
        self, images: Float[Tensor, "n ..."], targets: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n ..."]]:
        """Return the errors e, and the gradients of e²/2 in the pixels; of an ensemble as the module says.

        Every picture has its own gradient: the sum over pictures has no cross terms
        for a model in eval mode.
        """
        images = images.detach().requires_grad_(True)
        with torch.enable_grad():
            residuals = (widened(self.represent_batch(images)) - widened(targets)) / _norms(widened(targets), self.widths)
            squares = residuals.square().sum(dim=1)
        gradients = None
        if residuals.requires_grad:
            gradients = _gradients(squares, images)
        if gradients is None:
            raise InversionError(
                "The representation does not depend on the images in a way that gradients follow "
                "(a detach, a cast to integers, a quantised layer or torch.no_grad in the model); inversion needs gradients."
            )
        errors = squares.detach().sqrt()
        if len(self.widths) > 1:
            largest = torch.stack([part.norm(dim=1) for part in blocks(residuals.detach(), self.widths)]).amax(dim=0)
            errors = torch.where(largest <= self.tolerance, largest, errors)
        return errors, gradients

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


def blocks(x: Float[Tensor, "n d"], widths: Sequence[int]) -> Sequence[Float[Tensor, "n d"]]:
    """Return the part of each model of an ensemble; without widths, or with one, the whole."""
    return x.split(list(widths), dim=1) if len(widths) > 1 else (x,)


def _norms(targets: Float[Tensor, "n d"], widths: Sequence[int]) -> Float[Tensor, "n d"]:
    """Return what each feature is divided by: the norm of its model's representation."""
    norms = [(part, part.norm(dim=1, keepdim=True)) for part in blocks(targets, widths)]
    return norms[0][1] if len(norms) == 1 else torch.cat([norm.expand_as(part) for part, norm in norms], dim=1)


def relative_errors(
    representations: Float[Tensor, "n d"], targets: Float[Tensor, "n d"], widths: Sequence[int] = ()
) -> Float[Tensor, " n"]:
    """Return ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂ of every image, the largest of an ensemble."""
    return member_errors(representations, targets, widths).amax(dim=1)


def member_errors(
    representations: Float[Tensor, "n d"], targets: Float[Tensor, "n d"], widths: Sequence[int] = ()
) -> Float[Tensor, "n k"]:
    """Return ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂ of every image, for each model of an ensemble."""
    targets = widened(targets)
    differences = widened(representations) - targets
    parts = zip(blocks(differences, widths), blocks(targets, widths), strict=True)
    return torch.stack([difference.norm(dim=1) / target.norm(dim=1) for difference, target in parts], dim=1)


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
