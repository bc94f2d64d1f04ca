"""Clean and robust accuracy of a classifier."""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from stir.checks import check_batch_size, check_images
from stir.errors import InvalidInputError
from stir.models.frozen import lend
from stir.models.usable import check_model
from stir.representations import FEW, check_alike
from stir.training.attacks import Attack, check_draws_nothing, pgd
from stir.training.objectives import logits


@dataclass(frozen=True)
class Accuracy:
    """Fractions of correctly classified images.

    Examples
    --------
    >>> from stir.training import Accuracy
    >>> Accuracy(clean=0.93, robust=0.34).robust
    0.34
    """

    clean: float
    """Fraction of images that are classified correctly."""
    robust: float
    """Fraction of images that are classified correctly both without and after the attack."""


def accuracy(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    attack: Attack,
    *,
    batch_size: int = 256,
) -> Accuracy:
    """Measure clean accuracy, and robust accuracy under PGD; the model is left unchanged.

    Images that are misclassified without an attack are not attacked.

    Raises
    ------
    InvalidInputError
        If the attack has a random start, since accuracies must be deterministic; or if the images are invalid.
    NondeterministicModelError
        If the model gives different logits for the same images.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from stir.training import Attack, accuracy
    >>> digits = load_digits()
    >>> images, labels = torch.tensor(digits.images[:200, None] / 16).float(), torch.tensor(digits.target[:200])
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> attack = Attack("l2", eps=1.0, steps=5, step_size=0.4)
    >>> measured = accuracy(model.eval(), images, labels, attack)
    >>> measured.robust <= measured.clean
    True
    """
    check_draws_nothing(attack)
    check_model(model)
    check_images(images)
    check_batch_size(batch_size)
    return lend(model, partial(_measured, model, images, labels, attack, batch_size))


def _measured(model: nn.Module, images: Tensor, labels: Tensor, attack: Attack, batch_size: int) -> Accuracy:
    clean, robust = 0, 0
    check_alike(partial(logits, model), images[: min(FEW, batch_size)])
    for batch, truth in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        batch = _channels_last(batch)
        with torch.no_grad():
            scores = logits(model, batch)
        if scores.isnan().any():
            raise InvalidInputError(
                "Expected scores per class; the model gives NaN. If its checkpoint lacks the classifier, set evaluation: none."
            )
        right = scores.argmax(dim=1) == truth
        clean += int(right.sum())
        if right.any():
            attacked = pgd(model, batch[right], truth[right], attack)
            with torch.no_grad():
                robust += int((logits(model, attacked).argmax(dim=1) == truth[right]).sum())
    return Accuracy(clean / len(images), robust / len(images))


def _channels_last(images: Tensor) -> Tensor:
    """Return images in the memory format in which convolutions are fastest."""
    return images.contiguous(memory_format=torch.channels_last)
