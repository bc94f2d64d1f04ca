"""What a network is built from, and the address that says who builds it."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stir.models.normalise import PUBLISHED
from stir.names import shortened

STIR, TORCHVISION, FILE = "stir", "torchvision", "file"
BARE = f"{TORCHVISION}."
"""How names of torchvision begin that have no prefix."""
NO_RESIZE = "none"


@dataclass(frozen=True)
class Address:
    """Who builds a network, and by what name."""

    prefix: str
    """Of a provider; `FILE` for ``file.py:callable``, which stands whole in the name."""
    name: str
    """As the provider calls it."""


def parse_address(text: str) -> Address:
    """Return who builds the network of an address, ``PREFIX:NAME``, or of a bare name, such as ``torchvision.resnet18``."""
    prefix, colon, name = text.partition(":")
    if not colon:
        return Address(TORCHVISION, text.removeprefix(BARE)) if text.startswith(BARE) else Address(STIR, text)
    return Address(FILE, text) if text.rpartition(":")[0].endswith(".py") else Address(prefix, name)


def canonical_name(text: str) -> str:
    """Return the form of an address that recipes carry: bare names where there are such, so that both forms are one network."""
    address = parse_address(text) if isinstance(text, str) else None
    if address is None or not address.name:
        return text
    if address.prefix == STIR:
        return address.name
    return BARE + address.name if address.prefix == TORCHVISION else text


@dataclass(frozen=True)
class Architecture:
    """What a network is built from; a checkpoint carries it.

    ``stir:resnet18`` and ``resnet18`` are one architecture, and so are ``torchvision:resnet50`` and ``torchvision.resnet50``.

    Examples
    --------
    >>> from stir.models import Architecture
    >>> Architecture("resnet18", width=64, classes=10)
    Architecture(name='resnet18', width=64, channels=3, classes=10, ...)
    """

    name: str
    """An address, ``PREFIX:NAME``, or a name in `ARCHITECTURES`."""
    width: int | None = None
    """Channels of the first stage, for this library's own networks alone."""
    channels: int = 3
    """Channels of the images."""
    classes: int | None = None
    """Outputs of the classifier; None for the network's own."""
    normalisation: Any = PUBLISHED
    """`PUBLISHED`, a name in `NORMALISATIONS`, or ``{"mean": ..., "std": ...}`` of pixels in [0, 1]."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the network's builder takes by name: numbers, texts, lists and mappings."""
    weights: str | None = None
    """Published weights that it begins with, by the name that its library gives them; ``"default"`` for the library's default."""
    resize: Any = None
    """Height and width that images are resized to; ``"none"`` to keep theirs; None for what the model's metadata say."""
    folder: Path | None = field(default=None, compare=False)
    """Folder that the path of a Python file is relative to; the working folder by default. No part of its identity."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", canonical_name(self.name))
        if isinstance(self.normalisation, Mapping) and self.normalisation.keys() == {"mean", "std"}:
            mean_and_std = tuple(map(tuple, (self.normalisation["mean"], self.normalisation["std"])))
            object.__setattr__(self, "normalisation", mean_and_std)
        if isinstance(self.resize, list):
            object.__setattr__(self, "resize", tuple(self.resize))
        object.__setattr__(self, "arguments", copy.deepcopy(dict(self.arguments)))

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict(), sort_keys=True, default=shortened))

    @property
    def address(self) -> Address:
        """Who builds it, and by what name."""
        return parse_address(self.name)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dictionary; without those at their default that older files lack."""
        normalisation = self.normalisation
        if isinstance(normalisation, tuple):
            normalisation = dict(zip(("mean", "std"), map(list, normalisation), strict=True))
        resize = list(self.resize) if isinstance(self.resize, tuple) else self.resize
        given = {
            "normalisation": None if normalisation == PUBLISHED else normalisation,
            "arguments": copy.deepcopy(self.arguments) or None,
            "weights": self.weights,
            "resize": resize,
        }
        always = {"name": self.name, "width": self.width, "channels": self.channels, "classes": self.classes}
        return always | {name: value for name, value in given.items() if value is not None}
