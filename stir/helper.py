"""Means and standard deviations under their published name, for scripts written for ``stir-invariance``; see `stir.STIR`."""

import torch

from stir.models.normalise import NORMALISATIONS

_CIFAR10 = (torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.2023, 0.1994, 0.2010]))
DATASET_TO_MEAN_STD = {
    "cifar": _CIFAR10,
    "cifar10": _CIFAR10,
    "cifar100": (torch.tensor([0.5071, 0.4865, 0.4409]), torch.tensor([0.2673, 0.2564, 0.2762])),
    "stl10": (torch.tensor([0.4467, 0.4398, 0.4066]), torch.tensor([0.2603, 0.2566, 0.2713])),
    "imagenet": tuple(map(torch.tensor, NORMALISATIONS["imagenet"])),
}
"""Dataset -> mean and standard deviation per channel, of pixels in [0, 1]."""
