"""Classifiers of torchvision. They are for photographs: most have a stem that takes images of 32 x 32 to 8 x 8."""

import re
from functools import cache
from types import ModuleType
from typing import Any

from stir.errors import InvalidInputError, check_known
from stir.models.providers.provider import DEFAULT_WEIGHTS, Built, Provider, Request

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


def _own_name(name: str) -> str | None:
    return None if name.startswith(AUXILIARY) else PUBLISHED_DENSENET.sub(r"\1\2", name)


def build(request: Request) -> Built:
    """Build a classifier; its input size is stated where published weights are asked for."""
    check_known("model of torchvision", request.name, names())
    published = _models().get_model_weights(request.name)
    chosen = published.DEFAULT
    if request.weights not in (None, DEFAULT_WEIGHTS):
        check_known(f"weights of torchvision's {request.name}", request.weights, published.__members__)
        chosen = published[request.weights]
    transforms = chosen.transforms()
    classes = {} if request.classes is None else {"num_classes": request.classes}
    settings = SETTINGS.get(request.name, {}) | dict(request.arguments)
    network = _models().get_model(request.name, weights=None, **classes, **settings)
    size = None
    if request.weights is not None:
        side = transforms.crop_size[0]
        size = (side, side)
        if request.load:
            raise InvalidInputError("Published weights of torchvision cannot be loaded yet. Give them as a checkpoint.")
    return Built(network, tuple(transforms.mean), tuple(transforms.std), size, own_name=_own_name)


PROVIDER = Provider("torchvision", ("torchvision",), build, names=names)
