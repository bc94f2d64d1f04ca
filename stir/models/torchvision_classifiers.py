"""Classifiers of torchvision, with normalisation as part of the model.

They are for photographs: most have a stem that takes images of 32 x 32 to 8 x 8.
"""

from collections import OrderedDict
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from stir.models.normalise import Normalise

PREFIX = "torchvision."
NETWORK = "network."
CHANNELS = 3
# Their auxiliary classifiers give further outputs in training; transform_input is what their published weights expect.
WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": True, "transform_input": True}
SETTINGS: dict[str, dict[str, Any]] = {"googlenet": WITHOUT_AUXILIARY, "inception_v3": WITHOUT_AUXILIARY}
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


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

    def completed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights by this model's names, where they are by those of torchvision's network alone.

        These carry no mean and standard deviation, so the model's own are kept: those of its published weights,
        unless it was fitted. Weights of auxiliary classifiers, which this model lacks, are left out.
        """
        if any(name.startswith(NETWORK) for name in weights):
            return weights
        own = {f"normalise.{name}": value for name, value in self.normalise.state_dict().items()}
        return own | {NETWORK + name: value for name, value in weights.items() if not name.startswith(AUXILIARY)}


def torchvision_classifier(name: str, *, classes: int) -> TorchvisionClassifier:
    """Build a classifier of torchvision with random initial weights.

    Parameters
    ----------
    name : str
        As torchvision calls it.
    classes : int
        Outputs of the classifier.

    Returns
    -------
    TorchvisionClassifier
        It normalises images of 3 channels in [0, 1] as torchvision's default weights for it expect
        (mostly with ImageNet's mean and standard deviation) until its ``normalise`` is fitted to others.
    """
    normalise = Normalise(CHANNELS)
    transforms = _models().get_model_weights(name).DEFAULT.transforms()
    normalise.mean.copy_(torch.tensor(transforms.mean))
    normalise.std.copy_(torch.tensor(transforms.std))
    network = _models().get_model(name, weights=None, num_classes=classes, **SETTINGS.get(name, {}))
    return TorchvisionClassifier(OrderedDict(normalise=normalise, network=network))
