"""Networks of this library, for small images."""

from collections.abc import Callable
from functools import partial

from torch import nn

from stir.errors import InvalidInputError, check_known
from stir.models.providers.provider import Built, Provider, Request, refuse_arguments
from stir.models.resnet import BasicBlock, Bottleneck, resnet
from stir.models.vgg import vgg

SMALL_IMAGE_ARCHITECTURES: dict[str, Callable[..., nn.Sequential]] = {
    "resnet8": partial(resnet, BasicBlock, (1, 1, 1)),
    "resnet18": partial(resnet, BasicBlock, (2, 2, 2, 2)),
    "resnet34": partial(resnet, BasicBlock, (3, 4, 6, 3)),
    "resnet50": partial(resnet, Bottleneck, (3, 4, 6, 3)),
    "vgg6": partial(vgg, (1, 2, 2)),
    "vgg11": partial(vgg, (1, 1, 2, 2, 2)),
    "vgg13": partial(vgg, (2, 2, 2, 2, 2)),
    "vgg16": partial(vgg, (2, 2, 3, 3, 3)),
    "vgg19": partial(vgg, (2, 2, 4, 4, 4)),
}


def build(request: Request) -> Built:
    """Build a network that normalises images itself, by a layer that training fits."""
    check_known("architecture", request.name, SMALL_IMAGE_ARCHITECTURES)
    refuse_arguments(request, "architecture")
    if request.width is None or request.width < 1:
        raise InvalidInputError(
            f"Expected a width >= 1 for architecture {request.name!r}; got {request.width}. It is the first stage's."
        )
    if request.classes is None:
        raise InvalidInputError(f"Expected the number of classes for architecture {request.name!r}; got none. Give classes.")
    if request.weights is not None:
        raise InvalidInputError(
            f"Expected no weights for architecture {request.name!r}, of which none are published; got {request.weights!r}. "
            "Give a checkpoint, or train it."
        )
    make = SMALL_IMAGE_ARCHITECTURES[request.name]
    network = make(width=request.width, channels=request.channels, classes=request.classes)
    return Built(network, normalises_itself=True)


PROVIDER = Provider("stir", (), build, names=lambda: tuple(SMALL_IMAGE_ARCHITECTURES))
