"""Architectures by the name that experiment files use."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import nn

from stir.checks import check_random_seed
from stir.errors import InvalidInputError, check_known
from stir.models.making import Making
from stir.models.resnet import BasicBlock, Bottleneck, resnet
from stir.models.torchvision_classifiers import CHANNELS, PREFIX, torchvision_classifier, torchvision_names
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


class _Architectures(Mapping[str, Callable[..., nn.Sequential]]):
    """Those for small images, then torchvision's, which is imported only if it is asked for one of its own."""

    def __getitem__(self, name: str) -> Callable[..., nn.Sequential]:
        if name.startswith(PREFIX) and name in torchvision_names():
            return partial(torchvision_classifier, name.removeprefix(PREFIX))
        return SMALL_IMAGE_ARCHITECTURES[name]

    def __iter__(self) -> Iterator[str]:
        yield from (*SMALL_IMAGE_ARCHITECTURES, *torchvision_names())

    def __len__(self) -> int:
        return len(SMALL_IMAGE_ARCHITECTURES) + len(torchvision_names())


ARCHITECTURES: Mapping[str, Callable[..., nn.Sequential]] = _Architectures()


_BUILDING = threading.Lock()
"""Threads draw weights one after the other: there is one global generator."""


@dataclass(frozen=True)
class Architecture:
    """What a network is built from; a checkpoint carries it."""

    name: str
    """A name in `ARCHITECTURES`."""
    width: int | None
    """Channels of the first stage; None for torchvision's, whose width is part of the name."""
    channels: int
    """Channels of the images."""
    classes: int
    """Outputs of the classifier."""

    def to_dict(self) -> dict[str, str | int | None]:
        """Return the fields as a plain dictionary."""
        return asdict(self)


def check_architecture(architecture: Architecture) -> None:
    """Refuse what no network can be built from.

    Raises
    ------
    InvalidInputError
        If the name is unknown (with near matches), or width or channels do not go with it.
    """
    name, width, channels = architecture.name, architecture.width, architecture.channels
    if name not in ARCHITECTURES and PREFIX + name in ARCHITECTURES:
        raise InvalidInputError(f"Unknown architecture {name!r}. Torchvision's is named {PREFIX + name!r}.")
    check_known("architecture", name, ARCHITECTURES)
    if not name.startswith(PREFIX):
        if width is None or width < 1:
            raise InvalidInputError(f"Expected a width >= 1 for architecture {name!r}; got {width}. It is the first stage's.")
        return
    if width is not None:
        raise InvalidInputError(f"Expected no width for architecture {name!r}, which has a width of its own; got {width}.")
    if channels != CHANNELS:
        raise InvalidInputError(
            f"Expected images of {CHANNELS} channels for architecture {name!r}; got {channels}. "
            "Take an architecture without 'torchvision.', or colour images."
        )


def build_model(architecture: Architecture, *, random_seed: int = 0) -> nn.Sequential:
    """Build a network with initial weights that ``random_seed`` determines.

    The global random state is as before.

    Raises
    ------
    InvalidInputError
        If the architecture is unknown (with near matches), or width or channels do not go with it.
    """
    check_random_seed(random_seed)
    with _BUILDING, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(random_seed))
        return build_on("cpu", architecture)


def build_on(device: str, architecture: Architecture) -> nn.Sequential:
    """Build a network on a device, in float32, whatever the defaults are; the global generator draws its weights."""
    check_architecture(architecture)
    widths = {} if architecture.width is None else {"width": architecture.width, "channels": architecture.channels}
    with Making(device):
        return ARCHITECTURES[architecture.name](**widths, classes=architecture.classes)
