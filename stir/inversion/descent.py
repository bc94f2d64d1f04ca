"""The interface of a descent; each descent has a file of its own."""

from dataclasses import dataclass, fields
from typing import Protocol, Self, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from stir.checks import PixelBounds

MUCH = 0.98
"""A best error counts as having fallen when it is below this fraction of its last mark."""


@dataclass(frozen=True)
class Stopping:
    """When a descent ends for an image."""

    tolerance: float
    """Inversion error at or under which an image has converged."""
    max_iterations: int
    """Most evaluations (forward and backward passes) per image."""


@dataclass
class Rows:
    """The pictures under way, one row each, with everything that the descent remembers of them.

    Rows do not know each other, so they can be taken out, put in and saved at any time.
    """

    index: Int[Tensor, " b"]
    """Numbers of the reference images."""
    targets: Float[Tensor, "b d"]
    """m1(X)."""
    images: Float[Tensor, "b p"]
    """Where the descents are, flat."""
    errors: Float[Tensor, " b"]
    """Inversion errors there; infinite before the first evaluation."""
    gradients: Float[Tensor, "b p"]
    """Gradients of e²/2 there."""
    best_images: Float[Tensor, "b p"]
    best_errors: Float[Tensor, " b"]
    iterations: Int[Tensor, " b"]
    """Evaluations made."""
    marked_errors: Float[Tensor, " b"]
    """The best error when it last fell by much."""
    evaluations_since: Int[Tensor, " b"]
    """Evaluations since then."""
    rounded: Bool[Tensor, " b"]
    """Whether the errors are of a rounded problem, to be verified."""

    def __len__(self) -> int:
        return len(self.index)

    def select(self, which: Tensor) -> Self:
        """Return a copy of some rows."""
        return type(self)(**{name: value[which] for name, value in self.tensors().items()})

    def put(self, places: Int[Tensor, " k"], others: Self) -> None:
        """Overwrite rows with the first of ``others``."""
        theirs = others.tensors()
        for name, value in self.tensors().items():
            value[places] = theirs[name][: len(places)]

    def tensors(self) -> dict[str, Tensor]:
        """Return the fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def verify(self, which: Bool[Tensor, " b"]) -> None:
        """Let rows stand at their best pictures, not yet evaluated by the exact problem; what they remember they keep."""
        replace(self.images, self.best_images, which)
        self.gradients[which] = 0
        for unknown in (self.errors, self.best_errors, self.marked_errors):
            unknown[which] = torch.inf
        self.evaluations_since[which] = 0
        self.rounded[which] = False

    def count(self, errors: Tensor, running: Tensor) -> Bool[Tensor, " b"]:
        """Count an evaluation; return where it is the best so far."""
        better = running & (errors < self.best_errors)
        fell = running & (errors < MUCH * self.marked_errors)
        self.best_errors = torch.where(better, errors, self.best_errors)
        self.marked_errors = torch.where(fell, errors, self.marked_errors)
        self.evaluations_since = torch.where(fell, 0, self.evaluations_since + running)
        self.iterations = self.iterations + running
        return better


RowsOfDescent = TypeVar("RowsOfDescent", bound=Rows)


class Descent(Protocol[RowsOfDescent]):
    """Propose pictures, be told their errors and gradients, and go on from there."""

    rows_type: type[RowsOfDescent]
    default_max_iterations: int
    ends_at_tolerance: bool
    """Whether an image is done as soon as it has converged."""
    closing_evaluations: int
    """Evaluations after the last step."""

    def start(self, index: Tensor, targets: Tensor, images: Float[Tensor, "b p"]) -> RowsOfDescent:
        """Return rows that stand at given pictures, not yet evaluated."""
        ...

    def propose(self, rows: RowsOfDescent, pixel_bounds: PixelBounds) -> Float[Tensor, "b p"]:
        """Return the pictures to evaluate next."""
        ...

    def accept(self, rows: RowsOfDescent, trial: Tensor, errors: Tensor, gradients: Tensor, running: Bool[Tensor, " b"]) -> None:
        """Take in what an evaluation found; rows that are not running stay as they are."""
        ...


def fresh(index: Tensor, targets: Tensor, images: Float[Tensor, "b p"]) -> dict[str, Tensor]:
    """Return the fields of `Rows` for pictures that were not evaluated yet."""
    unknown = targets.new_full((len(index),), torch.inf)
    return {
        "index": index,
        "targets": targets,
        "images": images.clone(),
        "errors": unknown.clone(),
        "gradients": torch.zeros_like(images),
        "best_images": images.clone(),
        "best_errors": unknown.clone(),
        "iterations": torch.zeros_like(index),
        "marked_errors": unknown,
        "evaluations_since": torch.zeros_like(index),
        "rounded": torch.zeros_like(index, dtype=torch.bool),
    }


def replace(old: Tensor, new: Tensor, where: Bool[Tensor, " b"]) -> None:
    """Overwrite the rows of ``old`` that a mask chooses."""
    torch.where(where.view(-1, *[1] * (old.ndim - 1)), new, old, out=old)


def clamp(images: Tensor, pixel_bounds: PixelBounds) -> Tensor:
    """Project pictures onto the pixel bounds, in place."""
    return images if pixel_bounds is None else images.clamp_(*pixel_bounds)
