"""Classifiers of torchvision. They are for photographs: most have a stem that takes images of 32 x 32 to 8 x 8."""

import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from stir.errors import check_known
from stir.models.providers.provider import DEFAULT_WEIGHTS, Built, Provider, Request
from stir.models.providers.weights import check_classes, check_weights, fetching, refuse_reserved

# Their auxiliary classifiers give further outputs in training; transform_input is what their published weights expect.
WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": True, "transform_input": True}
SETTINGS: dict[str, dict[str, Any]] = {"googlenet": WITHOUT_AUXILIARY, "inception_v3": WITHOUT_AUXILIARY}
PUBLISHED_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""How the files of DenseNets that torchvision publishes name what it calls norm1, conv1, norm2 and conv2."""
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


def _models() -> ModuleType:
    """Return torchvision's models; it takes as long to import as torch, so it is imported where it is needed."""
    from torchvision import models

    return models


@cache
def names() -> tuple[str, ...]:
    """Return the names of torchvision's classifiers."""
    return tuple(_models().list_models(module=_models()))


def own_weights(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights by the network's names for them, without those of auxiliary classifiers."""
    kept = {name: value for name, value in published.items() if not name.startswith(AUXILIARY)}
    return {PUBLISHED_DENSENET.sub(r"\1\2", name): value for name, value in kept.items()}


def build(request: Request) -> Built:
    """Build a classifier; its input size is stated where published weights are asked for."""
    check_known("model of torchvision", request.name, names())
    refuse_reserved(request, ("weights", "pretrained", "num_classes", "progress"))
    published = _models().get_model_weights(request.name)
    check_weights(request, "torchvision", published.__members__, default=True)
    chosen = published.DEFAULT if request.weights in (None, DEFAULT_WEIGHTS) else published[request.weights]
    check_classes(request, len(chosen.meta["categories"]))
    transforms = chosen.transforms()
    classes = {} if request.classes is None else {"num_classes": request.classes}
    settings = SETTINGS.get(request.name, {}) | dict(request.arguments)
    network = _models().get_model(request.name, weights=None, **classes, **settings)
    if request.weights is not None and request.load:
        place = Path(torch.hub.get_dir()) / "checkpoints" / Path(chosen.url).name
        with fetching(f"the weights {chosen.name} of torchvision's {request.name}", chosen.url, place):
            network.load_state_dict(own_weights(chosen.get_state_dict(progress=False, check_hash=True, weights_only=True)))
    size = None if request.weights is None else (transforms.crop_size[0],) * 2
    return Built(network, tuple(transforms.mean), tuple(transforms.std), size, own_weights=own_weights)


PROVIDER = Provider("torchvision", ("torchvision",), build, names=names)
