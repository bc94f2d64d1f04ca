"""Projected gradient descent: perturbations within an L2 or Linf ball that raise a loss."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from stir.dtypes import widened
from stir.errors import InvalidInputError, check_known
from stir.training.objectives import cross_entropy_to, logits

NORMS = ("l2", "linf")


@dataclass(frozen=True)
class Attack:
    """A threat model, and the step size and number of steps of PGD.

    Examples
    --------
    >>> from stir.training import Attack
    >>> Attack("linf", eps=8 / 255, steps=10, step_size=2 / 255).random_start
    False
    """

    norm: str
    """``"l2"`` or ``"linf"``."""
    eps: float
    """Radius of the ball, in [0, 1] pixel units."""
    steps: int
    """Gradient steps."""
    step_size: float
    """Step length, in the same norm."""
    random_start: bool = False
    """Whether PGD starts at a random point of the ball, or at the image itself."""

    def __post_init__(self) -> None:
        """Refuse invalid attacks."""
        check_known("norm", self.norm, NORMS)
        if not (self.eps > 0 and self.steps >= 1 and self.step_size > 0):
            raise InvalidInputError(f"Expected eps > 0, steps >= 1 and step_size > 0; got {self}.")


def check_draws_nothing(attack: Attack) -> None:
    """Refuse an attack with a random start, for evaluations.

    Raises
    ------
    InvalidInputError
        If it starts at random.

    Examples
    --------
    >>> from stir.training import Attack, check_draws_nothing
    >>> check_draws_nothing(Attack("l2", eps=1.0, steps=5, step_size=0.4))
    >>> check_draws_nothing(Attack("l2", eps=1.0, steps=5, step_size=0.4, random_start=True))
    Traceback (most recent call last):
        ...
    stir.errors.InvalidInputError: Expected a deterministic attack for an evaluation; got Attack(...). Remove random_start.
    """
    if attack.random_start:
        raise InvalidInputError(f"Expected a deterministic attack for an evaluation; got {attack}. Remove random_start.")


def pgd(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    attack: Attack,
    *,
    generator: Generator | None = None,
) -> Float[Tensor, "n c h w"]:
    """Return images in the ball around ``images``, and in [0, 1], with a high cross-entropy.

    The model should be in eval mode.

    Parameters
    ----------
    model : torch.nn.Module
        A classifier.
    images : Float[Tensor, "n c h w"]
        In [0, 1].
    labels : Int[Tensor, "n"]
        Class numbers.
    attack : Attack
        The ball and the steps.
    generator : torch.Generator, optional
        Draws the random start, on the device of the images; not needed by attacks without one.

    References
    ----------
    Madry et al. 2018, arXiv:1706.06083.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from stir.training import Attack, pgd
    >>> digits = load_digits()
    >>> images, labels = torch.tensor(digits.images[:8, None] / 16).float(), torch.tensor(digits.target[:8])
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> attack = Attack("l2", eps=1.0, steps=5, step_size=0.4)
    >>> attacked = pgd(model.eval(), images, labels, attack)
    >>> bool(((attacked - images).flatten(1).norm(dim=1) <= 1.0001).all())
    True
    """
    return perturb(model, images, attack, cross_entropy_to(labels), generator=generator)


def perturb(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    attack: Attack,
    loss: Callable[[Tensor], Tensor],
    *,
    generator: Generator | None = None,
) -> Float[Tensor, "n c h w"]:
    """Return images in the ball whose logits have a high loss.

    Raises
    ------
    InvalidInputError
        If the attack starts at random and there is no generator.
    """
    perturbations = _start(images, attack, generator)
    for _ in range(attack.steps):
        perturbations.requires_grad_(True)
        (gradients,) = torch.autograd.grad(loss(logits(model, images + perturbations)), perturbations)
        moved = perturbations.detach() + attack.step_size * _steepest(gradients, attack.norm)
        perturbations = (images + _projected(moved, attack)).clamp(0, 1) - images
    return images + perturbations


def _start(images: Tensor, attack: Attack, generator: Generator | None) -> Tensor:
    """Return zeros, or a point uniform in the ball; kept in [0, 1]."""
    if not attack.random_start:
        return torch.zeros_like(images)
    if generator is None:
        raise InvalidInputError(f"Expected a generator for an attack with a random start; got none for {attack}.")
    if attack.norm == "linf":
        drawn = torch.empty_like(images).uniform_(-attack.eps, attack.eps, generator=generator)
    else:
        direction = torch.empty_like(images).normal_(generator=generator)
        radius = torch.empty(len(images), 1, 1, 1, dtype=images.dtype, device=images.device).uniform_(generator=generator)
        drawn = attack.eps * radius ** (1 / images[0].numel()) * direction / _lengths(direction)
    return (images + drawn).clamp(0, 1) - images


def _steepest(gradients: Tensor, norm: str) -> Tensor:
    return gradients.sign() if norm == "linf" else gradients / _lengths(gradients)


def _projected(perturbations: Tensor, attack: Attack) -> Tensor:
    if attack.norm == "linf":
        return perturbations.clamp(-attack.eps, attack.eps)
    return perturbations * (attack.eps / _lengths(perturbations)).clamp(max=1)


def _lengths(x: Tensor) -> Tensor:
    return widened(x.flatten(1)).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
