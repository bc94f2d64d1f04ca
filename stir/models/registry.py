"""Architectures by the name that experiment files use."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from stir.checks import check_random_seed
from stir.errors import InvalidInputError, check_known
from stir.models.making import Making
from stir.models.resnet import BasicBlock, Bottleneck, resnet
from stir.models.torchvision_classifiers import (
    CHANNELS,
    NORMALISATIONS,
    PREFIX,
    PUBLISHED,
    torchvision_classifier,
    torchvision_names,
)
from stir.models.vgg import vgg
from stir.names import shortened

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
    normalisation: Any = PUBLISHED
    """Of torchvision's: `PUBLISHED`, a name in `NORMALISATIONS`, or ``{"mean": ..., "std": ...}`` of pixels in [0, 1]."""

    def __post_init__(self) -> None:
        if isinstance(self.normalisation, Mapping) and self.normalisation.keys() == {"mean", "std"}:
            mean_and_std = tuple(map(tuple, (self.normalisation["mean"], self.normalisation["std"])))
            object.__setattr__(self, "normalisation", mean_and_std)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dictionary; without the normalisation where it is as published."""
        fields = asdict(self)
        normalisation = fields.pop("normalisation")
        if isinstance(normalisation, tuple):
            normalisation = dict(zip(("mean", "std"), map(list, normalisation), strict=True))
        return fields if normalisation == PUBLISHED else fields | {"normalisation": normalisation}


def check_architecture(architecture: Architecture) -> None:
    """Refuse what no network can be built from.

    Raises
    ------
    InvalidInputError
        If the name is unknown (with near matches), or width, channels or normalisation do not go with it.
    """
    name, width, channels = architecture.name, architecture.width, architecture.channels
    if name not in ARCHITECTURES and PREFIX + name in ARCHITECTURES:
        raise InvalidInputError(f"Unknown architecture {name!r}. Torchvision's is named {PREFIX + name!r}.")
    check_known("architecture", name, ARCHITECTURES)
    if not name.startswith(PREFIX):
        if width is None or width < 1:
            raise InvalidInputError(f"Expected a width >= 1 for architecture {name!r}; got {width}. It is the first stage's.")
        if architecture.normalisation != PUBLISHED:
            raise InvalidInputError(
                f"Expected no normalisation for architecture {name!r}, whose weights carry it; got "
                f"{shortened(architecture.normalisation)}. Leave it out."
            )
        return
    if width is not None:
        raise InvalidInputError(f"Expected no width for architecture {name!r}, which has a width of its own; got {width}.")
    if channels != CHANNELS:
        raise InvalidInputError(
            f"Expected images of {CHANNELS} channels for architecture {name!r}; got {channels}. "
            "Take an architecture without 'torchvision.', or colour images."
        )
    _check_normalisation(architecture.normalisation)


def _check_normalisation(normalisation: Any) -> None:
    if isinstance(normalisation, str):
        return check_known("normalisation", normalisation, (PUBLISHED, *NORMALISATIONS))
    good = isinstance(normalisation, tuple) and [len(each) for each in normalisation] == [CHANNELS] * 2
    if not (good and _all_within(normalisation[0], 0.0) and _all_within(normalisation[1], 1e-6)):
        raise InvalidInputError(
            f"Expected a normalisation of {PUBLISHED}, {', '.join(NORMALISATIONS)}, or a mean and a std of {CHANNELS} numbers "
            f"each, of pixels in [0, 1]; got {shortened(normalisation)}. Divide by 255 what is of pixels in [0, 255]."
        )
    return None


def _all_within(numbers: tuple[Any, ...], least: float) -> bool:
    return all(isinstance(number, int | float) and least <= number <= 1 for number in numbers)


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
    own: dict[str, Any] = {"normalisation": architecture.normalisation}
    if architecture.width is not None:
        own = {"width": architecture.width, "channels": architecture.channels}
    with Making(device):
        return ARCHITECTURES[architecture.name](**own, classes=architecture.classes)
