"""Clean and robust accuracy of a classifier."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from stir.models.frozen import frozen
from stir.training.attacks import Attack, pgd


@dataclass(frozen=True)
class Accuracy:
    """Fractions of images classified right."""

    clean: float
    """Of the images as they are."""
    robust: float
    """Of the images that are right both as they are and after the attack."""


def accuracy(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    attack: Attack,
    *,
    batch_size: int = 256,
) -> Accuracy:
    """Measure clean accuracy, and robust accuracy under PGD; the model is left as found."""
    clean, robust = 0, 0
    with frozen(model):
        for batch, truth in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            with torch.no_grad():
                right = model(batch).argmax(dim=1) == truth
            attacked = pgd(model, batch, truth, attack)
            with torch.no_grad():
                stands = right & (model(attacked).argmax(dim=1) == truth)
            clean, robust = clean + int(right.sum()), robust + int(stands.sum())
    return Accuracy(clean / len(images), robust / len(images))
