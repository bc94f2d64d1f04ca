"""Classifiers of torchvision, with normalisation as part of the model.

They are for photographs: most have a stem that takes images of 32 x 32 to 8 x 8.
"""

from collections import OrderedDict
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import nn

from stir.models.normalise import Normalise

PREFIX = "torchvision."
NETWORK = "network."
CHANNELS = 3
# Their auxiliary classifiers give further outputs in training; transform_input is what their published weights expect.
WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": True, "transform_input": True}
SETTINGS: dict[str, dict[str, Any]] = {"googlenet": WITHOUT_AUXILIARY, "inception_v3": WITHOUT_AUXILIARY}
NORMALISATIONS = {"none": ((0.0,) * 3, (1.0,) * 3), "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))}
"""Mean and standard deviation of pixels in [0, 1]. There is a further one, each network's own: `PUBLISHED`."""
PUBLISHED = "published"
"""What torchvision's default weights for the network expect, mostly ImageNet's."""


def _models() -> ModuleType:
    """Return torchvision's models; it takes as long to import as torch, so it is imported where it is needed."""
    from torchvision import models

    return models


@cache
def torchvision_names() -> tuple[str, ...]:
    """Return the names of torchvision's classifiers, as `torchvision.NAME`."""
    return tuple(PREFIX + name for name in _models().list_models(module=_models()))


class TorchvisionClassifier(nn.Sequential):
    """Normalisation, then the network as torchvision builds it: its layers are named ``network.NAME``."""

    normalise: Normalise
    is_chosen = False
    """Whether mean and standard deviation were asked for by name or value."""


def torchvision_classifier(
    name: str, *, classes: int, normalisation: str | tuple[tuple[float, ...], tuple[float, ...]] = PUBLISHED
) -> TorchvisionClassifier:
    """Build a classifier of torchvision with random initial weights.

    Parameters
    ----------
    name : str
        As torchvision calls it.
    classes : int
        Outputs of the classifier.
    normalisation : str or tuple
        What is subtracted from images of 3 channels in [0, 1], and what they are divided by: ``"published"``, as
        torchvision's default weights for the network expect; ``"imagenet"``; ``"none"``; or mean and standard deviation.

    Returns
    -------
    TorchvisionClassifier
        It normalises so until its ``normalise`` is fitted to other images.
    """
    if normalisation == PUBLISHED:
        transforms = _models().get_model_weights(name).DEFAULT.transforms()
        mean, std = transforms.mean, transforms.std
    else:
        mean, std = NORMALISATIONS[normalisation] if isinstance(normalisation, str) else normalisation
    normalise = Normalise(CHANNELS)
    normalise.mean.copy_(torch.tensor(mean))
    normalise.std.copy_(torch.tensor(std))
    network = _models().get_model(name, weights=None, num_classes=classes, **SETTINGS.get(name, {}))
    model = TorchvisionClassifier(OrderedDict(normalise=normalise, network=network))
    model.is_chosen = normalisation != PUBLISHED
    return model
